"""`python -m signs_sweep` is `signs-sweep`."""

from signs_sweep.cli import main

if __name__ == "__main__":
    main()
