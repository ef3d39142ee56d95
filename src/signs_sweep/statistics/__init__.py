"""What numbers of runs say: pure functions of arrays, without disk, clock or random state."""
