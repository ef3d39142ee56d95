"""How fast runs are trained, compared with other tools. `make bench` runs it.

Measurements are interleaved: each repetition starts every contestant once, in a separate process,
so that a machine that slows down slows all of them. The output shows medians with the smallest and
the largest value. `docs/benchmarks.md` explains the lines.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from operator import truediv
from pathlib import Path
from typing import Any

from signs_sweep.executors import default_workers
from signs_sweep.trainer.runtime import processor
from sweep import SHORT, Sweep, measure_sweep

HERE = Path(__file__).parent
CONTESTANTS = {
    "fit": "model.fit, run after run",
    "tuned_fit": "model.fit, steps_per_execution = a whole epoch",
    "limit": "the limit: matrix products only, one core",
    "trainer": "signs-sweep's trainer only, one core",
}
CHOICES = ("sgd", "adamw, cosine", "batch norm", "augmentation")
"""The choices for which the trainer is compared with `fit`; see `contestants/common.py`."""
TOOLS = {
    "with_optuna": ("Optuna + fit + MLflow's callback", "optuna"),
    "with_keras_tuner": ("Keras Tuner, grid search", "keras_tuner"),
    "with_ray_tune": ("Ray Tune, one trial per core", "ray"),
}
"""By script, its title and the module that it needs."""


@dataclass
class Line:
    """The measurements of a contestant.

    Attributes:
        title: its name in the output.
        milliseconds: per epoch and run, one value per repetition.
        by_variant: the same, by variant of the network.
        peak_mib: peak memory of its process.
    """

    title: str
    milliseconds: list[float] = field(default_factory=list)
    by_variant: dict[str, list[float]] = field(default_factory=dict)
    peak_mib: int = 0

    @property
    def median(self) -> float:
        """The median of the repetitions."""
        return statistics.median(self.milliseconds)

    def add(self, report: dict[str, Any]) -> None:
        """Add the report of a contestant."""
        for variant, value in report["milliseconds"].items():
            self.by_variant.setdefault(variant, []).append(value)
        self.milliseconds.append(statistics.mean(report["milliseconds"].values()))
        self.peak_mib = max(self.peak_mib, report["peak_mib"])


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="of each variant of a contestant")
    parser.add_argument("--sweep-epochs", type=int, default=500, help="of each run of the sweep")
    parser.add_argument("--json", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    lines = {name: Line(title) for name, title in CONTESTANTS.items()}
    for name, (title, module) in TOOLS.items():
        if find_spec(module) is None:
            print(f"skipped: {title} ({module} is not installed; see docs/benchmarks.md)")
        else:
            lines[name] = Line(title)
    choices = {name: Line(CONTESTANTS[name]) for name in ("fit", "trainer")}
    sweeps: list[Sweep] = []
    short: list[Sweep] = []
    for repetition in range(1, options.repeats + 1):
        for name, line in lines.items():
            log(f"{repetition}/{options.repeats} {line.title}")
            line.add(contest(name, options.epochs))
        for name, line in choices.items():
            log(f"{repetition}/{options.repeats} {line.title}, other choices")
            line.add(contest(name, options.epochs, CHOICES))
        log(f"{repetition}/{options.repeats} signs-sweep run")
        sweeps.append(measure_sweep(options.sweep_epochs))
        log(f"{repetition}/{options.repeats} signs-sweep run, short runs")
        short.append(measure_sweep(5, SHORT))
    result = {
        "machine": machine(),
        "options": {name: str(value) for name, value in vars(options).items()},
        "contestants": {name: asdict(line) for name, line in lines.items()},
        "choices": {name: asdict(line) for name, line in choices.items()},
        "sweep": [asdict(sweep) for sweep in sweeps],
        "short runs": [asdict(sweep) for sweep in short],
    }
    options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join([*table(lines, sweeps, short), *table_of_choices(choices)]))
    print(f"\nall measurements: {options.json}")


def log(text: str) -> None:
    """Print a line about the progress, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def contest(name: str, epochs: int, variants: Sequence[str] = ()) -> dict[str, Any]:
    """Run a contestant in a separate process; return its report."""
    command = [sys.executable, str(HERE / "contestants" / f"{name}.py"), "--epochs", str(epochs)]
    command += ["--variants", *variants] if variants else []
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        command, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def machine() -> dict[str, Any]:
    """Return what the measurements depend on."""
    from importlib.metadata import version

    name, flags = processor()
    return {
        "processor": name,
        "cores": default_workers(),
        "avx512": "avx512f" in flags,
        "system": platform.platform(),
        "python": platform.python_version(),
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
        "date": time.strftime("%Y-%m-%d"),
    }


def table(lines: dict[str, Line], sweeps: list[Sweep], short: list[Sweep]) -> list[str]:
    """Return the lines of the table for the terminal."""
    base, tuned = lines["fit"].median, lines["tuned_fit"].median
    here = machine()
    rows = [
        "",
        f"{here['processor']}, {here['cores']} cores, TensorFlow {here['tensorflow']}",
        "",
        f"{'':46} {'ms per epoch and run':>24} {'to fit':>7} {'to tuned':>8} {'MiB':>6}",
    ]
    for line in lines.values():
        spread = f"{line.median:.1f} ({min(line.milliseconds):.1f}-{max(line.milliseconds):.1f})"
        ratios = f"{base / line.median:>6.1f}x {tuned / line.median:>7.1f}x"
        rows.append(f"{line.title:46} {spread:>24} {ratios} {line.peak_mib:>6}")
    values = [sweep.milliseconds for sweep in sweeps]
    middle = statistics.median(values)
    spread = f"{middle:.1f} ({min(values):.1f}-{max(values):.1f})"
    title = f"signs-sweep run, {sweeps[0].workers} workers, {sweeps[0].runs} runs, MLflow"
    peak = max(sweep.peak_mib["worker"] for sweep in sweeps)
    rows.append(f"{title:46} {spread:>24} {base / middle:>6.1f}x {tuned / middle:>7.1f}x {peak:>6}")
    rows += ["", "signs-sweep's trainer, by variant:"]
    for variant, values in lines["trainer"].by_variant.items():
        limits = lines["limit"].by_variant[variant]
        ratio = statistics.median(map(truediv, values, limits))
        rows.append(f"  {variant:8} {statistics.median(values):6.1f} ms, {ratio:.2f}x the limit")
    rows += ["", "the sweep:"]
    for name, unit in (
        ("wall", "s from start to end"),
        ("start", "s until the first epoch was trained"),
        ("outside", "share of the time after that in which workers did not train"),
    ):
        rows.append(f"  {statistics.median(getattr(sweep, name) for sweep in sweeps):6.3g} {unit}")
    orchestrator = max(sweep.peak_mib["orchestrator"] for sweep in sweeps)
    rows.append(f"  {orchestrator:6} MiB peak in the orchestrator, {peak} in a worker")
    pace = statistics.median(sweep.runs_a_second for sweep in short)
    rows.append(f"\n{short[0].runs} short runs of 5 epochs: {pace:.1f} recorded per second")
    return rows


def table_of_choices(lines: dict[str, Line]) -> list[str]:
    """Return the lines that compare the trainer with `fit` for other choices."""
    rows = [
        "",
        f"{'signs-sweep, other choices':30} {'fit, ms':>10} {'trainer, ms':>12} {'ratio':>7}",
    ]
    for name in CHOICES:
        fit, own = (lines[key].by_variant[name] for key in ("fit", "trainer"))
        ratio = statistics.median(map(truediv, fit, own))
        medians = f"{statistics.median(fit):10.1f} {statistics.median(own):12.1f}"
        rows.append(f"  {name:28} {medians} {ratio:6.1f}x")
    return rows


if __name__ == "__main__":
    main()
