"""Standard streams that are closed or full, and a current folder that is gone."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

COMMAND = f"{sys.executable} -m signs_sweep"


def shell(words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", words], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )


def test_results_that_cannot_be_written_are_an_error_in_one_sentence(tmp_path: Path) -> None:
    done = shell(f"{COMMAND} schema > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(redirection: str, tmp_path: Path) -> None:
    done = shell(f"{COMMAND} schema {redirection}", tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""


def test_an_error_that_nobody_can_read_still_has_its_exit_code(tmp_path: Path) -> None:
    assert shell(f"{COMMAND} plan missing.yaml 2> /dev/full", tmp_path).returncode == 2


def test_a_closed_stream_does_not_lead_into_a_file_of_the_store(tmp_path: Path) -> None:
    """A database opened while descriptor 1 is free would get what is printed."""
    code = (
        "from signs_sweep.cli.streams import prepare_streams; prepare_streams();"
        "print(open('file', 'w').fileno())"
    )
    shell(f'{sys.executable} -c "{code}" <&- >&- 2>&-', tmp_path)
    assert (tmp_path / "file").read_text() == ""


def test_a_terminal_without_unicode_shows_no_secrets(tmp_path: Path) -> None:
    """Libraries write past a stream of text that is ASCII, into its buffer."""
    words = f"PYTHONIOENCODING=ascii {COMMAND} ui http://me:s3cretpw@host extra"
    done = shell(words, tmp_path)
    assert done.returncode == 2
    assert "extra" in done.stderr
    assert "s3cretpw" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    done = shell(f"set -o pipefail; {COMMAND} schema | head -1", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_current_folder_that_was_deleted_is_named(tmp_path: Path) -> None:
    done = shell(f"mkdir gone; cd gone; rmdir ../gone; {COMMAND} plan a.yaml", tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "error: the current folder has been deleted; change to another folder with `cd`\n"
    )
