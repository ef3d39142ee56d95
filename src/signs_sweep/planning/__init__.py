"""From specs to runs: expansion, data and models, and the disk space that runs need."""
