"""The report at the end of a run: whatever happens to it, the results stand."""

from collections.abc import Callable

import pytest

from signs_sweep.commands.comparing import Found
from signs_sweep.commands.options import SharedOptions
from signs_sweep.commands.reporting import log_report
from signs_sweep.commands.store import Store
from signs_sweep.domain import masking
from signs_sweep.errors import StoreError


def fails(error: BaseException) -> Callable[[], Found]:
    def find() -> Found:
        raise error

    return find


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (StoreError("the store is away"), "the store is away"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (ImportError(), "ImportError"),
        (KeyboardInterrupt(), "interrupted"),
        (ValueError("postgresql://me:hunter22@host"), "postgresql://me:***@host"),
    ],
)
def test_it_only_warns(error: BaseException, why: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(masking, "_everywhere", {"hunter22"})
    store = Store(f"sqlite:///{tmp_path}/mlflow.db")
    found = log_report(fails(error), store, SharedOptions(), "sweep")
    assert found == f"the report was not written: {why}"
