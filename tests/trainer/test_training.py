"""A run through its epochs: the same bits each time, the right events, and how it fails."""

import itertools
import os
import pickle
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.data import TEST_FILE, TRAIN_FILE, DataSource, split_rows, write_dataset
from signs_sweep.domain import (
    SCORES,
    Checkpoint,
    Condition,
    Dense,
    Diagnosis,
    Event,
    Finished,
    Parameters,
    Progress,
    Run,
)
from signs_sweep.errors import DataError, DivergedError
from signs_sweep.statistics.scores import scores
from signs_sweep.trainer import checkpoint as snapshots
from signs_sweep.trainer import runtime
from signs_sweep.trainer.dense import DenseNetwork
from signs_sweep.trainer.evaluation import LabelledImages
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.training import Trainer

pytestmark = pytest.mark.slow

MakeSource = Callable[..., DataSource]

PARAMETERS = Parameters(
    learning_rate=1e-3, batch_size=12, epochs=8, l2=0.01, keep_prob=0.8, global_seed=3
)
"""Batches divide all 60 samples, and the 48 left by validation: programs without a rest."""


@pytest.fixture(scope="module")
def source(make_source: MakeSource) -> DataSource:
    return make_source()


@pytest.fixture(scope="module")
def grouped(source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> DataSource:
    """The same images, in groups of as many as a validation set has."""
    folder = tmp_path_factory.mktemp("grouped")
    groups = np.repeat(["a", "b", "c", "d", "e"], 12)
    write_dataset(replace(source.load(), train_groups=groups), folder)
    return replace(source, train=folder / TRAIN_FILE, test=folder / TEST_FILE)


@pytest.fixture(scope="module")
def trainer(source: DataSource, grouped: DataSource, make_source: MakeSource) -> Trainer:
    """One for all tests: what it compiles serves the next, and must not change its numbers."""
    return trainer_for(source, grouped, make_source("other", seed=1))


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[EpochLoop]:
    """The loops that were compiled, each as often as it was."""
    compiled: list[EpochLoop] = []
    epochs = EpochLoop._epochs

    def traced(loop: EpochLoop, *values: object) -> object:
        compiled.append(loop)
        return epochs(loop, *values)

    monkeypatch.setattr(EpochLoop, "_epochs", traced)
    return compiled


def run_on(source: DataSource, validation: float = 0.0, **changes: object) -> Run:
    parameters = replace(PARAMETERS, **changes)
    return Run(parameters, Dense((6, 4)), validation, source.load().fingerprint)


def trainer_for(*sources: DataSource) -> Trainer:
    return Trainer({source.load().fingerprint: source for source in sources})


def history(events: list[Event]) -> dict[str, np.ndarray]:
    parts = [event for event in events if isinstance(event, Progress)]
    return {name: np.concatenate([p.metrics[name] for p in parts]) for name in parts[0].metrics}


def bits(events: list[Event]) -> str:
    """Return a digest of everything that a run computes; times are left out."""
    digest = sha256()
    for name, values in sorted(history(events).items()):
        digest.update(name.encode() + values.tobytes())
    finished = events[-1]
    digest.update(repr(sorted(finished.metrics.items())).encode() + finished.confusion.tobytes())
    for of_set in finished.predictions.values():
        digest.update(of_set.images.tobytes() + of_set.probabilities.tobytes())
    for weight in weights(finished):
        digest.update(weight.tobytes())
    return digest.hexdigest()


def weights(finished: Finished) -> list[np.ndarray]:
    import keras

    with tempfile.NamedTemporaryFile(suffix=".keras") as file:
        Path(file.name).write_bytes(finished.model)
        return keras.saving.load_model(file.name).get_weights()


class TestEvents:
    def test_epochs_come_in_order_each_once_and_then_the_end(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        run = run_on(source, epochs=40)
        *parts, finished = trainer.train(run)
        assert all(isinstance(part, Progress) for part in parts)
        assert isinstance(finished, Finished)
        assert {event.run_id for event in (*parts, finished)} == {run.run_id}
        assert parts[0].first_epoch == 1
        for part, following in itertools.pairwise(parts):
            assert following.first_epoch == part.last_epoch + 1
        assert parts[-1].last_epoch == 40
        times = np.concatenate([part.times for part in parts])
        assert times.dtype == np.int64
        assert np.all(np.diff(times) >= 0)
        assert parts[0].metrics.keys() == {"loss", "accuracy"}

    def test_the_end_has_the_metrics_of_the_network(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        finished = list(trainer.train(run_on(source)))[-1]
        assert finished.metrics.keys() == {
            "final_train_loss",
            "final_train_accuracy",
            "test_loss",
            "test_accuracy",
            *(f"test_{name}" for name in SCORES),
            "dead_units_1",
            "dead_units_2",
        }
        assert finished.confusion.shape == (3, 3)
        assert finished.confusion.sum(axis=1).tolist() == [10, 10, 10]
        correct = np.trace(finished.confusion) / 30
        assert finished.metrics["test_accuracy"] == pytest.approx(correct)
        assert finished.seconds > 0
        assert finished.guessing_since is None
        assert finished.diagnosis is None, "8 epochs are too few"
        assert max(finished.metrics["dead_units_1"], finished.metrics["dead_units_2"]) < 1

    def test_the_end_has_the_epoch_since_which_a_dead_network_has_only_guessed(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        """The first steps are so large that no hidden unit is active any longer."""
        finished = list(trainer.train(run_on(source, learning_rate=10, l2=0, epochs=100)))[-1]
        assert finished.guessing_since is not None
        assert finished.guessing_since <= 85
        assert finished.diagnosis == Diagnosis(Condition.COLLAPSED, finished.guessing_since, 0)
        assert max(finished.metrics["dead_units_1"], finished.metrics["dead_units_2"]) == 1
        assert np.count_nonzero(finished.confusion.sum(axis=0)) == 1

    def test_a_validation_share_adds_its_metrics_and_is_not_trained_on(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        events = list(trainer.train(run_on(source, validation=0.2)))
        assert history(events).keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert bits(events) != bits(list(trainer.train(run_on(source))))

    def test_the_end_has_the_probabilities_of_the_images_that_were_not_trained_on(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        data, run = source.load(), run_on(source, validation=0.2)
        *_, last, finished = trainer.train(run)
        assert finished.predictions.keys() == {"validation", "test"}
        held_out, test = finished.predictions["validation"], finished.predictions["test"]
        assert held_out.images.tolist() == split_rows(data.train_labels, None, 0.2)[1].tolist()
        assert held_out.labels.tolist() == data.train_labels[held_out.images].tolist()
        assert test.images.tolist() == list(range(30))
        assert test.labels.tolist() == data.test_labels.tolist()
        for of_set, accuracy in (
            (held_out, last.metrics["val_accuracy"][-1]),
            (test, finished.metrics["test_accuracy"]),
        ):
            assert of_set.probabilities.dtype == np.float32
            np.testing.assert_allclose(of_set.probabilities.sum(axis=1), 1, rtol=1e-6)
            assert (of_set.predicted == of_set.labels).mean() == pytest.approx(accuracy)
        assert scores(finished.predictions).items() <= finished.metrics.items()
        assert finished.metrics["test_nll"] == pytest.approx(finished.metrics["test_loss"])
        assert finished.metrics["val_nll"] < last.metrics["val_loss"][-1], "that has a penalty"

    def test_no_group_is_both_trained_on_and_held_out(
        self, grouped: DataSource, trainer: Trainer
    ) -> None:
        data = grouped.load()
        groups = data.train_groups
        *_, last, finished = trainer.train(run_on(grouped, validation=0.2))
        held_out = finished.predictions["validation"]
        assert held_out.images.tolist() == split_rows(data.train_labels, groups, 0.2)[1].tolist()
        accuracy = (held_out.predicted == held_out.labels).mean()
        assert accuracy == pytest.approx(last.metrics["val_accuracy"][-1])

    def test_a_run_that_is_not_tested_has_no_predictions_for_the_test_set(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        *_, searched = trainer.train(run_on(source, validation=0.2), is_tested=False)
        assert searched.predictions.keys() == {"validation"}
        assert not any(name.startswith("test_") for name in searched.metrics)
        assert list(trainer.train(run_on(source)))[-1].predictions.keys() == {"test"}


class TestSameBits:
    def test_a_run_gives_the_same_bits_first_again_and_after_others(
        self, source: DataSource, trainer: Trainer, make_source: MakeSource
    ) -> None:
        other = make_source("other", seed=1)
        run = run_on(source)
        first = bits(list(trainer.train(run)))
        assert bits(list(trainer.train(run))) == first
        list(trainer.train(run_on(source, learning_rate=0.1, keep_prob=1.0, l2=0.0)))
        next(trainer.train(run_on(source, epochs=500, global_seed=9)))  # given up in the middle
        list(trainer.train(run_on(other, init_seed=4)))
        assert bits(list(trainer.train(run))) == first

    def test_a_run_gives_the_same_bits_in_a_new_process(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        run = run_on(source)
        code = (
            "import pickle, sys; import test_training as t; source, run = "
            "pickle.load(sys.stdin.buffer); print(t.bits(list(t.trainer_for(source).train(run))))"
        )
        result = subprocess.run(
            [sys.executable, "-c", code],
            input=pickle.dumps((source, run)),
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            check=True,
        )
        assert result.stdout.decode().split()[-1] == bits(list(trainer.train(run)))

    def test_a_longer_run_begins_with_the_shorter_one(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        short = history(list(trainer.train(run_on(source, epochs=5))))
        long = history(list(trainer.train(run_on(source, epochs=50))))
        assert long["loss"][:5].tobytes() == short["loss"].tobytes()

    def test_how_many_epochs_go_into_one_call_does_not_matter(self) -> None:
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (50, 16, 32, 1)).astype(np.uint8)
        shown = LabelledImages(images, rng.integers(0, 3, 50))
        loop = EpochLoop(DenseNetwork((16, 32, 1), Dense((6, 4)), 3), 16, len(shown))

        def results(*calls: int) -> tuple[bytes, list[bytes]]:
            loop.start(PARAMETERS)
            losses = np.concatenate([loop.advance(count, shown)["loss"] for count in calls])
            return losses.tobytes(), [part.tobytes() for part in loop.network.weights()]

        together = results(6)
        assert results(1, 1, 1, 1, 1, 1) == together
        assert results(4, 2) == together

    def test_splits_of_the_same_sizes_share_a_program_and_not_their_results(
        self, source: DataSource, traces: list[EpochLoop]
    ) -> None:
        data = source.load()
        images, labels = data.train_images, data.train_labels

        def loop_of() -> EpochLoop:
            return EpochLoop(DenseNetwork((16, 32, 1), Dense((6, 4)), 3), 15, 45, 15)

        def results(
            loop: EpochLoop, fold: int, whole: LabelledImages | None = None
        ) -> tuple[list[bytes], weakref.ref]:
            held_out = np.arange(len(labels)) % 4 == fold
            parts = [
                whole.take(np.flatnonzero(of)) if whole else LabelledImages(images[of], labels[of])
                for of in (~held_out, held_out)
            ]
            loop.start(PARAMETERS)
            curves = [loop.advance(count, *parts) for count in (3, 5)]
            arrays = [*curves[0].values(), *curves[1].values(), *loop.network.weights()]
            return [values.tobytes() for values in arrays], weakref.ref(parts[0].tensors[0])

        loop = loop_of()
        shared = [results(loop, fold) for fold in (0, 1, 2, 0)]
        assert traces == [loop]
        assert [kept() for _, kept in shared] == [None] * 4, "the loop keeps no data"
        assert shared[3][0] == shared[0][0]
        assert len({bits[0] for bits, _ in shared}) == 3
        other, whole = loop_of(), LabelledImages(images, labels)
        taken = [results(other, fold, whole) for fold in (2, 1)]  # The first of them alone.
        assert [bits for bits, _ in taken] == [shared[2][0], shared[1][0]]
        assert {tensor() is whole.tensors[0] for _, tensor in taken} == {True}, "one copy of all"

    @pytest.mark.parametrize(
        "change",
        [
            {"global_seed": 4},
            {"init_seed": 1},
            {"l2": 0.02},
            {"keep_prob": 0.7},
            {"learning_rate": 2e-3},
            {"batch_size": 60},
        ],
    )
    def test_whatever_is_part_of_the_identity_changes_the_bits(
        self, source: DataSource, trainer: Trainer, change: dict
    ) -> None:
        loss = history(list(trainer.train(run_on(source))))["loss"]
        other = history(list(trainer.train(run_on(source, **change))))["loss"]
        assert not np.array_equal(loss, other)


class TestBreakingOff:
    def test_a_run_that_diverges_says_so_after_its_finite_epochs(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        # A step of 1e15 a weight and its squares in the penalty leave float32 in the second epoch.
        run = run_on(source, learning_rate=1e18, l2=1.0, epochs=40, batch_size=60)
        seen: list[Event] = []
        with pytest.raises(DivergedError) as caught:
            seen.extend(trainer.train(run))
        assert caught.value.epoch == 2
        assert f"in epoch {caught.value.epoch}" in str(caught.value)
        assert caught.value.chance == 1 / 3
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (str(copy), copy.epoch, copy.chance) == (str(caught.value), 2, 1 / 3)
        assert history(seen)["loss"].shape == (caught.value.epoch - 1,)
        assert all(np.isfinite(values).all() for values in history(seen).values())

    def test_a_run_that_breaks_in_its_last_step_has_diverged_too(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        run = run_on(source, learning_rate=1e30, epochs=1, batch_size=60)
        with pytest.raises(DivergedError, match="in epoch 1") as caught:
            list(trainer.train(run))
        assert caught.value.chance == 1 / 3

    def test_the_next_run_is_not_harmed(self, source: DataSource, trainer: Trainer) -> None:
        clean = bits(list(trainer.train(run_on(source))))
        with pytest.raises(DivergedError):
            list(trainer.train(run_on(source, learning_rate=1e30)))
        assert bits(list(trainer.train(run_on(source)))) == clean

    def test_data_that_changed_since_the_plan_is_not_trained_on(
        self, make_source: MakeSource
    ) -> None:
        source = make_source("changing")
        run = run_on(source)
        trainer = trainer_for(source)
        make_source("changing", seed=7)
        with pytest.raises(DataError, match="has changed since the sweep began") as caught:
            list(trainer.train(run))
        assert run.data in str(caught.value)
        assert source.load().fingerprint in str(caught.value)


class TestCheckpoints:
    @pytest.fixture(scope="class")
    def keeping(self, source: DataSource) -> Trainer:
        """A trainer that makes as many checkpoints as possible."""
        return Trainer({source.load().fingerprint: source}, checkpoint_seconds=0)

    def test_there_is_one_after_every_progress_and_one_at_the_end(
        self, source: DataSource, keeping: Trainer
    ) -> None:
        events = list(keeping.train(run_on(source, validation=0.2, epochs=40)))
        made = [event for event in events if isinstance(event, Checkpoint)]
        assert len(made) > 2
        assert [checkpoint.is_end for checkpoint in made[-2:]] == [True, True]
        assert not any(checkpoint.is_end for checkpoint in made[:-2])
        assert made[-1].epoch == 40

    def test_a_run_that_resumes_gives_the_bits_of_one_that_was_never_interrupted(
        self, source: DataSource, keeping: Trainer, trainer: Trainer
    ) -> None:
        run = run_on(source, epochs=40, validation=0.2)
        expected = bits(list(trainer.train(run)))
        events = keeping.train(run)
        first = next(event for event in events if isinstance(event, Checkpoint))
        events.close()
        for checkpoint in (first, keeping.checkpoint()):
            resumed = list(trainer.train(run, checkpoint.content))
            assert resumed[0].is_replay
            assert resumed[0].last_epoch == checkpoint.epoch < 40
            assert bits(resumed) == expected

    def test_a_longer_run_resumes_from_the_end_of_a_shorter_one(
        self, source: DataSource, keeping: Trainer, trainer: Trainer
    ) -> None:
        end = list(keeping.train(run_on(source, validation=0.2, epochs=5)))[-2]
        long = run_on(source, validation=0.2, epochs=12)
        resumed = list(trainer.train(long, end.content))
        assert [part.first_epoch for part in resumed[:2]] == [1, 6]
        assert bits(resumed) == bits(list(trainer.train(long)))

    def test_a_run_whose_last_epoch_is_in_the_checkpoint_is_only_evaluated(
        self, source: DataSource, keeping: Trainer, trainer: Trainer
    ) -> None:
        run = run_on(source, validation=0.2, epochs=5)
        end = list(keeping.train(run))[-2]
        before, finished = trainer.train(run, end.content)
        assert before.last_epoch == 5
        assert bits([before, finished]) == bits(list(trainer.train(run)))

    @pytest.mark.parametrize("kind", ["nonsense", "another run"])
    def test_an_invalid_checkpoint_is_not_used(
        self, source: DataSource, keeping: Trainer, trainer: Trainer, kind: str
    ) -> None:
        run = run_on(source, validation=0.2, epochs=5)
        other = list(keeping.train(run_on(source, validation=0.2, epochs=3, l2=0.5)))[-2].content
        content = b"nonsense" if kind == "nonsense" else other
        assert bits(list(trainer.train(run, content))) == bits(list(trainer.train(run)))

    def test_a_run_knows_the_kinds_of_processors_that_trained_it(
        self,
        source: DataSource,
        keeping: Trainer,
        trainer: Trainer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        first, second = "Old, avx2", "New, avx512f"

        def train(kind: str, run: Run, content: bytes | None = None) -> list[Event]:
            name, vectors = kind.split(", ")
            environment = {"processor": name, "vectors": vectors}
            monkeypatch.setattr(runtime, "describe", lambda: environment)
            return list(keeping.train(run, content))

        *_, end, finished = train(first, run_on(source, epochs=3))
        assert end.kinds == finished.kinds == {1: first}
        before, *_, end, finished = train(second, run_on(source, epochs=5), end.content)
        assert (before.is_replay, before.kinds) == (True, {1: first})
        assert end.kinds == finished.kinds == {1: first, 4: second}
        *_, again = train(first, run_on(source, epochs=5), end.content)
        assert again.kinds == finished.kinds, "it trained no epoch"
        monkeypatch.setattr(snapshots, "kinds_text", lambda _: "{}")  # As in earlier versions.
        *_, old, _ = train(first, run_on(source, epochs=3))
        *_, finished = train(second, run_on(source, epochs=5), old.content)
        assert finished.kinds == {4: second}

    def test_without_checkpoint_seconds_there_are_none(
        self, source: DataSource, trainer: Trainer
    ) -> None:
        events = list(trainer.train(run_on(source, epochs=3)))
        assert not any(isinstance(event, Checkpoint) for event in events)
        assert trainer.checkpoint() is None

    def test_a_state_beyond_the_epochs_that_were_reported_is_never_kept(
        self, source: DataSource, keeping: Trainer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A call that diverges in the middle has reported only its first epochs."""
        run = run_on(source, validation=0.2, epochs=40)
        events: list[Event] = []
        advance = EpochLoop.advance

        def broken(loop: EpochLoop, epochs: int, *data: LabelledImages) -> dict[str, np.ndarray]:
            metrics = advance(loop, epochs, *data)
            if epochs > 2:
                metrics["loss"][2:] = np.nan
            return metrics

        monkeypatch.setattr(EpochLoop, "advance", broken)
        with pytest.raises(DivergedError) as caught:
            events.extend(keeping.train(run))
        made = [event for event in events if isinstance(event, Checkpoint)]
        assert made[-1].epoch == caught.value.epoch - 3
        assert keeping.checkpoint() is None
