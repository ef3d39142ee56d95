"""Which parameters mattered in a search, as shares and as text."""

import math
from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from signs_sweep.searching.study.own import selection

if TYPE_CHECKING:
    import optuna

_FEWEST = 5
"""Completed trials below which shares are undefined: a forest fitted to four points is chance."""

_HINT = 20
"""Completed trials below which shares are a hint: with 10, they vary by 0.16 between studies."""

_MATTERS = 0.15
"""Smallest share that counts as mattering: with 41 trials, a parameter without effect got 0.13."""


class Share(NamedTuple):
    """The importance of a parameter that only some trials have.

    Attributes:
        share: as in `importances`, or None if it is undefined.
        trials: number of completed trials that have the parameter.
    """

    share: float | None
    trials: int


def importances(study: "optuna.Study") -> dict[str, float]:
    """Return the share of the variation in the objective that each parameter explains.

    The shares are those of Optuna's `MeanDecreaseImpurityImportanceEvaluator`: a random forest
    predicts the value of a trial from its parameters, and a parameter gets the share of the
    variance that splits on it remove (Breiman, *Random forests*, 2001). The seed is fixed, so the
    same study always gives the same shares.

    Optuna's two other evaluators did worse on studies with known importances (learning rate 0.97
    of the variance, l2 0.03, two parameters without effect; 8 studies each; Optuna 5.0):

    - `PedAnovaImportanceEvaluator`, the default, asks what the best tenth of the trials have in
      common. That is one trial of 10 and two of 20; its documentation recommends five. With 10
      trials it gave three parameters a third each, and with 60 trials of TPE it ranked the right
      parameter first in 5 of 8 studies. Nor are its numbers shares of the variation.
    - `FanovaImportanceEvaluator` also grows a forest, but weighs the leaves by their volume on a
      linear scale (`transform_log=False`): for a learning rate from 1e-5 to 1e-1, nine tenths of
      the weight lie above 1e-2. It took 1.0 s for 60 trials, against 0.14 s, and was no better. On
      a copy of the study with logarithmic values it was better (0.90 against 0.81 with 60 trials
      of TPE), but that is not worth a second study and ten times the wait.

    The evaluator used here ranked the right parameter first in every study of 10 or more trials.
    The caveat in `describe_importances` covers its known bias towards parameters with many values.

    Returns:
        Shares by parameter, largest first, that sum to 1. Parameters with only one value have no
        share. Empty if shares are undefined: fewer than five completed trials, fewer than two
        parameters that varied, the same value in every trial, or trials that drew a parameter from
        different ranges.
    """
    from optuna.importance import get_param_importances

    trials = completed(study)
    names = varied(trials)
    spaces = {tuple(trial.distributions[name] for name in names) for trial in trials}
    values = {trial.value for trial in trials}
    if len(trials) < _FEWEST or len(names) < 2 or len(spaces) > 1 or len(values) < 2:
        return {}
    shares = get_param_importances(study, evaluator=evaluator(), params=names)
    if set(shares.values()) == {1 / len(names)}:  # Optuna's answer if no split explains anything.
        return {}
    return {name: float(share) for name, share in shares.items()}


def importances_of_options(study: "optuna.Study") -> dict[str, Share]:
    """Return what `importances` gives for the parameters that only some trials have.

    Each is computed from the trials that have it, together with the parameters that all trials
    have; the shares of different options do not add up to anything.

    Returns:
        By parameter, sorted, its share and the number of completed trials that have it.
    """
    trials = completed(study)
    names = {name for trial in trials for name in trial.params}
    common = set.intersection(*(set(trial.params) for trial in trials)) if trials else set()
    found = {}
    for name in sorted(names - common):
        having = selection(study, partial(_has, name))
        shares = importances(having)
        found[name] = Share(shares.get(name), len(completed(having)))
    return found


def _has(name: str, trial: "optuna.trial.FrozenTrial") -> bool:
    return name in trial.params


def evaluator() -> "optuna.importance.BaseImportanceEvaluator":
    """Return the evaluator behind `importances`, for a plot of the same shares."""
    from optuna.importance import MeanDecreaseImpurityImportanceEvaluator

    return MeanDecreaseImpurityImportanceEvaluator(seed=0)


def without(study: "optuna.Study", numbers: Collection[int]) -> "optuna.Study":
    """Return a study without some of its trials, such as those that collapsed."""
    return selection(study, lambda trial: trial.number not in numbers)


def describe_importances(
    shares: Mapping[str, float],
    trials: int,
    collapsed: int = 0,
    options: Mapping[str, Share] = MappingProxyType({}),
) -> str:
    """Describe in one to four sentences which parameters mattered, given their `importances`.

    If fewer than 20 trials were completed, the text adds that this is few.

    Args:
        shares: the importances.
        trials: number of completed trials from which they come.
        collapsed: number of completed trials that were left out because they collapsed.
        options: the importances of the parameters that only some trials have.
    """
    counted = f"{trials} completed trial{'' if trials == 1 else 's'}"
    left_out = f" {collapsed} completed trial{'' if collapsed == 1 else 's'} that collapsed "
    left_out = f"{left_out}{'is' if collapsed == 1 else 'are'} left out of this." * bool(collapsed)
    left_out += _of_options(options, trials)
    if not shares:
        return f"Which parameter mattered is unclear from {counted}.{left_out}"
    ranked = sorted(shares, key=lambda name: -shares[name])
    first, *others = ranked
    text = f"{first} mattered most ({_percent(shares[first])} of the variation in value)"
    more = [f"{name} ({_percent(shares[name])})" for name in others if shares[name] >= _MATTERS]
    if more:
        text += f", then {_listed(more)}"
    text += "."
    rest = [name for name in others if shares[name] < _MATTERS]
    if rest:
        text += f" {_listed(rest)} hardly mattered."
    if trials < _HINT:
        text += f" With only {counted}, this is a hint, not a finding."
    return text + left_out


def _of_options(options: Mapping[str, Share], trials: int) -> str:
    """Describe the parameters that only some trials have: in how many, and what they explain."""
    if not options:
        return ""
    shown = [
        f"{name} was present in {each.trials} of {trials}"
        + (f" ({_percent(each.share)} of the variation among these)" if each.share else "")
        for name, each in options.items()
    ]
    return f" {_listed(shown)}."


def completed(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    """Return the completed trials with a finite value."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [trial for trial in trials if trial.value is not None and math.isfinite(trial.value)]


def varied(trials: "list[optuna.trial.FrozenTrial]") -> list[str]:
    """Return, sorted, the parameters that all trials have and that took several values."""
    if not trials:
        return []
    names = set.intersection(*(set(trial.params) for trial in trials))
    return sorted(name for name in names if len({trial.params[name] for trial in trials}) > 1)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(words: list[str]) -> str:
    """Join words for a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
