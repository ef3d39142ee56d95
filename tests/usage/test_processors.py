"""Runs that are trained on several kinds of processors, all of them this one under other names."""

import pytest

from conftest import Project
from signs_sweep.commands.store import Store
from signs_sweep.process import processor
from signs_sweep.trainer import runtime

pytestmark = pytest.mark.slow

SPEC = "name: moved\nmodel: {hidden: [3]}\nbase: {epochs: 2}\n"
OLD, NEW = "Old, avx2", "New, avx2"


def test_a_trajectory_on_several_kinds_of_processors_is_recorded_shown_and_avoidable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(kind: str, epochs: int, *options: str) -> str:
        """Train a run of so many epochs on a kind of processor; return all output."""
        own = (kind.partition(",")[0], frozenset({"avx2"}))
        for module in (processor, runtime):
            monkeypatch.setattr(module, "processor", lambda: own)
        arguments = ("--workers", "0", "--set", f"epochs={epochs}", *options)
        done = project.run("run", "moved.yaml", *arguments)
        assert done.returncode == 0, done.stderr
        return " ".join((done.stdout + done.stderr).split())

    def kinds() -> dict[int, dict[int, str]]:
        runs = Store(None).index.list_runs("moved")
        return {row.parameters.epochs: row.result.kinds for row in runs}

    project.enter(monkeypatch)
    project.write("moved.yaml", SPEC)
    train(OLD, 2)
    assert f"trained on {OLD} until epoch 2, from then on {NEW}" in train(NEW, 4)
    assert kinds() == {2: {1: OLD}, 4: {1: OLD, 3: NEW}}
    said = train(OLD, 6, "--same-processor")
    assert f"its checkpoint after epoch 4 was trained on {OLD} and {NEW}" in said
    assert "therefore trained from epoch 2" in said
    assert "therefore trained from epoch 0" in train("Third, avx2", 3, "--same-processor")
    assert kinds() == {2: {1: OLD}, 4: {1: OLD, 3: NEW}, 6: {1: OLD}, 3: {1: "Third, avx2"}}
    compared = " ".join(project.run("compare", "moved").stdout.split())
    assert f"on 2 kinds of processors: 2 on {OLD}; 1 on Third, avx2." in compared
    assert f"{OLD} from epoch 1; {NEW} from epoch 3." in compared
    reported = project.run("report", "moved", "--format", "md", "-o", "report.md")
    assert reported.returncode == 0, reported.stderr
    page = " ".join((project.folder / "report.md").read_text(encoding="utf-8").split())
    assert "on 2 kinds of processors" in page
    assert "1 run changed to another kind of processor while training" in page
