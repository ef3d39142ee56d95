"""Which sampler and which pruner of Optuna a spec means, with every argument written out.

Optuna's defaults change between its versions: version 5 has other ones for `multivariate` and
`constant_liar` of TPE than version 4. Nothing here is left to a default, and what is passed to
Optuna is also what a study is checked against. So is Optuna's major version: with the same
arguments, TPE and QMC of version 5 propose other points than those of version 4.
"""

import math
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.spec import EPOCHWISE_PRUNERS, Pruner, Sampler, Search
from signs_sweep.spec.search import SAMPLER_OPTIONS

if TYPE_CHECKING:
    import optuna

_NEEDS = {"cmaes": ("cmaes", "cmaes"), "gp": ("torch", "torch")}
"""By sampler, the package that Optuna needs for it: to import, and to install."""

_INTERVALS = 30
"""Decisions in a run, where the spec does not say how many epochs are between two."""


def best_tenth(trials: int) -> int:
    """Return how many of the finished trials TPE takes for good ones: Optuna's default `gamma`."""
    return min(math.ceil(0.1 * trials), 25)


def latest_25_in_full(trials: int) -> NDArray[np.float64]:
    """Return the weight of each trial in TPE, the oldest first: Optuna's default `weights`."""
    ramp = np.linspace(1 / max(trials, 1), 1, num=max(trials - 25, 0))
    return np.concatenate([ramp, np.ones(min(trials, 25))])


_SAMPLERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "tpe": (
        "TPESampler",
        {
            "consider_prior": True,
            "prior_weight": 1.0,
            "consider_magic_clip": True,
            "consider_endpoints": False,
            "n_ei_candidates": 24,
            "gamma": best_tenth,
            "weights": latest_25_in_full,
            "multivariate": True,
            "group": False,
            "constant_liar": True,
            "constraints_func": None,
        },
    ),
    "random": ("RandomSampler", {}),
    "grid": ("RandomSampler", {}),  # The grid is enumerated elsewhere; this fills in the rest.
    "qmc": ("QMCSampler", {"qmc_type": "sobol", "scramble": True, "independent_sampler": "random"}),
    "cmaes": (
        "CmaEsSampler",
        {
            "x0": None,
            "sigma0": None,
            "independent_sampler": "random",
            "consider_pruned_trials": False,
            "restart_strategy": None,
            "popsize": None,
            "inc_popsize": -1,
            "use_separable_cma": False,
            "with_margin": False,
            "lr_adapt": False,
            "source_trials": None,
        },
    ),
    "gp": (
        "GPSampler",
        {
            "independent_sampler": "random",
            "deterministic_objective": False,
            "constraints_func": None,
        },
    ),
}
"""By sampler of a spec, its class and the arguments that are the same for every spec."""

_PRUNERS = {
    "none": "NopPruner",
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "hyperband": "HyperbandPruner",
    "wilcoxon": "WilcoxonPruner",
}
"""By pruner of a spec, its class."""


def missing_package(sampler: Sampler) -> str | None:
    """Return the name of the package that a sampler needs and that is not installed, if any."""
    module, package = _NEEDS.get(sampler.name, ("", ""))
    return package if module and find_spec(module) is None else None


def decision_interval(pruner: Pruner, epochs: int) -> int:
    """Return how many epochs there are from one decision of a pruner to the next."""
    return pruner.interval or max(1, epochs // _INTERVALS)


def proposals(search: Search, epochs: int) -> dict[str, object]:
    """Return everything that decides which points a search tries, given their values.

    Args:
        search: as in the spec.
        epochs: of a run.

    Returns:
        For `sampler` and for `pruner` its name and every argument that Optuna is given, as JSON;
        and the major version of Optuna.
    """
    import optuna

    sampler, pruner = search.sampler, search.pruner
    arguments = sampler_arguments(sampler)
    decisions = {"name": pruner.name, "dead": pruner.dead}
    if pruner.name in EPOCHWISE_PRUNERS:
        decisions["interval"] = decision_interval(pruner, epochs)
    return {
        "version of Optuna": int(optuna.__version__.partition(".")[0]),
        "sampler": {
            "name": sampler.name,
            **{name: getattr(value, "__name__", value) for name, value in arguments.items()},
        },
        "pruner": {**decisions, **pruner_arguments(pruner, epochs)},
    }


def sampler_arguments(sampler: Sampler) -> dict[str, Any]:
    """Return every argument of Optuna's sampler that decides a point, by name.

    The `seed` is that of the spec; `independent_sampler` is a name in place of the object.
    """
    arguments = {"seed": sampler.seed, **_SAMPLERS[sampler.name][1]}
    if "startup" in SAMPLER_OPTIONS[sampler.name]:
        arguments["n_startup_trials"] = sampler.startup
    return arguments


def make_sampler(sampler: Sampler, proposal: int) -> "optuna.samplers.BaseSampler":
    """Make the sampler for one proposal.

    Those that keep no state get random numbers of their own for each proposal, so that a search
    that was killed goes on as one that was not. The others keep what they know in the study.

    Args:
        sampler: as in the spec.
        proposal: how many there were before it.
    """
    from optuna import samplers

    arguments = sampler_arguments(sampler)
    if sampler.name != "qmc":  # Its sequence goes by the numbers of the trials.
        # A prime: seeds of two searches do not meet.
        arguments["seed"] = (sampler.seed + 1_000_003 * (proposal + 1)) % 2**32
    if "independent_sampler" in arguments:
        arguments["independent_sampler"] = samplers.RandomSampler(seed=arguments["seed"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Some arguments are experimental, others deprecated.
        made: optuna.samplers.BaseSampler = getattr(samplers, _SAMPLERS[sampler.name][0])(
            **arguments
        )
    return made


def pruner_arguments(pruner: Pruner, epochs: int) -> dict[str, Any]:
    """Return every argument of Optuna's pruner, by name, for runs of so many epochs."""
    percentile = {
        "n_startup_trials": pruner.startup,
        "n_warmup_steps": pruner.warmup,
        "interval_steps": 1,
        "n_min_trials": 1,
    }
    match pruner.name:
        case "median":
            return percentile
        case "percentile":
            return {"percentile": pruner.percentile, **percentile}
        case "hyperband":
            first = pruner.warmup or decision_interval(pruner, epochs)
            return {
                "min_resource": min(first, epochs),
                "max_resource": epochs,
                "reduction_factor": 3,
                "bootstrap_count": 0,
            }
        case "wilcoxon":
            return {"p_threshold": pruner.p, "n_startup_steps": pruner.startup}
        case _:
            return {}


def make_pruner(pruner: Pruner, epochs: int) -> "optuna.pruners.BasePruner":
    """Make a pruner for runs of so many epochs."""
    from optuna import pruners

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: optuna.pruners.BasePruner = getattr(pruners, _PRUNERS[pruner.name])(
            **pruner_arguments(pruner, epochs)
        )
    return made
