"""The results of a sweep: tables of runs and settings, and the answer to its question."""
