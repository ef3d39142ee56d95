"""From specs to the runs they ask for: expansion, data and models, and the disk space they need."""
