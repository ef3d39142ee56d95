"""`python -m signs_sweep` is `signs-sweep`."""

from signs_sweep.cli import program

if __name__ == "__main__":
    program()
