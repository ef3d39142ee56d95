"""Whether a search is possible: checks that only `signs-sweep search` makes."""

from typing import TYPE_CHECKING

from signs_sweep.domain import CURVE_METRICS, OF_ARGUMENTS, PAIR_NAMES, Dense, is_argument
from signs_sweep.spec.document import Mapping, find
from signs_sweep.spec.problems import Place, Problems
from signs_sweep.spec.search import EPOCHWISE_PRUNERS, Categories, Range
from signs_sweep.spec.table import OF_DENSE

if TYPE_CHECKING:
    from signs_sweep.spec.experiment import Experiment

_REPLICATES = "search: {replicates: {at_least: 1, at_most: 5}}"
_EXAMPLE = "search: {space: {l2: {low: 1e-4, high: 0.3, log: true}}}"


def note_unfit(experiment: "Experiment", problems: Problems) -> None:
    """Report everything that prevents the search of an experiment."""
    if experiment.validation == 0:
        problems.add(
            find(experiment.document, ("validation",)).place,
            "no samples are held out",
            "a search compares trials on held-out samples: write validation: 0.2",
        )
    _check_space(experiment, problems)
    _check_sampler(experiment, problems)
    _check_seeds(experiment, problems)


def _place(experiment: "Experiment", *keys: str) -> Place:
    """Return the place of a value in the section, or of the enclosing value if it is absent."""
    return find(experiment.document, ("search", *keys)).place


def _place_of(experiment: "Experiment", axis: Categories | Range) -> Place:
    """Return the place of a dimension."""
    if axis.under is None:
        return _place(experiment, "space", axis.name)
    choices = [
        choice.text
        for part in experiment.search.space
        if isinstance(part, Categories) and part.name == axis.under.dimension
        for choice in part.choices
    ]
    path = (axis.under.dimension, choices.index(axis.under.choice), axis.under.option)
    return find(experiment.document, ("search", "space", *path)).place


def _check_space(experiment: "Experiment", problems: Problems) -> None:
    document = experiment.document
    if not experiment.search.space:
        hint = f"write {_EXAMPLE}, or a grid"
        if experiment.forced:
            hint += f"; --set fixes {', '.join(experiment.forced)}"
        problems.add(
            document.keys.get("search", document.place), "there is nothing to search", hint
        )
    if isinstance(experiment.model, Dense):
        return
    searched = {name for part in experiment.search.space for name in part.names}
    for name in sorted(filter(is_argument, searched - experiment.model.varied.keys())):
        problems.add(
            document.keys["model"],
            f"the search varies {name}, but the default has no value of it",
            f"write it under model, as in {name.removeprefix(OF_ARGUMENTS)}: ...",
        )
    space = find(document, ("search", "space"))
    for name, hint in OF_DENSE.items():
        if any(dimension.name == name for dimension in experiment.search.space) and (
            isinstance(space, Mapping) and name in space.keys
        ):
            problems.add(
                space.keys[name],
                f"{name} is not supported by a model that a function builds",
                f"remove it; {hint}",
            )


def _check_sampler(experiment: "Experiment", problems: Problems) -> None:
    space, sampler = experiment.search.space, experiment.search.sampler.name
    if sampler == "grid":
        for axis in space:
            if isinstance(axis, Range) and (axis.log or axis.step is None):
                problems.add(
                    _place_of(experiment, axis),
                    f"the sampler grid tries every value, "
                    f"and {axis.name} {'has no step' if axis.is_integer else 'is continuous'}",
                    "write a list, or a range with a step and without log",
                )
    options = sorted({axis.under.dimension for axis in space if axis.under})
    if sampler in ("qmc", "cmaes", "gp") and options:
        problems.add(
            _place(experiment, "space", options[0]),
            f"the sampler {sampler} does not support options that exist only under a choice",
            "choose tpe, random or grid, or give each option of the list a single value",
        )
    if sampler == "cmaes" and space and all(isinstance(axis, Categories) for axis in space):
        problems.add(
            _place(experiment, "sampler", "name"),
            "the sampler cmaes needs a range, and all dimensions of the space are lists",
            f"choose tpe, or write a range, as in {_EXAMPLE}",
        )


def _check_seeds(experiment: "Experiment", problems: Problems) -> None:
    """Check that pruner and objective fit together, and both the number of seeds."""
    pruner, metric = experiment.search.pruner.name, experiment.search.objective.metric
    replicates = experiment.search.replicates
    if experiment.growth is not None and replicates is None:
        problems.add(
            find(experiment.document, ("seeds",)).place,
            "a search trains every trial with the same number of seeds",
            f"write a count, as in seeds: 3, or {_REPLICATES}",
        )
        return
    count, splits = len(experiment.seeds), experiment.splits
    if pruner == "wilcoxon" and splits > 1:
        problems.add(
            _place(experiment, "pruner", "name"),
            "wilcoxon compares seeds, and the folds of a seed are not independent",
            "remove split, or choose another pruner",
        )
    if replicates is not None:
        _check_replicates(experiment, problems)
    elif pruner in EPOCHWISE_PRUNERS and count * splits > 1:
        here = f"{splits:,} splits" if count == 1 else f"{count:,}"
        problems.add(
            _place(experiment, "pruner", "name"),
            f"{pruner} prunes by epoch, which needs one seed per trial; here are {here}",
            f"{'' if splits > 1 else 'for several seeds, use wilcoxon, or '}write {_REPLICATES}",
        )
    if pruner in EPOCHWISE_PRUNERS and metric not in CURVE_METRICS:
        problems.add(
            _place(experiment, "objective", "metric"),
            f"{metric} is only known at the end, and {pruner} prunes by epoch",
            "choose val_accuracy or val_loss, or pruner: none",
        )
    if pruner == "wilcoxon" and count < 2 and replicates is None:
        problems.add(
            _place(experiment, "pruner", "name"),
            "wilcoxon prunes by seed, and each trial has only one",
            "write seeds: 5, or choose median" if metric in CURVE_METRICS else "write seeds: 5",
        )
    is_single = count < 2 if replicates is None else replicates.at_least < 2
    if experiment.search.objective.aggregate == "lower_bound" and is_single:
        problems.add(
            _place(experiment, "objective", "aggregate"),
            f"lower_bound needs several seeds, and {'each' if replicates is None else 'a'} trial "
            f"{'has' if replicates is None else 'may have'} only one",
            f"write {'seeds: 5' if replicates is None else 'at_least: 2'}, or choose mean",
        )


def _check_replicates(experiment: "Experiment", problems: Problems) -> None:
    """Check what a search needs whose trials get different numbers of seeds."""
    if experiment.search.pruner.name == "wilcoxon":
        problems.add(
            _place(experiment, "replicates"),
            "replicates and wilcoxon both decide how many seeds a trial gets",
            "remove replicates, or choose another pruner",
        )
    replicates = experiment.search.replicates
    is_forced = experiment.forced.keys() >= set(PAIR_NAMES)
    if replicates is not None and replicates.at_most > 1 and is_forced:
        problems.add(
            _place(experiment, "replicates"),
            "--set sets both seeds, so there is only one pair",
            "remove replicates, or set only one of the seeds",
        )
