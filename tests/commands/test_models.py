"""Which runs `best:` and `ensemble:` name, given the runs of an experiment."""

import pytest

from signs_sweep.commands import models
from signs_sweep.commands.comparing import Found
from signs_sweep.commands.models import Choice, find_named
from signs_sweep.commands.options import SeedOptions
from signs_sweep.domain import Parameters, Result, Row, State, VerdictRule
from signs_sweep.errors import UsageError


def row(l2: float, seed: int, chance: float | None = None, **metrics: float) -> Row:
    """Return a run: finished if it has metrics, diverged if a chance."""
    name = f"{l2}-{seed}"
    state = State.FINISHED if metrics else State.FAILED
    parameters = Parameters(l2=l2, global_seed=seed, init_seed=seed)
    label = f"l2 {l2}"
    result = Result(name, state, metrics, location=f"at {name}", chance=chance)
    return Row("toy", name, label, parameters, result, baseline=f"0-{seed}")


def named(monkeypatch: pytest.MonkeyPatch, name: str, *rows: Row, **rule: str) -> models.Named:
    found = Found(list(rows), {"toy": VerdictRule(**rule)})
    monkeypatch.setattr(models, "find_runs", lambda *_: found)
    return find_named(name, SeedOptions())


def ids(found: models.Named) -> list[str]:
    return [each.run_id for each in found.rows]


SWEEP = (
    row(0, 1, val_accuracy=0.9, test_accuracy=0.1, val_nll=0.9),
    row(0, 2, val_accuracy=0.3, test_accuracy=0.2, val_nll=0.8),
    row(1, 1, val_accuracy=0.7, test_accuracy=0.3, val_nll=2.0),
    row(1, 2, val_accuracy=0.8, test_accuracy=0.2, val_nll=3.0),
    row(1, 3),
)


def test_the_best_run_is_of_the_setting_with_the_best_mean(monkeypatch) -> None:
    found = named(monkeypatch, "best:toy", *SWEEP)
    assert (ids(found), found.title, found.metric) == (["1-2"], "l2 1", "val_accuracy")
    assert found.setting.mean(found.metric) == 0.75


def test_a_setting_of_which_most_runs_diverge_is_not_the_best(monkeypatch) -> None:
    lucky = row(2, 1, val_accuracy=0.99)
    diverged = [row(2, seed, chance=0.1) for seed in (2, 3)]
    assert ids(named(monkeypatch, "best:toy", *SWEEP, lucky, *diverged)) == ["1-2"]
    found = named(monkeypatch, "ensemble:toy", lucky, *diverged)
    assert ids(found) == ["2-1"]
    assert found.setting.mean("val_accuracy") == pytest.approx((0.99 + 0.1 + 0.1) / 3)


def test_an_ensemble_has_all_finished_runs(monkeypatch) -> None:
    found = named(monkeypatch, "ensemble:toy", *SWEEP)
    assert (ids(found), found.choice) == (["1-1", "1-2"], Choice.ENSEMBLE)


def test_the_rule_says_by_what_but_never_the_test_set_where_there_is_validation(
    monkeypatch,
) -> None:
    assert ids(named(monkeypatch, "best:toy", *SWEEP, metric="val_nll")) == ["0-2"]
    found = named(monkeypatch, "best:toy", *SWEEP, metric="test_accuracy")
    assert (ids(found), found.metric) == (["1-2"], "val_accuracy")
    plain = [row(0, 1, test_accuracy=0.5), row(1, 1, test_accuracy=0.6)]
    assert ids(named(monkeypatch, "best:toy", *plain)) == ["1-1"]


def test_in_a_search_it_is_the_winner(monkeypatch) -> None:
    """Trials are not tested, and the default is tested to compare the winner with it."""
    trials = [row(5, 1, val_accuracy=1.0), row(0, 1, val_accuracy=0.99)]
    default = row(0, 2, val_accuracy=0.9, test_accuracy=0.9)
    winner = row(1, 2, val_accuracy=0.8, test_accuracy=0.8)
    assert ids(named(monkeypatch, "best:toy", *trials, default, winner)) == ["1-2"]
    # If the default itself wins, no other setting is tested.
    assert named(monkeypatch, "best:toy", *trials, default).title == "l2 0"
    assert ids(named(monkeypatch, "best:toy", *trials)) == ["5-1"]


def test_without_a_finished_run_or_on_different_data_there_is_no_best(monkeypatch) -> None:
    with pytest.raises(UsageError, match="no run of toy is finished"):
        named(monkeypatch, "best:toy", row(0, 1))
    from dataclasses import replace

    with pytest.raises(UsageError, match="has the validation accuracy of all splits of a seed"):
        named(monkeypatch, "best:toy", replace(SWEEP[0], folds=5))
    with pytest.raises(UsageError, match="differ in their version, data, validation or folds"):
        named(monkeypatch, "best:toy", *SWEEP, replace(SWEEP[0], data="other"))
