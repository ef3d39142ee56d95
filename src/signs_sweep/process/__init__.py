"""What the operating system gives a process: signals, and files that survive a crash."""
