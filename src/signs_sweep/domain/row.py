"""A run with what is known of it: what the tables, the answers and the index of runs share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from signs_sweep.domain.parameters import Parameters, Seeds
from signs_sweep.domain.result import Result
from signs_sweep.domain.run import TRAINING_VERSION


@dataclass(frozen=True)
class Row:
    """A run of an experiment: a row of its table.

    Attributes:
        experiment: name of the experiment.
        run_id: the run.
        label: the name of its trial in the spec, or None.
        parameters: hyperparameters and seeds.
        result: its result so far; None for a run that was never started.
        model: attributes of its network by name, as text.
        baseline: run_id of the run that it is compared with (its own in the baseline), or None.
        version: its training version.
        older: for an unknown run, the latest older version in which it is finished, or None.
    """

    experiment: str
    run_id: str
    label: str | None
    parameters: Parameters
    result: Result | None
    model: Mapping[str, str] = field(default_factory=dict)
    baseline: str | None = None
    version: int = TRAINING_VERSION
    older: int | None = None

    @cached_property
    def params(self) -> dict[str, Any]:
        """Its configuration by name: parameters, seeds, model and `version`."""
        return asdict(self.parameters) | dict(self.model) | {"version": self.version}

    @property
    def seeds(self) -> Seeds:
        """Its seeds."""
        return self.parameters.seeds

    def score(self, metric: str) -> float | None:
        """Return the value of a metric if the run is finished and has it, else None."""
        if self.result is None or not self.result.state.is_finished:
            return None
        return self.result.metrics.get(metric)
