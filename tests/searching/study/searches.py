"""Studies built by hand, trial by trial."""

import math

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
)
from optuna.trial import TrialState, create_trial

SPACE: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
    "l2": FloatDistribution(1e-5, 0.3, log=True),
    "keep_prob": FloatDistribution(0.5, 1),
    "hidden": CategoricalDistribution(["25, 12", "50", "100, 50", "200, 100, 50"]),
}


def add(
    study: optuna.Study,
    params: dict,
    value: float | None,
    *,
    steps: int = 0,
    state: TrialState = TrialState.COMPLETE,
    space: dict[str, BaseDistribution] = SPACE,
) -> None:
    """Add an ended trial."""
    study.add_trial(
        create_trial(
            state=state,
            value=value,
            params=params,
            distributions={name: space[name] for name in params},
            intermediate_values={step: step / (step + 5) for step in range(1, steps + 1)},
        )
    )


def searched(
    trials: int, *, steps: int = 0, names: tuple[str, ...] = tuple(SPACE), direction="maximize"
) -> optuna.Study:
    """Return random trials whose value depends on the learning rate; every fifth is pruned."""
    rng = np.random.default_rng(0)
    study = optuna.create_study(direction=direction)
    for number in range(trials):
        params = {
            "learning_rate": 10 ** rng.uniform(-5, -1),
            "l2": 10 ** rng.uniform(-5, -0.6),
            "keep_prob": rng.uniform(0.5, 1),
            "hidden": str(rng.choice(SPACE["hidden"].choices)),
        }
        value = 0.9 - 0.06 * (math.log10(params["learning_rate"]) + 3.5) ** 2
        chosen = {name: params[name] for name in names}
        if number % 5 == 4:
            add(study, chosen, None, steps=steps // 3, state=TrialState.PRUNED)
        else:
            add(study, chosen, value + rng.normal() * 0.01, steps=steps)
    return study
