"""A run with what is known of it: what the tables, the answers and the index of runs share."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from signs_sweep.domain.hyperparameter import Component
from signs_sweep.domain.metrics import METRICS
from signs_sweep.domain.parameters import Parameters, Seeds
from signs_sweep.domain.result import Result
from signs_sweep.domain.run import TRAINING_VERSION, Validation
from signs_sweep.domain.stopping import EarlyStopping


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
        validation: share of the training set held out for validation, in [0, 1), or `given`.
        data: fingerprint of the dataset.
        folds: number of folds of a cross-validation, or 0 without one.
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
    validation: Validation = 0.0
    data: str = ""
    folds: int = 0

    @cached_property
    def params(self) -> dict[str, Any]:
        """Its configuration by name.

        Parameters, seeds, model, `validation` and with folds `folds`, `data`, `version`. Components
        and the model are text.
        """
        others = {"validation": self.validation, "data": self.data, "version": self.version}
        folds = {"folds": self.folds} if self.folds else {}
        parameters = {
            name: str(value) if isinstance(value, Component) else value
            for name, value in self.parameters.values.items()
        }
        return parameters | dict(self.model) | others | folds

    @cached_property
    def seeds(self) -> Seeds:
        """Its seeds."""
        return self.parameters.seeds

    @cached_property
    def early_stopping(self) -> EarlyStopping | None:
        """The rule that may stop training before the last epoch, or None."""
        return EarlyStopping.of(self.parameters)

    @property
    def selected_on(self) -> str | None:
        """The images by which early stopping chose its epoch, as in `Measure`; None for no choice.

        Values measured on these images are too good: the epoch was chosen because of them.
        """
        is_chosen = self.result is not None and self.result.chosen_epoch is not None
        rule = self.early_stopping
        return METRICS[rule.metric].images if is_chosen and rule else None

    def score(self, metric: str) -> float | None:
        """Return the value of a metric if the run is finished and has it, else None."""
        if self.result is None or not self.result.state.is_finished:
            return None
        return self.result.metrics.get(metric)

    def counted(self, metric: str) -> float | None:
        """Return the value of a metric that counts in comparisons; None if nothing counts.

        A finished run counts with its value, where a loss that is not a number is infinite; a
        diverged run with the value of guessing where more is better, and else as infinite.
        """
        result = self.result
        if result is not None and result.chance is not None and result.has_diverged:
            return METRICS[metric].of_guessing(result.chance) if metric in METRICS else math.inf
        score = self.score(metric)
        return math.inf if score is not None and math.isnan(score) else score

    @property
    def failed_to_learn(self) -> bool | None:
        """Whether it has diverged or only guesses; None if it is neither finished nor diverged."""
        return None if self.result is None else self.result.failed_to_learn
