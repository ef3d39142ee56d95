"""Checks of what decides the loss and the steps of training, which a schema cannot express."""

from signs_sweep.domain import PARAMETERS
from signs_sweep.spec.document import Mapping, Scalar, find, mappings_of, sections_of_values
from signs_sweep.spec.problems import Problems


def check_components(document: Mapping, problems: Problems, *, is_validated: bool) -> None:
    """Report options that conflict with each other, or with the rest of the spec."""
    for node in mappings_of(document, "optimizer"):
        _check_optimizer(node, problems)
    for node in mappings_of(document, "early_stopping"):
        _check_stopping(node, problems, is_validated=is_validated)


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


def _check_optimizer(node: Mapping, problems: Problems) -> None:
    if _is_set(node, "nesterov") and not _is_set(node, "momentum"):
        problems.add(
            node.keys["nesterov"],
            "nesterov has no effect without momentum",
            "write momentum: 0.9, or remove nesterov",
        )
    if _is_set(node, "clipnorm") and _is_set(node, "global_clipnorm"):
        problems.add(
            node.keys["global_clipnorm"],
            "clipnorm and global_clipnorm exclude each other",
            "remove one of them",
        )


def _is_set(node: Mapping, option: str) -> bool:
    """Whether an option is written and differs from its default, which is 0 or false."""
    value = node.values.get(option)
    return value is not None and not (isinstance(value, Scalar) and not value.value)


def _check_stopping(node: Mapping, problems: Problems, *, is_validated: bool) -> None:
    written = node.values.get("metric")
    default = PARAMETERS["early_stopping"].options_of("")["metric"].default
    metric = written.value if isinstance(written, Scalar) else default
    if written is not None and not isinstance(written, Scalar):
        return
    if isinstance(metric, str) and metric.startswith("val_") and not is_validated:
        problems.add(
            written.place if written is not None else node.place,
            f"early_stopping watches {metric}, and no samples are held out",
            f"write validation: 0.2, or metric: {metric.removeprefix('val_')}",
        )
