"""Whether the memory of workers and orchestrator grows over many runs.

    python bench/memory.py [--runs 200]

Runs a sweep of many short runs in a new folder, and prints the resident memory of each process
in MiB during the sweep.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

SPEC = """\
name: memory
data: signs
base: {{batch_size: 32, epochs: 5}}
cases: [{{l2: 0}}]
seeds: {runs}
"""


def main() -> None:
    """Run the sweep; print a line each time another twentieth of the runs has ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "memory.yaml").write_text(SPEC.format(runs=options.runs), encoding="utf-8")
        data = os.environ.get("SIGNS_DATA")
        variables = {"SIGNS_DATA": str(Path(data).absolute())} if data else {}
        process = subprocess.Popen(
            [sys.executable, "-m", "signs_sweep", "run", "memory.yaml", "--quiet"],
            cwd=folder,
            env=os.environ | variables,
            stdout=subprocess.DEVNULL,
        )
        print("runs ended, orchestrator, workers (MiB)")
        following = 0
        while process.poll() is None:
            ended = _ended(folder / "mlruns" / "mlflow.db")
            if ended >= following:
                following = ended + options.runs // 20
                workers = [_resident(pid) for pid in _children(process.pid)]
                print(f"{ended:5}  {_resident(process.pid):5}  {workers}", flush=True)
            time.sleep(0.5)
    sys.exit(process.returncode)


def _ended(database: Path) -> int:
    with suppress(sqlite3.Error), closing(_opened(database)) as connection:
        query = "SELECT count(*) FROM runs WHERE status = 'FINISHED'"
        return int(connection.execute(query).fetchone()[0])
    return 0


def _opened(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def _resident(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024
    return 0


if __name__ == "__main__":
    main()
