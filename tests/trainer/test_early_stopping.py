"""Runs that a rule stops: the epochs that they train, the weights that they keep, and resuming."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from test_training import bits, history

from signs_sweep.data import DataSource
from signs_sweep.domain import PARAMETERS, Checkpoint, Dense, Parameters, Progress, Run
from signs_sweep.trainer.training import Trainer

pytestmark = pytest.mark.slow

MakeSource = Callable[..., DataSource]

COMMON = Parameters(learning_rate=3e-3, batch_size=12, epochs=300, keep_prob=0.8)


@pytest.fixture(scope="module")
def source(make_source: MakeSource) -> DataSource:
    return make_source()


@pytest.fixture(scope="module")
def trainer(source: DataSource) -> Trainer:
    """It makes a checkpoint after every call of the compiled loop."""
    return Trainer({source.load().fingerprint: source}, checkpoint_seconds=0)


@pytest.fixture
def make_run(source: DataSource) -> Callable[..., Run]:
    def make_run(epochs: int = 300, **options: object) -> Run:
        rule = PARAMETERS["early_stopping"].component("", options) if options else None
        parameters = replace(COMMON, epochs=epochs)
        if rule:
            parameters = replace(parameters, early_stopping=rule)
        return Run(parameters, Dense((6, 4)), 0.2, source.load().fingerprint)

    return make_run


def checkpoints(events: list) -> list[Checkpoint]:
    return [event for event in events if isinstance(event, Checkpoint)]


def trained(events: list) -> list:
    return [event for event in events if not isinstance(event, Checkpoint)]


def start(events: list) -> int:
    """Return the epoch from which a run resumed, or 0."""
    first = next(event for event in events if isinstance(event, Progress))
    return first.last_epoch if first.is_replay else 0


MakeRun = Callable[..., Run]


def test_what_is_kept_is_the_run_that_ends_at_the_chosen_epoch(
    trainer: Trainer, make_run: MakeRun
) -> None:
    """The weights, metrics, predictions and confusion are, to the bit, those of a shorter run."""
    events = trained(list(trainer.train(make_run(metric="val_loss", patience=20))))
    finished = events[-1]
    chosen, stopped = finished.chosen_epoch, finished.stopped_at
    assert stopped == chosen + 20 < 300
    losses = history(events)["val_loss"]
    assert len(losses) == stopped
    assert int(np.argmin(losses)) + 1 == chosen
    shorter = trained(list(trainer.train(make_run(chosen))))
    assert (shorter[-1].chosen_epoch, shorter[-1].stopped_at) == (None, None)
    cut = {name: values[:chosen] for name, values in history(events).items()}
    assert bits([Progress("", 1, cut, np.arange(chosen)), finished]) == bits(shorter)

    last = trained(list(trainer.train(make_run(metric="val_loss", patience=20, restore="last"))))
    assert (last[-1].chosen_epoch, last[-1].stopped_at) == (None, stopped)
    assert bits(last) == bits(trained(list(trainer.train(make_run(stopped)))))


def test_a_rule_that_does_not_stop_still_chooses(trainer: Trainer, make_run: MakeRun) -> None:
    *_, finished = trainer.train(make_run(70, metric="val_accuracy", patience=60))
    assert finished.stopped_at is None
    assert finished.chosen_epoch < 70


def test_only_a_run_that_its_rule_stopped_cannot_be_improving(
    trainer: Trainer, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_on = []
    monkeypatch.setattr(
        "signs_sweep.trainer.training.diagnose",
        lambda *_, was_continued: gone_on.append(was_continued),
    )
    *_, finished = trainer.train(make_run(metric="val_loss", patience=20))
    for epochs in (finished.stopped_at, finished.stopped_at - 1):
        *_, same = trainer.train(make_run(epochs, metric="val_loss", patience=20))
        assert same.chosen_epoch == finished.chosen_epoch
    assert gone_on == [True, True, False]


@pytest.mark.parametrize("metric", ["val_loss", "val_accuracy", "loss"])
def test_killed_after_any_call_and_resumed_it_gives_the_same_bits(
    trainer: Trainer, make_run: MakeRun, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(metric=metric, patience=20)
    events = list(trainer.train(run))
    expected = bits(trained(events)), events[-1].chosen_epoch
    monkeypatch.setattr("signs_sweep.trainer.training._SECONDS_A_CALL", 0)  # One epoch a call.
    single = list(trainer.train(run))
    made = checkpoints(single)
    assert (bits(trained(single)), single[-1].chosen_epoch) == expected
    assert [each.epoch for each in made if each.is_end] == [events[-1].stopped_at] * 2
    monkeypatch.undo()
    for checkpoint in made[:: len(made) // 4] + made[-1:]:
        resumed = list(trainer.train(run, checkpoint.content))
        assert start(resumed) == checkpoint.epoch
        assert (bits(trained(resumed)), resumed[-1].chosen_epoch) == expected


def test_runs_that_differ_in_the_rule_alone_share_epochs(
    trainer: Trainer, make_run: MakeRun
) -> None:
    short = make_run(metric="val_loss", patience=20, restore="last")
    end = checkpoints(list(trainer.train(short)))[-1]
    assert end.is_end
    assert end.least_patience == 20
    for other in (make_run(metric="val_loss", patience=40), make_run(150)):
        resumed = list(trainer.train(other, end.content))
        assert start(resumed) == end.epoch
        assert bits(trained(resumed)) == bits(trained(list(trainer.train(other))))


def test_without_the_best_weights_that_a_rule_needs_it_begins_again(
    trainer: Trainer, make_run: MakeRun
) -> None:
    run = make_run(metric="val_loss", patience=20)
    expected = bits(trained(list(trainer.train(run))))
    others = [
        make_run(50),
        make_run(50, metric="val_accuracy", patience=60),
        make_run(50, metric="val_loss", patience=60, min_delta=0.01),
        make_run(metric="val_loss", patience=40),  # Its end is after that of the run.
    ]
    for other in others:
        checkpoint = checkpoints(list(trainer.train(other)))[-1]
        events = list(trainer.train(run, checkpoint.content))
        assert start(events) == 0
        assert bits(trained(events)) == expected
