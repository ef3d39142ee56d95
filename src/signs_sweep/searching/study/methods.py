"""The Optuna samplers and pruners that a spec can name, with every argument written out.

Optuna's defaults change between versions: those of TPE's `multivariate` and `constant_liar` differ
between 4 and 5. So no argument is left to its default, and studies are checked against the
arguments that Optuna gets. They are also checked against its major version: with the same
arguments, TPE and QMC of version 5 propose different points than those of version 4.
"""

import math
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.searching.study.space import has_options
from signs_sweep.spec import EPOCHWISE_PRUNERS, Pruner, Sampler, Search
from signs_sweep.spec.search import SAMPLER_OPTIONS

if TYPE_CHECKING:
    import optuna

_NEEDS = {"cmaes": ("cmaes", "cmaes"), "gp": ("torch", "torch")}
"""By sampler, the package that Optuna needs for it: name to import, name to install."""

_INTERVALS = 30
"""Pruning decisions per run, unless the spec sets an interval."""


def best_tenth(trials: int) -> int:
    """Return how many of the finished trials TPE counts as good: Optuna's default `gamma`."""
    return min(math.ceil(0.1 * trials), 25)


def latest_25_in_full(trials: int) -> NDArray[np.float64]:
    """Return the weights of TPE's trials, oldest first: Optuna's default `weights`."""
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
    "grid": ("RandomSampler", {}),  # `space` enumerates the grid; this completes enqueued points.
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
"""By name in a spec, the sampler's class and the arguments that are the same for every spec."""

_PRUNERS = {
    "none": "NopPruner",
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "hyperband": "HyperbandPruner",
    "wilcoxon": "WilcoxonPruner",
}
"""By name in a spec, the pruner's class."""


def missing_package(sampler: Sampler) -> str | None:
    """Return the package that a sampler needs if it is not installed, else None."""
    module, package = _NEEDS.get(sampler.name, ("", ""))
    return package if module and find_spec(module) is None else None


def decision_interval(pruner: Pruner, epochs: int) -> int:
    """Return the number of epochs from one decision of a pruner to the next."""
    return pruner.interval or max(1, epochs // _INTERVALS)


def proposals(search: Search, epochs: int) -> dict[str, object]:
    """Return what the points of a search depend on besides its space and the values of trials.

    Returns:
        For `sampler` and `pruner`, the name and every argument passed to Optuna, as JSON types;
        and the major version of Optuna.
    """
    import optuna

    sampler, pruner = search.sampler, search.pruner
    arguments = sampler_arguments(search)
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


def sampler_arguments(search: Search) -> dict[str, Any]:
    """Return every argument of Optuna's sampler that affects points, by name.

    The `seed` is the spec's; `independent_sampler` is a name in place of the object. TPE groups
    dimensions that exist together, if some exist only under a choice of another.
    """
    sampler = search.sampler
    arguments = {"seed": sampler.seed, **_SAMPLERS[sampler.name][1]}
    if "group" in arguments:
        arguments["group"] = has_options(search.space)
    if "startup" in SAMPLER_OPTIONS[sampler.name]:
        arguments["n_startup_trials"] = sampler.startup
    return arguments


def make_sampler(search: Search, proposal: int) -> "optuna.samplers.BaseSampler":
    """Make the sampler for one proposal.

    Stateless samplers get a new seed for each proposal, so a search that was killed resumes with
    the same points. The others keep their state in the study. `proposal` is the number of proposals
    before this one.
    """
    from optuna import samplers

    arguments, sampler = sampler_arguments(search), search.sampler
    if sampler.name != "qmc":  # Its sequence is indexed by trial number.
        # A prime, so that the seeds of two searches do not overlap.
        arguments["seed"] = (sampler.seed + 1_000_003 * (proposal + 1)) % 2**32
    if "independent_sampler" in arguments:
        arguments["independent_sampler"] = samplers.RandomSampler(seed=arguments["seed"])
    made: optuna.samplers.BaseSampler = _made(samplers, _SAMPLERS[sampler.name][0], arguments)
    return made


def pruner_arguments(pruner: Pruner, epochs: int) -> dict[str, Any]:
    """Return every argument of Optuna's pruner, by name, for runs with this number of epochs."""
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
    """Make a pruner for runs with this number of epochs."""
    from optuna import pruners

    arguments = pruner_arguments(pruner, epochs)
    made: optuna.pruners.BasePruner = _made(pruners, _PRUNERS[pruner.name], arguments)
    return made


def _made(module: ModuleType, name: str, arguments: Mapping[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Some arguments are experimental, others deprecated.
        return getattr(module, name)(**arguments)
