"""Reports made by hand, whose comparisons and verdicts are computed from runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from signs_sweep.analysis.answer import answer_from
from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.analysis.conditions import describe_conditions
from signs_sweep.analysis.layout import Images
from signs_sweep.domain import METRICS, Curve, Parameters, Predictions, Result, Row, State
from signs_sweep.reporting.content import (
    ExperimentReport,
    Fact,
    Failure,
    Report,
    RunReport,
    SearchReport,
    Stage,
    Statement,
    TrialReport,
    Weights,
)
from signs_sweep.reporting.curves import bands
from signs_sweep.reporting.effects import effects
from signs_sweep.reporting.facts import environment_facts, shared_settings
from signs_sweep.reporting.headline import headline
from signs_sweep.reporting.predicted import predicted, wrong_pictures
from signs_sweep.reporting.settings import setting_reports
from signs_sweep.reporting.statements import failures, statements

HOSTILE = (
    "<script>alert(1)</script>",
    "a & b | c % d _ e $ f # g",
    r"C:\new\table ~ ^ {x} `code` *bold* [link](x)",
    "caf\u00e9, \u4e2d\u6587, \U0001f600, \u03bb \u2264 1, \u00b1 \u2013 \u201c\u201d",
    "a name of sixty characters, more than a column has room for.",
    "\"quotes\" and 'quotes' ``--- ?` << >>",
    "a_name_of_sixty_characters_without_any_blank_0123456789ab",
)
"""Names with characters that have a meaning in some form; no two are alike."""

_EPOCHS = 20
_IMAGES = 120


def rows_of(
    scores: Mapping[str, Sequence[float | None]],
    *,
    experiment: str = "toy",
    metric: str = "test_accuracy",
) -> list[Row]:
    """Return a run for each score; None for a run that diverged. The first setting is the baseline.

    Args:
        scores: by label, the metric by seed.
        experiment: name of the experiment.
        metric: the metric.
    """
    rows = []
    for index, (label, values) in enumerate(scores.items()):
        for seed, score in enumerate(values):
            run_id = f"{index:08x}{seed:04x}-{_EPOCHS}"
            if score is None:
                state, metrics = State.FAILED, {}
                more = {"chance": 1 / 6, "message": "the loss became NaN in epoch 3"}
            else:
                state, more = State.FINISHED, {"seconds": 1.5}
                metrics = {metric: score, "final_train_accuracy": min(1.0, score + 0.1)}
                metrics.setdefault("test_accuracy", score)
            location = f"{index:016x}{seed:016x}"
            result = Result(run_id, state, metrics, _EPOCHS, location=location, **more)
            parameters = Parameters(l2=index / 100, global_seed=seed, init_seed=seed)
            baseline = f"{0:08x}{seed:04x}-{_EPOCHS}"
            model = {"hidden": "[25, 12]"}
            rows.append(
                Row(experiment, run_id, label, parameters, result, model, baseline, data="7c1e90ab")
            )
    return rows


def scores_of(settings: int, seeds: int, *, names: Sequence[str] = ()) -> dict[str, list[float]]:
    """Return accuracies by label, in steps of one image."""
    generator = np.random.default_rng(0)
    scores = {}
    for index in range(settings):
        name = names[index] if names else ("baseline" if index == 0 else f"l2 = {index / 100}")
        centre = 0.75 + 0.05 * np.sin(index)
        values = np.round((centre + generator.normal(0, 0.02, seeds)) * _IMAGES) / _IMAGES
        scores[name] = [float(value) for value in values]
    return scores


def experiment_of(
    rows: Sequence[Row], question: str = "Does L2 help?", *, images: Images | None = None
) -> ExperimentReport:
    """Return what a report contains of the runs of an experiment, without predictions."""
    (comparison,) = compare_settings(rows, images=images)
    metric = comparison.metric
    settings = setting_reports(comparison)
    found = effects(comparison)
    return ExperimentReport(
        name=rows[0].experiment,
        question=question,
        headline=headline(comparison),
        answer=answer_from(comparison),
        metric=metric,
        title=METRICS[metric].title,
        comparison=comparison,
        settings=settings,
        bands=bands(settings, {row.result.location: _curves(row) for row in rows if row.result}),
        effects=found,
        statements=statements(comparison, found, None),
        conditions=tuple(describe_conditions(rows)),
        failures=failures(settings),
        notes=("Two experiments in this store used the same test set.",),
        best=None,
        baseline=None,
        wrong=(),
        weights=None,
        search=None,
        base=shared_settings(rows),
        data=(Fact("data", "signs, 1,080 training images, 6 classes"), Fact("seen", "100 %")),
        environment=environment_facts([{"keras": "3.12", "machine": "x86_64, 2 cores, Linux_6.1"}]),
        commands=(
            Fact("train all runs again", "signs-sweep run experiments/toy.yaml --set l2=0.01"),
            Fact("compare", "signs-sweep compare toy --format csv"),
        ),
        spec=f"name: {rows[0].experiment}\nbase: {{epochs: {_EPOCHS}}}\ngrid: {{l2: [0, 0.01]}}\n",
        runs=tuple(
            RunReport(
                row.run_id,
                each.name,
                row.seeds,
                row.result.state.value.lower(),
                row.score(metric),
                row.result.location or "",
            )
            for each in settings
            for row in each.replicates.rows
            if row.result
        ),
    )


def _curves(row: Row) -> dict[str, Curve]:
    epochs = np.arange(1, row.result.epochs + 1)
    speed = 8 + 100 * row.parameters.l2 + row.seeds.global_seed / 10
    return {"loss": Curve(epochs, 1.8 * np.exp(-epochs / speed))}


def report(*experiments: ExperimentReport) -> Report:
    """Return a report on experiments."""
    made = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    return Report(experiments, made, "0.1.0", "sqlite:////home/me/mlflow.db")


def report_of(settings: int, seeds: int, *, names: Sequence[str] = ()) -> Report:
    """Return a report on any number of settings and seeds."""
    return report(experiment_of(rows_of(scores_of(settings, seeds, names=names))))


def small_report() -> Report:
    """Return a report with all parts: the baseline and two settings with nine seeds.

    The verdict on the best is `better`, that on the other `undecided`; one of its runs diverged.
    """
    steps = np.array([0, 2, -1, 3, 1, -2, 0, 1, 2]) / _IMAGES
    scores: dict[str, list[float | None]] = {
        "no penalty": [float(0.75 + step) for step in steps],
        "l2 = 0.01": [float(0.85 + step / 2 + index / 600) for index, step in enumerate(steps)],
        "l2 = 1": [0.75, 0.775, None, 0.76, 0.75, 0.74, 0.75, 0.755, 0.76],
    }
    experiment = with_predictions(experiment_of(rows_of(scores)))
    weights = np.random.default_rng(4).integers(0, 256, (25, 8, 8, 3), np.uint8)
    units = "25 units of the first dense layer"
    (best,) = (each for each in experiment.settings if each.is_best)
    run_id = best.replicates.rows[0].run_id
    return report(replace(experiment, weights=Weights(run_id, best.name, units, weights)))


def predictions_of(row: Row, classes: Sequence[str] = "012345") -> Predictions:
    """Return predictions for the test images; most are correct, and the same images are hard."""
    labels, size = np.arange(_IMAGES) % len(classes), (_IMAGES, len(classes))
    of_image, of_run = np.random.default_rng(3), np.random.default_rng([3, *row.seeds.pair[:2]])
    scores = of_image.normal(0, 1.5, size) + of_run.normal(0, 1, size)
    scores += 3 * np.eye(len(classes))[labels]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return Predictions(np.arange(_IMAGES), labels, shares.astype(np.float32), tuple(classes))


def with_predictions(
    experiment: ExperimentReport, classes: Sequence[str] = "012345"
) -> ExperimentReport:
    """Return a report on an experiment with predictions and pictures of its runs."""
    best = next(each for each in experiment.settings if each.is_best)
    recorded = {
        row.result.location: {"test": predictions_of(row, classes)}
        for each in experiment.settings
        for row in each.replicates.rows
    }
    pixels = np.random.default_rng(3).integers(0, 256, (_IMAGES, 64, 64, 3), np.uint8)
    parts = [recorded[row.result.location]["test"] for row in best.replicates.rows]
    return replace(
        experiment,
        best=predicted(best, recorded, "test"),
        baseline=predicted(experiment.settings[0], recorded, "test"),
        wrong=wrong_pictures(parts, pixels),
    )


def search_report() -> Report:
    """Return a report on a search of six trials, one of them pruned and one failed."""
    states = ("complete", "pruned", "complete", "failed", "complete", "complete")
    values = (0.7, None, 0.81, None, 0.78, 0.835)
    trials = tuple(
        TrialReport(index + 1, state, value, {"l2": f"{index / 100}", "units": "[25, 12]"}, 2)
        for index, (state, value) in enumerate(zip(states, values, strict=True))
    )
    search = SearchReport(
        objective="val_accuracy",
        is_higher_better=True,
        trials=trials,
        chosen=(Fact("winner", "trial 6: l2=0.05, units=[25, 12]"),),
        stages=(
            Stage("search", 0.835, 2),
            Stage("race", 0.821, 5),
            Stage("further seeds", 0.819, 20, 0.79, 0.029, low=0.021, high=0.037, verdict="better"),
        ),
        level=0.95,
        text="Trial 6 won the race. It is better than the default by 0.0290.",
    )
    experiment = report_of(2, 8).experiments[0]
    return report(replace(experiment, search=search))


def empty_report() -> Report:
    """Return a report on an experiment without a finished run, and on one without runs."""
    scores = {"baseline": [0.5, 0.5], "l2 = 0.01": [0.5, 0.5]}
    rows = [replace(row, result=None) for row in rows_of(scores)]
    waiting = experiment_of(rows)
    nothing = replace(
        waiting,
        name="nothing",
        question="",
        headline="",
        comparison=None,
        settings=(),
        runs=(),
        statements=(),
        notes=(),
        spec="",
        commands=(),
    )
    return report(waiting, nothing)


def hostile_report() -> Report:
    """Return a report in which every text has characters that have a meaning in some form."""
    everything = "\n".join(HOSTILE)
    experiment = small_report().experiments[0]
    named = report_of(len(HOSTILE), 8, names=HOSTILE).experiments[0]
    facts = tuple(Fact(name, name) for name in HOSTILE)
    return report(
        replace(
            named,
            name=HOSTILE[1],
            question=everything,
            headline=everything,
            answer=everything,
            effects=tuple(
                replace(each, parameter=HOSTILE[1], value=HOSTILE[2]) for each in named.effects
            ),
            statements=tuple(Statement(name, name, name) for name in HOSTILE),
            conditions=HOSTILE,
            notes=HOSTILE,
            failures=tuple(
                Failure(name, named.runs[0].seeds, named.runs[0].run_id, everything, 3)
                for name in HOSTILE
            ),
            best=replace(experiment.best, setting=HOSTILE[2], classes=HOSTILE[:6]),
            wrong=tuple(
                replace(each, true=HOSTILE[0], predicted=HOSTILE[3]) for each in experiment.wrong
            ),
            weights=replace(experiment.weights, setting=HOSTILE[0], layer=HOSTILE[1]),
            base=facts,
            data=facts,
            environment=facts,
            commands=facts,
            spec=everything,
        )
    )
