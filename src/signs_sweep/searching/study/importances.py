"""Which parameters mattered in a search, as shares and in words."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

_FEWEST = 5
"""Completed trials below which nothing is said: a forest on four points is chance."""

_HINT = 20
"""Completed trials below which shares are a hint: of 10, they spread by 0.16 between studies."""

_MATTERS = 0.15
"""The smallest share named as one that mattered: what did nothing got 0.13 of 41 trials."""


def importances(study: "optuna.Study") -> dict[str, float]:
    """Return how much of the variation in the objective goes with each parameter.

    The shares are those of Optuna's `MeanDecreaseImpurityImportanceEvaluator`: a random forest
    predicts the value of a trial from its parameters, and a parameter gets the part of the
    variance that splits on it remove (Breiman, *Random forests*, 2001). With a fixed seed, so that
    the same study gives the same shares.

    Why not Optuna's other two, held against a known truth (learning rate 0.97 of the variance, l2
    0.03, two parameters that do nothing; 8 studies each; source read in Optuna 5.0):

    - `PedAnovaImportanceEvaluator`, the default, asks what the best tenth of the trials have in
      common. That is one trial of 10 and two of 20, where its own documentation wants five: with 10
      trials it gave three parameters a third each, and with 60 of TPE it named the right one first
      in 5 studies of 8. Nor is its number a share of the variation.
    - `FanovaImportanceEvaluator` also grows a forest, but weighs its leaves by their volume on a
      linear scale (`transform_log=False`), so that of a learning rate from 1e-5 to 1e-1 nine tenths
      of the weight lie above 1e-2. It took 1.0 s for 60 trials, this one 0.14 s, and was no better;
      on a copy of the study with logarithms in place of the values it was (0.90 against 0.81 with
      60 trials of TPE), which is not worth a second study and ten times the wait.

    This one named the right parameter first in every study of 10 trials or more. Its known bias, to
    parameters with many values over those with few, is within the caveat of `in_words`.

    Args:
        study: with one objective, in any state.

    Returns:
        By parameter, the largest first, shares that sum to 1. Parameters that had one value only
        have no share. Empty where shares are not defined: fewer than five completed trials, fewer
        than two parameters that varied, the same value in every trial, or trials of which some
        drew a parameter from another range than others.
    """
    from optuna.importance import get_param_importances

    trials = completed(study)
    names = varied(trials)
    spaces = {tuple(trial.distributions[name] for name in names) for trial in trials}
    values = {trial.value for trial in trials}
    if len(trials) < _FEWEST or len(names) < 2 or len(spaces) > 1 or len(values) < 2:
        return {}
    shares = get_param_importances(study, evaluator=evaluator(), params=names)
    if set(shares.values()) == {1 / len(names)}:  # Optuna's answer where no split explains anything
        return {}
    return {name: float(share) for name, share in shares.items()}


def evaluator() -> "optuna.importance.BaseImportanceEvaluator":
    """Return what computes the shares, for a plot that shows the same ones."""
    from optuna.importance import MeanDecreaseImpurityImportanceEvaluator

    return MeanDecreaseImpurityImportanceEvaluator(seed=0)


def in_words(shares: Mapping[str, float], trials: int) -> str:
    """Say which parameters mattered, for a person.

    Args:
        shares: by parameter, as `importances` gives them.
        trials: how many completed; below 20 the sentence says how little that is.

    Returns:
        One to three sentences.
    """
    counted = f"{trials} completed trial{'' if trials == 1 else 's'}"
    if not shares:
        return f"Which parameter mattered cannot be told from {counted}."
    ranked = sorted(shares, key=lambda name: -shares[name])
    first, *others = ranked
    words = f"{first} mattered most ({_percent(shares[first])} of the variation in value)"
    more = [f"{name} ({_percent(shares[name])})" for name in others if shares[name] >= _MATTERS]
    if more:
        words += f", then {_listed(more)}"
    words += "."
    rest = [name for name in others if shares[name] < _MATTERS]
    if rest:
        words += f" {_listed(rest)} hardly mattered."
    if trials < _HINT:
        words += f" From {counted} only: a hint, not a finding."
    return words


def completed(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    """Return the completed trials whose value is finite."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [one for one in trials if one.value is not None and math.isfinite(one.value)]


def varied(trials: "list[optuna.trial.FrozenTrial]") -> list[str]:
    """Return the parameters that all of these trials have and that took several values, sorted."""
    if not trials:
        return []
    names = set.intersection(*(set(trial.params) for trial in trials))
    return sorted(name for name in names if len({trial.params[name] for trial in trials}) > 1)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(words: list[str]) -> str:
    """Join words as in a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
