"""What a report contains, as numbers and texts; how it looks is decided by its forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.analysis.comparison import Comparison
from signs_sweep.analysis.settings import Replicates
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import Seeds


class Fact(NamedTuple):
    """A line of a list of facts, such as `data: signs, 1,080 training images`."""

    name: str
    value: str


@dataclass(frozen=True, eq=False)
class SettingReport:
    """A setting: a row of the main table.

    Attributes:
        replicates: its runs.
        name: what distinguishes it from the others.
        colour: its position in the palette, the same on the whole page; None for the settings that
            share grey, as there are more settings than colours. The baseline has 0.
        is_baseline: whether others are compared with it.
        is_best: whether its mean is the best.
        scores: the compared metric by pair of seeds.
        failed_seeds: the pairs of seeds with a run that failed to learn.
        mean: mean over the pairs of seeds, or None.
        deviation: standard deviation over them, or None.
        verdict: compared with its baseline, or None.
        metrics: means of further metrics over its runs, such as `final_train_accuracy`.
        diagnosis: how many of its runs have each condition, as text.
        is_selected: whether early stopping chose epochs on the images of the compared metric, so
            that its values are too good.
    """

    replicates: Replicates
    name: str
    colour: int | None
    is_baseline: bool
    is_best: bool
    scores: Mapping[Seeds, float]
    failed_seeds: frozenset[Seeds]
    mean: float | None
    deviation: float | None
    verdict: Verdict | None
    metrics: Mapping[str, float]
    diagnosis: str
    is_selected: bool = False


@dataclass(frozen=True, eq=False)
class Band:
    """The curves of the runs of a setting, summarised epoch by epoch.

    Attributes:
        setting: name of the setting.
        colour: as in `SettingReport`.
        runs: number of runs.
        epochs: numbers of the epochs shown, int64 of shape (n,).
        middle: median over the runs, float64 of shape (n,).
        low: their 10 % quantile, float64 of shape (n,).
        high: their 90 % quantile, float64 of shape (n,).
    """

    setting: str
    colour: int | None
    runs: int
    epochs: NDArray[np.int64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """How much a value of a parameter changes the compared metric, with all else equal.

    Attributes:
        parameter: name of the parameter.
        value: the value, as text.
        reference: the value that it is compared with, as text.
        contexts: number of combinations of the other parameters that have both values.
        pairs: number of pairs of seeds; each counts with its mean over the contexts.
        difference: mean over the pairs of seeds.
        low: lower end of its 95 % interval (paired t-test), or None for fewer than two pairs.
        high: upper end.
        fails_differently: whether more runs of either value failed to learn, so that differences
            are far from normally distributed and the interval is rough.
    """

    parameter: str
    value: str
    reference: str
    contexts: int
    pairs: int
    difference: float
    low: float | None
    high: float | None
    fails_differently: bool = False


@dataclass(frozen=True)
class Statement:
    """Something that the page states, and what it holds for.

    Attributes:
        what: the statement or the number.
        holds_for: for which seeds, images and splits it holds.
        interval: what its interval or spread covers, or an empty string.
    """

    what: str
    holds_for: str
    interval: str = ""

    @property
    def note(self) -> str:
        """What it holds for and what its interval covers, as a sentence."""
        return f"For {self.holds_for}: {self.interval}."


@dataclass(frozen=True)
class Failure:
    """A run that failed or learned nothing.

    Attributes:
        setting: name of its setting.
        seeds: its seeds.
        run_id: the run.
        why: the reason, for people.
        epochs: number of epochs it was trained.
    """

    setting: str
    seeds: Seeds
    run_id: str
    why: str
    epochs: int


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the runs of a setting predict for a set of images, all runs together.

    Attributes:
        setting: name of the setting.
        colour: as in `SettingReport`.
        images: `test` or `validation`.
        runs: number of runs.
        classes: names of the classes.
        confusion: number of predictions by true and predicted class, int64 of (classes, classes).
        bins: of the calibration: mean confidence, accuracy and number of predictions of each bin
            that is not empty, float64 of shape (bins, 3).
        calibration_error: expected calibration error over all predictions.
    """

    setting: str
    colour: int | None
    images: str
    runs: int
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    bins: NDArray[np.float64]
    calibration_error: float


@dataclass(frozen=True, eq=False)
class WrongPicture:
    """An image that the best setting classifies wrongly, and how sure it is.

    Attributes:
        position: of the image in its set, from 0.
        true: name of its class.
        predicted: name of the wrong class with the highest mean probability over the runs.
        probabilities: the most probable classes and their mean probabilities, descending, with the
            true class.
        wrong: number of runs that classify it wrongly.
        runs: number of runs.
        image: its pixels, uint8 of (height, width, channels), or None without the data.
    """

    position: int
    true: str
    predicted: str
    probabilities: tuple[tuple[str, float], ...]
    wrong: int
    runs: int
    image: NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of the first layer of a network, as images.

    Attributes:
        run_id: the run.
        setting: name of its setting.
        layer: what they are, such as `25 units of the first dense layer`.
        images: uint8 of (units, height, width, channels); 128 is a weight of 0.
    """

    run_id: str
    setting: str
    layer: str
    images: NDArray[np.uint8]


@dataclass(frozen=True)
class TrialReport:
    """A trial of a search.

    Attributes:
        number: its number.
        state: `complete`, `pruned`, `failed` or `stopped`.
        value: the objective, or None.
        choices: its values by dimension, as text.
        seeds: number of seeds of its value.
    """

    number: int
    state: str
    value: float | None
    choices: Mapping[str, str]
    seeds: int


class Stage(NamedTuple):
    """How the winner of a search did at a stage of it, compared with the default.

    Attributes:
        name: what it was measured on.
        winner: mean of the winner.
        seeds: number of seeds, or None.
        default: mean of the default over the same seeds, or None.
        difference: winner minus default, or None.
        low: lower end of its interval, or None.
        high: upper end.
        verdict: the verdict as text, or an empty string.
    """

    name: str
    winner: float
    seeds: int | None = None
    default: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class SearchReport:
    """The history of a search, and what was promised against what held.

    Attributes:
        objective: name of the metric.
        is_higher_better: whether more of it is better.
        trials: by number.
        chosen: the best trial and the winner, with its values.
        stages: what the search promised for the winner, and what held; empty without a winner.
        level: confidence of the intervals of the stages, such as 0.95.
        text: the outcome in a few sentences.
    """

    objective: str
    is_higher_better: bool
    trials: tuple[TrialReport, ...]
    chosen: tuple[Fact, ...]
    stages: tuple[Stage, ...]
    level: float
    text: str


@dataclass(frozen=True)
class RunReport:
    """A run, for looking it up.

    Attributes:
        run_id: the run.
        setting: name of its setting.
        seeds: its seeds.
        state: how it ended.
        score: the compared metric, or None.
        location: id of its record in MLflow.
    """

    run_id: str
    setting: str
    seeds: Seeds
    state: str
    score: float | None
    location: str


@dataclass(frozen=True, eq=False)
class ExperimentReport:
    """The report on an experiment.

    Attributes:
        name: its name.
        question: the question that it asks, or an empty string.
        headline: what the verdicts come to, in one or two sentences; empty without verdicts.
        answer: the verdicts as sentences, with numbers; None without results, and for a search
            with verdicts, whose `text` has them.
        metric: name of the compared metric.
        title: name of the compared metric for people.
        comparison: its settings with baselines and verdicts; None for an experiment without runs.
        settings: the settings in the order of the table: the baseline, then the best first.
        bands: by metric (`loss`, `accuracy`, ...), the curves of the settings with a colour.
        effects: of each parameter with several values.
        statements: what the statements of the page hold for.
        conditions: what became of the runs, as sentences.
        failures: the runs that failed or learned nothing.
        notes: what a reader has to know about the numbers, as sentences.
        best: predictions of the best setting, or None.
        baseline: predictions of the baseline, or None, also if the best setting is the baseline.
        wrong: images that the best setting classifies wrongly, the surest first.
        weights: the first layer of a run of the best setting, or None.
        search: for a search, its history.
        base: the settings that all runs share.
        data: facts about the data.
        environment: versions and machine.
        commands: commands that reproduce it, each with its purpose.
        spec: text of the spec, or an empty string.
        runs: all runs.
    """

    name: str
    question: str
    headline: str
    answer: str | None
    metric: str
    title: str
    comparison: Comparison | None
    settings: tuple[SettingReport, ...]
    bands: Mapping[str, tuple[Band, ...]]
    effects: tuple[Effect, ...]
    statements: tuple[Statement, ...]
    conditions: tuple[str, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    best: Predicted | None
    baseline: Predicted | None
    wrong: tuple[WrongPicture, ...]
    weights: Weights | None
    search: SearchReport | None
    base: tuple[Fact, ...]
    data: tuple[Fact, ...]
    environment: tuple[Fact, ...]
    commands: tuple[Fact, ...]
    spec: str
    runs: tuple[RunReport, ...]


@dataclass(frozen=True, eq=False)
class Report:
    """A report on one or more experiments.

    Attributes:
        experiments: the experiments, in order, at least one.
        made: when it was made, with its time zone.
        version: version of signs-sweep.
        store: address of the store, without secrets.
    """

    experiments: Sequence[ExperimentReport]
    made: datetime
    version: str
    store: str
