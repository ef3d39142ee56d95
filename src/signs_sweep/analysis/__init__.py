"""What comes of a sweep: the table of its runs and the pictures of a run."""
