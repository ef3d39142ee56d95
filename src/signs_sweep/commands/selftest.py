"""A tiny run, trained twice: undisturbed, and with its process killed. Both give the same bits."""

import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from signs_sweep.commands.doctor import Check, Status
from signs_sweep.commands.options import Options
from signs_sweep.commands.running import begin
from signs_sweep.commands.store import Store
from signs_sweep.data import draw_dataset, write_dataset
from signs_sweep.domain import CURVE_METRICS, News, Retried, Run
from signs_sweep.domain.formats import duration
from signs_sweep.errors import DataWarning
from signs_sweep.executors import LocalExecutor
from signs_sweep.planning.preparation import Prepared, prepare
from signs_sweep.project.databases import sqlite_uri
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.trainer.checkpoint import Snapshot

# One sample a step makes epochs slow: the process is killed long before the last.
_SPEC = """\
name: selftest
data: ./data
validation: 0.2
model: {hidden: [100, 50]}
base: {batch_size: 1, learning_rate: 1e-4, keep_prob: 0.9, epochs: 150}
"""
_SIDE, _IMAGES = 16, 120
_ADVICE = "Report this, with all of this text: resumed runs cannot be trusted here."


def selftest() -> Iterator[Check]:
    """Train a tiny run in worker processes, undisturbed and killed once, and compare all bits.

    Needs no network, and leaves nothing behind.

    Raises:
        SignsSweepError: the run cannot be trained or recorded.
    """
    with TemporaryDirectory(prefix="signs-sweep-") as name:
        folder, began = Path(name), time.monotonic()
        size, tests = (_SIDE, _SIDE), _IMAGES // 4
        write_dataset(draw_dataset(0, size, _IMAGES, tests), folder / "data")
        (folder / "selftest.yaml").write_text(_SPEC, encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            prepared = prepare([folder / "selftest.yaml"])
        uris = [sqlite_uri(folder / place / "mlflow.db") for place in ("undisturbed", "killed")]
        Store(uris[0]).tracker.open([])
        (folder / "killed").mkdir()
        shutil.copy(folder / "undisturbed" / "mlflow.db", folder / "killed")
        yield _passed("prepared", "a dataset, a spec and a store", began)
        (run,) = prepared.plan.runs.values()
        for uri, is_killed in zip(uris, (False, True), strict=True):
            yield from _train(prepared, uri, is_killed=is_killed)
        began = time.monotonic()
        found = [_bits(uri, run) for uri in uris]
        wrong = [what for what in found[0] if not are_equal(found[0][what], found[1].get(what, []))]
        if wrong:
            yield Check("compared", Status.ERROR, f"different: {', '.join(wrong)}", _ADVICE)
        else:
            yield _passed("compared", f"the same bits: {', '.join(found[0])}", began)


def _train(prepared: Prepared, uri: str, *, is_killed: bool) -> Iterator[Check]:
    """Train the run; kill its process as soon as there is a checkpoint, if it is to be killed."""
    name, began = "killed and resumed" if is_killed else "trained", time.monotonic()
    running = begin(prepared, uri, _options(uri))
    (run,) = prepared.plan.runs.values()
    retried: list[Retried] = []
    killed = not is_killed

    def listen(event: News | None) -> None:
        nonlocal killed
        if isinstance(event, Retried):
            retried.append(event)
        if not killed and running.session and running.store.checkpoints.latest_epoch(run):
            assert isinstance(running.session.executor, LocalExecutor)
            running.session.executor.kill(run.run_id)
            killed = True

    outcome = running.execute(listen)
    epochs = run.parameters.epochs
    if outcome.was_interrupted:
        raise KeyboardInterrupt
    if outcome.failures or outcome.unwritten:
        why = outcome.unwritten or outcome.failures[0].message or "it failed"
        yield Check(name, Status.ERROR, why, _ADVICE)
    elif not is_killed:
        yield _passed(name, f"{epochs} epochs in a worker process", began)
    elif retried and 0 < retried[0].epoch < epochs:
        yield _passed(name, f"at epoch {retried[0].epoch} of {epochs}", began)
    else:
        what = "the process was not killed in the middle of the run"
        yield Check(name, Status.WARNING, what, "Try it again: the machine may be busy.")


def _options(uri: str) -> Options:
    """Return options that share nothing with other machines, whatever the environment names."""
    own = ProjectPaths(uri).checkpoints
    return Options(workers=1, checkpoint_seconds=0, report=False, checkpoints=own, claims="")


def _passed(name: str, found: str, began: float) -> Check:
    return Check(name, Status.OK, f"{found} ({duration(time.monotonic() - began)})")


def _bits(uri: str, run: Run) -> dict[str, list[np.ndarray]]:
    """Return what is kept of a run, by what it is."""
    store = Store(uri, sharing=_options(uri))
    rows = store.rows()
    (result,) = [row.result for row in rows if row.result is not None and row.result.location]
    location = result.location or ""
    content = store.checkpoints.latest(run)
    curves = store.index.curves([location], CURVE_METRICS)[location]
    predictions = store.index.predictions([location])[location]
    assert content is not None
    values = [result.metrics[name] for name in sorted(result.metrics)]
    return {
        "weights": list(Snapshot.from_bytes(content, run.trajectory_id).state),
        "epochs": [array for name in sorted(curves) for array in curves[name]],
        "metrics": [np.array(values)],
        "predictions": [predictions[name].probabilities for name in sorted(predictions)],
        "record": [np.array([len(rows), result.epochs]), np.array(result.state.value)],
    }


def are_equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    """Whether arrays have the same bits."""
    contents = [
        [(array.dtype, array.shape, array.tobytes()) for array in each] for each in (first, second)
    ]
    return bool(first) and contents[0] == contents[1]
