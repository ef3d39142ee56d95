"""Which sampler and which pruner of Optuna a spec means."""

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

from signs_sweep.spec import Pruner, Sampler

if TYPE_CHECKING:
    import optuna

_NEEDS = {"cmaes": ("cmaes", "cmaes"), "gp": ("torch", "torch")}
"""By sampler, the package that Optuna needs for it: to import, and to install."""

_INTERVALS = 30
"""Decisions in a run, where the spec does not say how many epochs are between two."""


def missing_package(sampler: Sampler) -> str | None:
    """Return the name of the package that a sampler needs and that is not installed, if any."""
    module, package = _NEEDS.get(sampler.name, ("", ""))
    return package if module and find_spec(module) is None else None


def make_sampler(sampler: Sampler, proposal: int) -> "optuna.samplers.BaseSampler":
    """Make the sampler for one proposal.

    Those that keep no state get random numbers of their own for each proposal, so that a search
    that was killed goes on as one that was not. The others keep what they know in the study.

    Args:
        sampler: as in the spec.
        proposal: how many there were before it.
    """
    from optuna import samplers

    seed = sampler.seed + 1_000_003 * (proposal + 1)  # A prime: seeds of two searches do not meet.
    seed %= 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Some are marked as experimental.
        match sampler.name:
            case "tpe":
                return samplers.TPESampler(seed=seed, n_startup_trials=sampler.startup)
            case "qmc":
                return samplers.QMCSampler(
                    seed=sampler.seed,
                    scramble=True,
                    warn_asynchronous_seeding=False,
                    warn_independent_sampling=False,
                )
            case "cmaes":
                return samplers.CmaEsSampler(
                    seed=seed, n_startup_trials=sampler.startup, warn_independent_sampling=False
                )
            case "gp":
                return samplers.GPSampler(seed=seed, n_startup_trials=sampler.startup)
            case _:  # The grid is counted through elsewhere.
                return samplers.RandomSampler(seed=seed)


def decision_interval(pruner: Pruner, epochs: int) -> int:
    """Return how many epochs there are from one decision of a pruner to the next."""
    return pruner.interval or max(1, epochs // _INTERVALS)


def make_pruner(pruner: Pruner, epochs: int) -> "optuna.pruners.BasePruner":
    """Make a pruner.

    Args:
        pruner: as in the spec.
        epochs: of a run.
    """
    from optuna import pruners

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        match pruner.name:
            case "median":
                return pruners.MedianPruner(pruner.startup, pruner.warmup)
            case "percentile":
                return pruners.PercentilePruner(pruner.percentile, pruner.startup, pruner.warmup)
            case "hyperband":
                first = pruner.warmup or decision_interval(pruner, epochs)
                return pruners.HyperbandPruner(min(first, epochs), epochs)
            case "wilcoxon":
                return pruners.WilcoxonPruner(p_threshold=pruner.p, n_startup_steps=pruner.startup)
            case _:
                return pruners.NopPruner()
