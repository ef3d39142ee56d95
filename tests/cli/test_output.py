"""Commands that are shown can be pasted."""

import shlex
from pathlib import Path

from typer.testing import CliRunner

from signs_sweep.cli.app import app
from signs_sweep.commands.options import SharedOptions, Sharing
from signs_sweep.domain.masking import learn


def test_a_shown_command_has_the_options_that_were_set() -> None:
    shared = SharedOptions(["epochs=20", "l2=0.1"], Path("my photos"), "sqlite:///other/it's.db")
    assert shlex.split(shared.command("compare", Path("a b.yaml"))) == [
        *("signs-sweep", "compare", "a b.yaml", "--set", "epochs=20", "--set", "l2=0.1"),
        *("--data", "my photos", "--tracking-uri", "sqlite:///other/it's.db"),
    ]


def test_the_pages_need_only_the_store() -> None:
    shared = SharedOptions(["epochs=20"], Path("photos"), "http://127.0.0.1:5000")
    assert shared.command("ui") == "signs-sweep ui --tracking-uri http://127.0.0.1:5000"


def test_a_file_whose_name_begins_with_a_dash_is_not_an_option() -> None:
    assert SharedOptions().command("run", Path("-x.yaml")) == "signs-sweep run ./-x.yaml"


def test_a_password_is_masked_before_a_shell_would_quote_it() -> None:
    uri = "http://me:it's-s3cret@host"
    learn(uri)
    assert "s3cret" not in SharedOptions(tracking_uri=uri).command("ui")


def test_commands_that_train_have_what_machines_share() -> None:
    uri = "postgresql://me:it's-s3cret@host/claims"
    learn(uri)
    sharing = Sharing(Path("/mnt/our checkpoints"), uri)
    shown = SharedOptions().command("run", Path("a.yaml"), *sharing.arguments)
    assert shlex.split(shown) == [
        *("signs-sweep", "run", "a.yaml", "--checkpoints", "/mnt/our checkpoints"),
        *("--claims", "postgresql://me:***@host/claims"),
    ]
    assert Sharing().arguments == []


def test_shown_commands_are_commands_with_options_that_exist() -> None:
    """The command line parses what is shown: an unknown option would be an error."""
    shared = SharedOptions(["epochs=20"], Path("nowhere"), "sqlite:///x.db")
    for name in ("run", "compare", "search"):
        words = shlex.split(shared.command(name, "missing.yaml"))[1:]
        done = CliRunner().invoke(app, words)
        assert "No such option" not in done.output
        assert "missing.yaml" in str(done.exception)


def test_a_report_has_no_form_that_its_name_promises_in_vain() -> None:
    done = CliRunner().invoke(app, ["report", "study", "-o", "study.pdf"])
    assert done.exit_code != 0
    assert "the name of a report ends in .html, .md or .tex" in str(done.exception or done.output)
    assert not Path("study.pdf").exists()
