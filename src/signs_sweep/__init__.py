"""Honest experiments on small TensorFlow models: specs, sweeps and MLflow.

>>> import signs_sweep
>>> outcome = signs_sweep.run("experiments/smoke.yaml")  # doctest: +SKIP
>>> outcome.table  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signs_sweep.api import (
        compare,
        export,
        history,
        load,
        plan,
        predict,
        predictions,
        report,
        run,
        search,
        verdicts,
    )

__all__ = [
    "compare",
    "export",
    "history",
    "load",
    "plan",
    "predict",
    "predictions",
    "report",
    "run",
    "search",
    "verdicts",
]


def __getattr__(name: str) -> Any:
    """Import the functions on first use: the package itself imports nothing."""
    if name in __all__:
        from signs_sweep import api

        return getattr(api, name)
    raise AttributeError(f"module 'signs_sweep' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
