"""How fast runs are trained, beside what people use otherwise. `make bench` runs it.

Everything is measured in one go and interleaved: each repetition starts every contestant once, as a
process of its own, so that a machine that slows down slows all of them. Medians are shown, with
the smallest and the largest value. `docs/benchmarks.md` explains the lines.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
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
    "limit": "the limit: the products alone, one core",
    "trainer": "our trainer alone, one core",
}
TOOLS = {
    "with_optuna": ("Optuna + fit + MLflow's callback", "optuna"),
    "with_keras_tuner": ("Keras Tuner, grid search", "keras_tuner"),
    "with_ray_tune": ("Ray Tune, one trial a core", "ray"),
}
"""By script, what it is and the module it needs."""


@dataclass
class Line:
    """What was measured of one contestant.

    Attributes:
        title: what it is.
        milliseconds: for an epoch of one run, one value a repetition.
        by_variant: the same, by variant of the network.
        peak_mib: memory of its process.
    """

    title: str
    milliseconds: list[float] = field(default_factory=list)
    by_variant: dict[str, list[float]] = field(default_factory=dict)
    peak_mib: int = 0

    @property
    def median(self) -> float:
        """The middle one of the repetitions."""
        return statistics.median(self.milliseconds)

    def add(self, answer: dict[str, Any]) -> None:
        """Take in what a contestant said."""
        for variant, value in answer["milliseconds"].items():
            self.by_variant.setdefault(variant, []).append(value)
        self.milliseconds.append(statistics.mean(answer["milliseconds"].values()))
        self.peak_mib = max(self.peak_mib, answer["peak_mib"])


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="of each variant of a contestant")
    parser.add_argument("--sweep-epochs", type=int, default=500, help="of each run of the sweep")
    parser.add_argument("--json", type=Path, default=HERE / "results.json")
    given = parser.parse_args()
    lines = {name: Line(title) for name, title in CONTESTANTS.items()}
    for name, (title, module) in TOOLS.items():
        if find_spec(module) is None:
            print(f"left out: {title} ({module} is not installed; see docs/benchmarks.md)")
        else:
            lines[name] = Line(title)
    sweeps: list[Sweep] = []
    short: list[Sweep] = []
    for repetition in range(1, given.repeats + 1):
        for name, line in lines.items():
            say(f"{repetition}/{given.repeats} {line.title}")
            line.add(contest(name, given.epochs))
        say(f"{repetition}/{given.repeats} signs-sweep run")
        sweeps.append(measure_sweep(given.sweep_epochs))
        say(f"{repetition}/{given.repeats} signs-sweep run, short runs")
        short.append(measure_sweep(5, SHORT))
    result = {
        "machine": machine(),
        "options": {name: str(value) for name, value in vars(given).items()},
        "contestants": {name: asdict(line) for name, line in lines.items()},
        "sweep": [asdict(sweep) for sweep in sweeps],
        "short runs": [asdict(sweep) for sweep in short],
    }
    given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(table(lines, sweeps, short)))
    print(f"\nall figures: {given.json}")


def say(words: str) -> None:
    """Tell what is measured now."""
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


def contest(name: str, epochs: int) -> dict[str, Any]:
    """Run a contestant in a process of its own; return what it says."""
    command = [sys.executable, str(HERE / "contestants" / f"{name}.py"), "--epochs", str(epochs)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(
        command, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
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
    """Return what was measured, for a person."""
    base, tuned = lines["fit"].median, lines["tuned_fit"].median
    said = machine()
    rows = [
        "",
        f"{said['processor']}, {said['cores']} cores, TensorFlow {said['tensorflow']}",
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
    rows += ["", "our trainer, by variant:"]
    for variant, values in lines["trainer"].by_variant.items():
        limits = lines["limit"].by_variant[variant]
        ratio = statistics.median(map(truediv, values, limits))
        rows.append(f"  {variant:8} {statistics.median(values):6.1f} ms, {ratio:.2f} of the limit")
    rows += ["", "the sweep:"]
    for name, unit in (
        ("wall", "s from start to end"),
        ("start", "s until the first epoch was trained"),
        ("outside", "share of the time after it in which workers did not train"),
    ):
        rows.append(f"  {statistics.median(getattr(one, name) for one in sweeps):6.3g} {unit}")
    orchestrator = max(one.peak_mib["orchestrator"] for one in sweeps)
    rows.append(f"  {orchestrator:6} MiB at most in the orchestrator, {peak} in a worker")
    pace = statistics.median(one.runs_a_second for one in short)
    rows.append(f"\n{short[0].runs} short runs of 5 epochs: {pace:.1f} recorded a second")
    return rows


if __name__ == "__main__":
    main()
