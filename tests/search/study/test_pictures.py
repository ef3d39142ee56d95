"""The files made of a search, by a process of its own."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import matplotlib as mpl
import optuna
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from searches import add, searched

from signs_sweep.search.study import Drawing, draw_study
from signs_sweep.search.study.pictures import ERROR_FILE
from signs_sweep.search.study.sketch import CAPTIONS

pytestmark = pytest.mark.slow

IMAGES = {f"{name}.png" for name in CAPTIONS}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return draw_study(searched(12, steps=6), "val_accuracy")


def test_all_pictures_are_images_of_a_sensible_size(files: dict[str, bytes]) -> None:
    assert set(files) == IMAGES | {"search.html"}
    for name in IMAGES:
        assert files[name].startswith(b"\x89PNG\r\n\x1a\n")
        image = Image.open(BytesIO(files[name]))
        assert 640 <= image.width <= 1300
        assert 250 <= image.height <= 500
        assert len(image.convert("RGB").getcolors(image.width * image.height)) > 20


def test_the_page_holds_plotly_once_and_loads_nothing(files: dict[str, bytes]) -> None:
    page = files["search.html"].decode()
    assert len(re.findall(r"\* plotly\.js v\d", page)) == 1
    assert len(page) < 7_000_000
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)\s*=", page)
    assert page.count('class="plotly-graph-div"') == len(CAPTIONS)


def test_the_page_says_what_is_seen_and_how_to_read_it(files: dict[str, bytes]) -> None:
    page = files["search.html"].decode()
    for name, caption in CAPTIONS.items():
        assert f"<h2>{caption.title}</h2>" in page
        assert f"<p>{caption.reading.format('val_accuracy')}</p>" in page
        assert f'id="{name}"' in page
    assert "<p>12 trials: 10 completed, 2 pruned. learning_rate mattered most" in page
    assert "a hint, not a finding.</p>" in page
    assert '"ticktext":["25, 12","50","100, 50","200, 100, 50"]' in page
    assert "trial 4, pruned" in page


def test_a_search_for_the_smallest_value_of_one_parameter_is_drawn_too(
    capfd: pytest.CaptureFixture[str],
) -> None:
    study = searched(3, names=("learning_rate",), direction="minimize")
    study.ask()
    files = draw_study(study, "<loss>")
    assert set(files) == {"history.png", "slice.png", "search.html"}
    assert "<h1>Search for the best &lt;loss&gt;</h1>" in files["search.html"].decode()
    assert capfd.readouterr() == ("", "")


def test_nothing_of_the_process_is_changed(capfd: pytest.CaptureFixture[str]) -> None:
    figure = plt.figure()
    plt.rcParams["lines.linewidth"] = 7.5
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    before = dict(mpl.rcParams), plt.get_fignums(), mpl.get_backend()
    with ThreadPoolExecutor(1) as pool:
        files = pool.submit(draw_study, searched(2), "accuracy").result()
    assert set(files) == {"history.png", "slice.png", "parallel_coordinates.png", "search.html"}
    assert (dict(mpl.rcParams), plt.get_fignums(), mpl.get_backend()) == before
    assert plt.gcf() is figure
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING
    assert capfd.readouterr() == ("", "")
    plt.close(figure)
    mpl.rcdefaults()


def test_where_there_is_nothing_to_see_no_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    study = optuna.create_study()
    assert draw_study(study, "loss") == {}
    add(study, {"l2": 0.1}, float("inf"))
    assert draw_study(study, "loss") == {}


@pytest.mark.parametrize("program", ["/no/such/program", "false"])
def test_a_failure_to_draw_is_told_in_a_file(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(sys, "executable", program)
    files = draw_study(searched(1), "loss")
    assert set(files) == {ERROR_FILE}
    assert program in files[ERROR_FILE].decode()


def test_no_process_is_left_where_nobody_waits_for_the_pictures() -> None:
    with Drawing("loss") as drawing:
        drawing.start(searched(2))
        process = drawing._process
    assert process.poll() is not None


def test_the_process_ends_with_the_one_that_started_it() -> None:
    command = [sys.executable, "-P", "-m", "signs_sweep.search.study.drawing", "1"]  # Not our id.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.wait(timeout=600) == 1, "although nothing came through its pipe"
