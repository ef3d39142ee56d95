"""Checks of hyperparameters that are words with options, which a schema cannot express."""

from collections.abc import Iterator

from signs_sweep.domain import PARAMETERS
from signs_sweep.spec.document import Mapping, Node, Scalar, Sequence, sections_of_values
from signs_sweep.spec.problems import Problems


def check_components(document: Mapping, problems: Problems, *, is_validated: bool) -> None:
    """Report options that conflict with each other, or with the rest of the spec."""
    for node in _written(document, "optimizer"):
        _check_optimizer(node, problems)
    for node in _written(document, "early_stopping"):
        _check_stopping(node, problems, is_validated=is_validated)


def _written(document: Mapping, name: str) -> Iterator[Mapping]:
    """Yield every mapping that is written for a component."""
    for _, section in sections_of_values(document):
        node: Node | None = section.values.get(name)
        for each in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(each, Mapping):
                yield each


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
