"""What a notebook shows of a plan, an outcome, a search and verdicts."""

import pickle
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

from signs_sweep.analysis.verdict import Verdict, Verdicts
from signs_sweep.commands.outcome import Outcome
from signs_sweep.domain import Result, State
from signs_sweep.domain.notebook import table
from signs_sweep.planning.plan import make_plan
from signs_sweep.spec import load

LABEL = "<script>alert('&')</script>"
SPEC = f"""\
name: toy
data: drawn
base: {{epochs: 9}}
cases:
  - {{label: plain, l2: 0}}
  - {{label: "{LABEL}", l2: 0.01}}
seeds: 8
baseline: {{l2: 0}}
"""


def outcome(folder: Path, *, gain: float = 0.2, lost: int = 0) -> Outcome:
    """Return an outcome in which the second setting is better; its last runs are lost."""
    (folder / "toy.yaml").write_text(SPEC, encoding="utf-8")
    plan = make_plan([(load(folder / "toy.yaml"), "data")])
    results = {}
    for trial in plan.trials:
        for seed, run_id in enumerate(trial.run_ids):
            score = 0.5 + seed / 100 + (0 if trial.is_baseline else gain)
            results[run_id] = Result(run_id, State.FINISHED, {"test_accuracy": score}, 9)
    for run_id in list(plan.runs)[len(plan.runs) - lost :]:
        results[run_id] = Result(run_id, State.FAILED, {}, 2, message="out of <memory>")
    return Outcome(plan, results, frozenset(), 1.0, was_interrupted=False)


def cells(html: str) -> list[list[str]]:
    """Return the rows of the tables in some HTML."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [[unescape(each) for each in re.findall(r"<t[hd].*?>(.*?)</t", row)] for row in rows]


def test_an_outcome_shows_its_answer_its_settings_and_their_verdicts(tmp_path: Path) -> None:
    found = outcome(tmp_path)
    html = found._repr_html_()
    (answer,) = found.answers.values()
    assert html.startswith("<p>Compared with the baseline, plain")
    assert answer in unescape(html)
    header, plain, other = cells(html)
    assert header[:2] == ["label", "l2"]
    assert plain[header.index("vs baseline")] == "baseline"
    assert other[header.index("vs baseline")] == "+0.2000"
    assert other[header.index("verdict")] == "better"
    assert "" not in header
    assert all(any(column) for column in zip(plain, other, strict=True)), "no empty column"


def test_names_and_messages_of_users_are_text_and_failures_are_shown(tmp_path: Path) -> None:
    found = outcome(tmp_path, lost=2)
    for html in (found._repr_html_(), found.plan._repr_html_(), found.verdicts._repr_html_()):
        assert not re.search("<script|color|style>", html)
        assert LABEL in unescape(html)
    html = unescape(found._repr_html_())
    assert html.count(f"<p>failed: {LABEL}") == 2
    assert html.count("out of <memory>") == 2


def test_an_interruption_and_a_budget_are_shown_first(tmp_path: Path) -> None:
    found = outcome(tmp_path)
    stopped = replace(found, was_interrupted=True)._repr_html_()
    assert stopped.startswith("<p>interrupted: 16 of 16 runs finished.")
    assert replace(found, is_out_of_time=True)._repr_html_().startswith("<p>The budget is used up.")
    assert replace(found, unwritten="no <store>")._repr_html_().endswith("no &lt;store&gt;</p>\n")
    nothing = replace(found, results={})
    assert LABEL in unescape(nothing._repr_html_())


def test_a_plan_shows_its_settings(tmp_path: Path) -> None:
    html = outcome(tmp_path).plan._repr_html_()
    assert html.startswith("<p>toy: 16 runs in 2 trials</p>")
    assert cells(html) == [
        ["setting", "seeds", "epochs", ""],
        ["plain", "8", "9", "baseline"],
        [f"{LABEL} l2=0.01", "8", "9", ""],
    ]


def test_verdicts_are_a_list_that_shows_itself(tmp_path: Path) -> None:
    found = outcome(tmp_path).verdicts
    assert found == list(found) == pickle.loads(pickle.dumps(found))
    assert isinstance(found[0], Verdict)
    assert isinstance(found[:1], Verdicts)
    header, row = cells(found._repr_html_())
    assert header == [
        *("setting", "baseline", "metric", "seeds", "vs baseline", "interval", "won", "verdict")
    ]
    assert row[1:5] == ["plain", "test accuracy", "8", "+0.2000"]
    assert row[-2:] == ["8 of 8", "better"]
    assert cells(found[0]._repr_html_()) == [header, row]
    assert Verdicts()._repr_html_() == "<p>no verdicts</p>\n"


def test_a_long_table_is_cut() -> None:
    rows = cells(table({"l2": [str(number) for number in range(200)]}))
    assert len(rows) == 32
    assert rows[-1] == ["170 more rows are not shown"]
