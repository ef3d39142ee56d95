"""The operating-system process: its signals."""
