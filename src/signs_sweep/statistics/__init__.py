"""Statistics of runs: pure functions of arrays, without disk, clock or random state."""
