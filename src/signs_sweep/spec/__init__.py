"""Specs: YAML files that declare experiments, read strictly.

`load` returns an `Experiment`, or raises one SpecError that lists every problem of the file with
its line and column. Pydantic and ruamel.yaml are imported by the first `load`.
"""

from collections.abc import Sequence
from pathlib import Path

from signs_sweep.spec.experiment import Experiment, Point
from signs_sweep.spec.search import (
    EPOCHWISE_PRUNERS,
    Categories,
    Choice,
    Confirm,
    Objective,
    Pruner,
    Range,
    Sampler,
    Search,
    Under,
)

__all__ = [
    "EPOCHWISE_PRUNERS",
    "Categories",
    "Choice",
    "Confirm",
    "Experiment",
    "Objective",
    "Point",
    "Pruner",
    "Range",
    "Sampler",
    "Search",
    "Under",
    "load",
    "schema_json",
]


def load(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and check a spec.

    Args:
        path: the file.
        overrides: `KEY=VALUE` for every run.

    Raises:
        SpecError: the spec has problems; the message lists all of them.
        UsageError: an override is not valid.
    """
    from signs_sweep.spec.loading import load_experiment

    return load_experiment(path, overrides)


def schema_json() -> str:
    """Return the JSON schema of a spec, for editors."""
    from signs_sweep.spec import schema

    return schema.schema_json()
