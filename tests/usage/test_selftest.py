"""`signs-sweep doctor --selftest`: trains, is killed, resumes, compares, and leaves nothing."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from looking import processes_in

from signs_sweep.commands import selftest


@pytest.mark.slow
def test_a_killed_run_has_the_bits_of_an_undisturbed_run(
    bare_project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    before = sorted(tmp_path.rglob("*"))
    elsewhere = {
        "SIGNS_SWEEP_CHECKPOINTS": str(tmp_path / "shared"),
        "SIGNS_SWEEP_CLAIMS": "postgresql://nobody@127.0.0.1:1/none",
    }
    done = bare_project.run("doctor", "--selftest", "--format", "json", **elsewhere)
    assert done.stderr == ""
    checks = json.loads(done.stdout)["checks"]
    steps = [check for check in checks if check["name"].startswith("selftest")]
    assert [step["status"] for step in steps] == ["ok"] * 4, steps
    assert steps[2]["name"] == "selftest: killed and resumed"
    assert "the same bits: weights, epochs, metrics, predictions, record" in steps[3]["found"]
    assert sorted(tmp_path.rglob("*")) == before
    assert not processes_in(bare_project)


def test_a_different_bit_is_found() -> None:
    arrays = [np.zeros(3, np.float32), np.ones(2)]
    assert selftest.are_equal(arrays, [array.copy() for array in arrays])
    assert not selftest.are_equal(arrays, [-arrays[0], arrays[1]])
    assert not selftest.are_equal(arrays, arrays[:1])
    assert not selftest.are_equal([], [])
