"""MLflow's pages in a real browser: the runs, their curves and data, and a picture can be seen."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("chromedriver") is None, reason="Chromium and its driver are not installed"
    ),
]


@pytest.fixture(scope="module")
def project(make_project, tmp_path_factory):
    """A project whose spec has been run, without the processes that `finished` starts."""
    project = make_project(tmp_path_factory.mktemp("shown"))
    done = project.run("run", "toy.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def server(project) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of `signs-sweep ui toy.yaml`, and the address that it prints."""
    process = project.start("ui", "toy.yaml", "--no-browser")
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert re.match(r"http://127\.0\.0\.1:\d+/#/experiments/1/runs\?", line)
    yield process, line
    process.kill()


@pytest.fixture(scope="module")
def page(server) -> str:
    """Address of the page of the experiment."""
    return server[1]


@pytest.fixture(scope="module")
def address(page) -> str:
    """Address of the server."""
    return page.partition("/#")[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1400,1000",
    ):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def wait_for(browser, condition):
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    ignored = (StaleElementReferenceException,)
    return WebDriverWait(browser, 60, ignored_exceptions=ignored).until(condition)


def text_of(browser) -> str:
    from selenium.webdriver.common.by import By

    return browser.find_element(By.TAG_NAME, "body").text


@pytest.fixture(scope="module")
def recorded(project) -> tuple[str, str]:
    """Ids of the experiment and of one of its runs."""
    from mlflow import MlflowClient

    client = MlflowClient(project.uri)
    experiment = client.get_experiment_by_name("toy").experiment_id
    runs = client.search_runs([experiment], "params.l2 = '0.01' and params.keep_prob = '0.8'")
    return experiment, runs[0].info.run_id


def test_the_runs_of_an_experiment_are_listed_below_their_sweep(browser, address, recorded) -> None:
    from selenium.webdriver.common.by import By

    browser.get(f"{address}/#/experiments/{recorded[0]}/runs")
    wait_for(browser, lambda _: "sweep 20" in text_of(browser))
    browser.find_element(By.CSS_SELECTOR, ".ag-row button").click()
    wait_for(browser, lambda _: "l2=0.01 keep_prob=0.8" in text_of(browser))


CURVES = ".js-plotly-plot .scatterlayer path.js-line"


def test_the_page_that_ui_opens_has_the_curves_of_all_runs_side_by_side(browser, page) -> None:
    from selenium.webdriver.common.by import By

    browser.get(page)
    charts = ("loss", "accuracy")
    runs = [f"l2={l2} keep_prob={keep}" for l2 in ("0", "0.01") for keep in ("1", "0.8")]
    lines = len(charts) * len(runs)
    wait_for(browser, lambda _: len(browser.find_elements(By.CSS_SELECTOR, CURVES)) >= lines)
    text = text_of(browser)
    assert "4 matching runs" in text
    assert "No charts" not in text
    words = set(text.splitlines())
    assert words >= {*runs, *charts}
    assert "Models" in words, "it is not in the mode for training"
    assert not {"Judges", "Prompts"} & words, "it is in the mode for language models"


def test_its_table_has_the_results_and_what_varies_and_the_data(browser, page) -> None:
    browser.set_window_size(2400, 1000)
    browser.get("about:blank")
    browser.get(page.replace("=CHART", "=TABLE"))
    expected = {"test_accuracy", "final_train_accuracy", "loss", "l2", "keep_prob", "Dataset"}
    wait_for(browser, lambda _: expected <= set(text_of(browser).splitlines()))
    data = re.compile(r"^signs \([0-9a-f]+", re.MULTILINE)
    wait_for(browser, lambda _: len(data.findall(text_of(browser))) == 4)


def test_a_curve_is_drawn(browser, address, recorded) -> None:
    from selenium.webdriver.common.by import By

    browser.get(f"{address}/#/experiments/{recorded[0]}/runs/{recorded[1]}/model-metrics")

    def lines(_):
        return browser.find_elements(By.CSS_SELECTOR, CURVES)

    wait_for(browser, lines)
    assert "loss" in text_of(browser)


def test_a_picture_is_shown(browser, address, recorded) -> None:
    from selenium.webdriver.common.by import By

    browser.get(f"{address}/#/experiments/{recorded[0]}/runs/{recorded[1]}/artifacts/cost.png")

    def loaded(_):
        pictures = browser.find_elements(By.CSS_SELECTOR, "img")
        widths = [
            browser.execute_script("return arguments[0].naturalWidth", one) for one in pictures
        ]
        # Logos are smaller; ours is 640 pixels wide.
        return any(width == 640 for width in widths)

    wait_for(browser, loaded)


def test_no_server_is_left_when_it_is_ended(project, server, address) -> None:
    """The last test of this module: the others need the server."""
    process, _ = server
    store = subprocess.run(["pgrep", "-f", "--", project.uri], capture_output=True, check=False)
    assert store.stdout == b"", "an address may hold a password, and all may read a command line"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    port = address.rpartition(":")[2]
    left = subprocess.run(["pgrep", "-f", f"--port {port}"], capture_output=True, check=False)
    assert left.stdout == b""
