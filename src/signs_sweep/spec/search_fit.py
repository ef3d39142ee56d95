"""Whether a search can be made: what matters to no other command."""

from typing import TYPE_CHECKING

from signs_sweep.domain import Dense
from signs_sweep.spec.document import Mapping, find
from signs_sweep.spec.names import OF_DENSE
from signs_sweep.spec.problems import Place, Problems
from signs_sweep.spec.search import EPOCHWISE_PRUNERS, Categories, Range

if TYPE_CHECKING:
    from signs_sweep.spec.experiment import Experiment

_EXAMPLE = "search: {space: {l2: {low: 1e-4, high: 0.3, log: true}}}"


def note_unfit(experiment: "Experiment", problems: Problems) -> None:
    """Note everything for which the search of an experiment cannot be made."""
    if experiment.validation == 0:
        problems.add(
            find(experiment.document, ("validation",)).place,
            "no samples are held out",
            "search chooses by held-out samples: write validation: 0.2",
        )
    _check_space(experiment, problems)
    _check_sampler(experiment, problems)
    _check_pruner(experiment, problems)
    _check_replicates(experiment, problems)


def _place(experiment: "Experiment", *keys: str) -> Place:
    """Return the place of a value of the section, or of what would hold it."""
    return find(experiment.document, ("search", *keys)).place


def _check_space(experiment: "Experiment", problems: Problems) -> None:
    document = experiment.document
    if not experiment.search.space:
        hint = f"write {_EXAMPLE}, or a grid"
        if experiment.forced:
            hint += f"; --set leaves nothing of {', '.join(experiment.forced)} to vary"
        problems.add(
            document.keys.get("search", document.place), "there is nothing to search", hint
        )
    if isinstance(experiment.model, Dense):
        return
    space = find(document, ("search", "space"))
    for name, hint in OF_DENSE.items():
        if any(dimension.name == name for dimension in experiment.search.space) and (
            isinstance(space, Mapping) and name in space.keys
        ):
            problems.add(
                space.keys[name],
                f"{name} has no meaning for a model that a function builds",
                f"remove it; {hint}",
            )


def _check_sampler(experiment: "Experiment", problems: Problems) -> None:
    space, sampler = experiment.search.space, experiment.search.sampler.name
    if sampler == "grid":
        for one in space:
            if isinstance(one, Range) and (one.log or one.step is None):
                problems.add(
                    _place(experiment, "space", one.name),
                    f"the sampler grid tries every value, "
                    f"and {one.name} {'has no step' if one.is_integer else 'is continuous'}",
                    "write a list, or a range with a step and without log",
                )
    if sampler == "cmaes" and space and all(isinstance(one, Categories) for one in space):
        problems.add(
            _place(experiment, "sampler", "name"),
            "the sampler cmaes knows ranges of numbers only, and all of the space are lists",
            f"choose tpe, or write a range, as in {_EXAMPLE}",
        )


def _check_pruner(experiment: "Experiment", problems: Problems) -> None:
    """Check the pruner against the number of replicates and the objective."""
    pruner, metric = experiment.search.pruner.name, experiment.search.objective.metric
    count = len(experiment.seeds)
    if pruner in EPOCHWISE_PRUNERS and count > 1:
        problems.add(
            _place(experiment, "pruner", "name"),
            f"{pruner} prunes by epoch, for one seed a trial; here are {count:,}",
            "for several use wilcoxon",
        )
    if pruner in EPOCHWISE_PRUNERS and metric.startswith("final_"):
        problems.add(
            _place(experiment, "objective", "metric"),
            f"{metric} is known at the end only, and {pruner} prunes by epoch",
            "choose val_accuracy or val_loss, or pruner: none",
        )
    if pruner == "wilcoxon" and count < 2:
        problems.add(
            _place(experiment, "pruner", "name"),
            "wilcoxon prunes by seed, and a trial has one here",
            "write seeds: 5" if metric.startswith("final_") else "write seeds: 5, or choose median",
        )


def _check_replicates(experiment: "Experiment", problems: Problems) -> None:
    if experiment.search.objective.aggregate == "lower_bound" and len(experiment.seeds) < 2:
        problems.add(
            _place(experiment, "objective", "aggregate"),
            "lower_bound is of several seeds, and a trial has one here",
            "write seeds: 5, or choose mean",
        )
