"""The folder of an import: what failures and kills at any moment leave in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signs_sweep.errors import DataError, UsageError
from signs_sweep.importing import claimed

TRAIN, TEST, VAL, SOURCE = "train_signs.h5", "test_signs.h5", "val_signs.h5", "source_signs.txt"


def write(folder: Path, text: str, *files: str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        (folder / name).write_text(text)
    return dict.fromkeys(files, text)


def content(folder: Path) -> dict[str, str]:
    """Return the texts of the files in a folder that are not those of an import."""
    return {path.name: path.read_text() for path in folder.iterdir() if path.name[0] != "."}


@pytest.mark.parametrize("name", [TRAIN, TEST, VAL])
def test_any_file_of_a_dataset_is_replaced_only_on_request(tmp_path: Path, name: str) -> None:
    write(tmp_path, "old", name)
    with pytest.raises(UsageError, match=rf"has a dataset already \({name}\).*--overwrite"):
        claimed(tmp_path).__enter__()
    assert content(tmp_path) == {name: "old"}


@pytest.mark.parametrize("failing", range(1, 8))
def test_a_failure_restores_the_old_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    old = write(tmp_path, "old", TRAIN, TEST, VAL, SOURCE)
    replace, left = Path.replace, [failing]

    def fail(path: Path, goal: Path) -> Path:
        left[0] -= 1
        if not left[0]:
            raise PermissionError(13, "Permission denied")
        return replace(path, goal)

    with claimed(tmp_path, overwrites=True) as target:
        write(target.scratch / "written", "new", TRAIN, TEST, VAL)
        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(PermissionError):
            target.publish(target.scratch / "written")
    assert content(tmp_path) == old
    assert not (tmp_path / ".importing").exists()


def test_a_scratch_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".importing").symlink_to(tmp_path / "elsewhere")
    write(tmp_path / "elsewhere" / "leaving", "", TEST)
    with pytest.raises(DataError, match=r"cannot write to .*out: .*\.importing is a link"):
        claimed(tmp_path / "out").__enter__()
    assert (tmp_path / "elsewhere" / "leaving" / TEST).exists()


KILLING = """
import os, signal, sys
import filelock  # Once, for all forks.
from pathlib import Path
from test_import_claim import SOURCE, TEST, TRAIN, VAL, content, write
from signs_sweep.importing import claimed

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}

def is_killed(step, work):
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL), status
        return status != 0
    left = step
    def hook(event, _):
        nonlocal left
        left -= event in CHANGES
        if event in CHANGES and not left:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    work()
    os._exit(0)

def publish():
    with claimed(folder, overwrites=True) as target:
        write(target.scratch / "written", "new", *new)
        target.publish(target.scratch / "written")

def look():
    with claimed(folder, overwrites=True):
        pass

number = 0
for before, new in (
    ((TRAIN, TEST, VAL, SOURCE), (TRAIN, TEST)),
    ((TRAIN, TEST), (TRAIN, TEST, VAL, SOURCE)),
    ((), (TRAIN, TEST, VAL)),
    ((TEST, VAL), (TRAIN, TEST)),
):
    endings, step, killed = [], 0, True
    while killed:
        step, number = step + 1, number + 1
        folder = Path(sys.argv[1], str(number))
        old = write(folder, "old", *before)
        possible = (old, dict.fromkeys(new, "new"))
        killed = is_killed(step, publish)
        moment = 0
        while True:  # An import that cleans up, and is killed as well, one change later each time.
            found = content(folder)
            assert TRAIN not in found or found in possible, (step, moment, found)
            moment += 1
            if not is_killed(moment, look):
                break
        assert content(folder) in possible, (step, content(folder))
        endings.append(content(folder) == old)
    assert endings == sorted(endings, reverse=True) and set(endings) == {True, False}, endings
print(number)
"""


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_old_or_the_new_dataset_to_the_next_import(
    tmp_path: Path,
) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", KILLING, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
