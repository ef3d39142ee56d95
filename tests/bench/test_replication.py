"""The page on the conclusions of the series, from tables as `compare` returns them."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from signs_sweep.domain import Judgement

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import replication

LABELS = [reported.label for reported in replication.RUNS]


def compared(target: Path, by: str | None = None, **_: object):
    """Return runs or settings of a store."""
    if by is not None:
        table = pd.DataFrame({"label": LABELS, "seeds": 8, "mean": 0.7, "deviation": 0.1})
        table["failed"] = 1
        return table
    labels = LABELS if target == replication.SPEC else [*LABELS, "plain"]
    table = pd.DataFrame({"label": labels, "accuracy": 0.9, "test_accuracy": 0.8})
    table["diagnosis"] = "learned"
    table["learning_rate"] = [{"m1": 1e-4, "m2": 5e-4}.get(label, 0.0) for label in labels]
    table["l2"] = [{"m3": 0.01, "m4": 0.03, "m5": 0.1}.get(label, 0.0) for label in labels]
    if target.stem == "dropout":
        raise replication.UsageError("unknown metric 'accuracy'. Known: none yet")
    return table


def test_a_conclusion_holds_does_not_hold_or_stays_open(monkeypatch) -> None:
    judgements = {"m8": Judgement.BETTER, "m3": Judgement.WORSE, "m5": Judgement.DIFFERENT}
    verdicts = [
        SimpleNamespace(
            judgement=judgements.get(claim.setting, Judgement.UNDECIDED),
            text="a verdict",
            difference=0.05,
            low=0.01,
            high=None if claim.setting == "m2" else 0.1,
            pairs=8,
        )
        for claim in replication.CLAIMS
    ]
    monkeypatch.setattr(replication, "verdicts_on", lambda claims, uri: verdicts)
    monkeypatch.setattr(replication.signs_sweep, "compare", compared)
    text = replication.page(None)
    ends = {
        line.split(" | ")[1].strip(): line.split(" | ")[-1].rstrip(" |")
        for line in text.splitlines()
        if line.startswith("| ") and " with m" in line
    }
    assert ends["m8 with m6"] == "holds"
    assert ends["m3 with m1"] == "does not hold"
    assert ends["m5 with m3"] == "holds only in part"
    assert "| +0.0500 | 8 | a verdict | stays open |" in text, "without an interval"
    assert "| +0.0500 (+0.0100 to +0.1000) | 8 | a verdict | holds |" in text
    assert {ends[name] for name in ("m2 with m1", "m4 with m3", "m7 with m6")} == {"stays open"}
    rows = {line.split(" | ")[0].lstrip("| "): line for line in text.splitlines() if "|" in line}
    assert "| 0.900, 0.800 | 8 | 0.700 \u00b1 0.100 | 0.800 to 0.800 | 0.900 | 1 |" in rows["m3"]
    assert "not trained" in rows["m6"], "the spec with its seeds has no runs"


def test_it_does_not_write_half_a_page(monkeypatch) -> None:
    def only_m1(target: Path, **options: object) -> pd.DataFrame:
        table = compared(target, **options)
        return table[table["label"] == "m1"] if target == replication.SPEC else table

    monkeypatch.setattr(replication.signs_sweep, "compare", only_m1)
    with pytest.raises(replication.UsageError, match="no finished runs of m2, m3, m4, m5, m6, m7"):
        replication.page(None)
