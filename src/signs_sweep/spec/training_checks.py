"""Checks of what decides the loss and the steps of training, which a schema cannot express."""

from collections.abc import Mapping as MappingType
from typing import Any

from signs_sweep.domain import PARAMETERS
from signs_sweep.spec.document import Mapping, Scalar, find, mappings_of, sections_of_values
from signs_sweep.spec.problems import Problems

Conflict = tuple[str, str, str]
"""The option at which it is, what is wrong, and what to do."""


def check_components(document: Mapping, problems: Problems, *, is_validated: bool) -> None:
    """Report options that conflict with each other, or with the rest of the spec."""
    for name in ("optimizer", "early_stopping"):
        for node in mappings_of(document, name):
            if found := conflict(name, node.plain(), is_validated=is_validated):
                option, message, hint = found
                written = node.values.get(option)
                is_value = option == "metric"  # The value is wrong, not that it is set.
                place = node.place if written is None else node.keys[option]
                problems.add(written.place if written and is_value else place, message, hint)


def conflict(name: str, options: Any, *, is_validated: bool) -> Conflict | None:
    """Return a conflict between the options of a component, as they are written, or None."""
    if not isinstance(options, dict):
        return None
    if name == "optimizer":
        return _conflict_of_optimizer(options)
    return _conflict_of_stopping(options, is_validated) if name == "early_stopping" else None


_IN_LOSSES = {"val_loss": ("label_smoothing",), "loss": ("label_smoothing", "class_weights")}
"""By loss that is recorded as in Keras, what changes its meaning."""


def check_losses(document: Mapping, problems: Problems) -> None:
    """Report a loss by which settings are compared although they have different ones."""
    varied = {
        name: section
        for section, node in sections_of_values(document)
        if section in ("grid", "zip", "cases", "space")
        for name in node.keys
    }
    objective = find(document, ("search", "objective"))
    optimized = find(objective, ("metric",)) if isinstance(objective, Mapping) else objective
    for node, sections in (
        (find(document, ("verdict", "metric")), ("grid", "zip", "cases")),
        (optimized, ("grid", "zip", "cases", "space")),
    ):
        metric = node.value if isinstance(node, Scalar) else None
        for name in _IN_LOSSES.get(metric, ()) if isinstance(metric, str) else ():
            if varied.get(name) in sections:
                problems.add(
                    node.place,
                    f"{metric} is a different loss for each {name}",
                    f"choose {'val_nll' if metric == 'val_loss' else 'final_train_loss'}, "
                    "which is the same for all",
                )


def _conflict_of_optimizer(options: MappingType[str, Any]) -> Conflict | None:
    if _ends(options, "nesterov")[1] and not _ends(options, "momentum")[0]:
        message = "nesterov has no effect without momentum"
        return "nesterov", message, "write momentum: 0.9, or remove nesterov"
    if _ends(options, "clipnorm")[1] and _ends(options, "global_clipnorm")[1]:
        message = "clipnorm and global_clipnorm exclude each other"
        return "global_clipnorm", message, "remove one of them"
    return None


def _ends(options: MappingType[str, Any], option: str) -> tuple[float, float]:
    """Return the smallest and the largest number that an option takes, 0 without one."""
    written = options.get(option, 0)
    if isinstance(written, dict):
        written = [written.get("low", 0), written.get("high", 0)]
    values = written if isinstance(written, list) else [written]
    numbers = [value for value in values if isinstance(value, int | float)]
    return min(numbers, default=0), max(numbers, default=0)


def _conflict_of_stopping(options: MappingType[str, Any], is_validated: bool) -> Conflict | None:
    default = PARAMETERS["early_stopping"].options_of("")["metric"].default
    written = options.get("metric", default)
    for metric in written if isinstance(written, list) else [written]:
        if isinstance(metric, str) and metric.startswith("val_") and not is_validated:
            return (
                "metric",
                f"early_stopping watches {metric}, and no samples are held out",
                f"write validation: 0.2, or metric: {metric.removeprefix('val_')}",
            )
    return None
