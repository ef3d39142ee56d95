"""MLflow's pages in a real browser: the runs, a curve and a picture can be seen."""

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
def address(finished) -> Iterator[str]:
    """Address of the pages, served by `signs-sweep ui`."""
    process, line = serve(finished)
    yield line
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0


def serve(project) -> tuple[subprocess.Popen[str], str]:
    process = project.start("ui", "--no-browser")
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", line)
    return process, line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_server_is_left_when_it_is_ended(finished, number) -> None:
    process, line = serve(finished)
    store = subprocess.run(["pgrep", "-f", "--", finished.uri], capture_output=True, check=False)
    assert store.stdout == b"", "an address may hold a password, and all may read a command line"
    process.send_signal(number)
    assert process.wait(timeout=30) == 0
    port = line.rpartition(":")[2]
    left = subprocess.run(["pgrep", "-f", f"--port {port}"], capture_output=True, check=False)
    assert left.stdout == b""


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
def recorded(finished) -> tuple[str, str]:
    """Ids of the experiment and of one of its runs."""
    from mlflow import MlflowClient

    client = MlflowClient(finished.uri)
    experiment = client.get_experiment_by_name("toy").experiment_id
    runs = client.search_runs([experiment], "params.l2 = '0.01' and params.keep_prob = '0.8'")
    return experiment, runs[0].info.run_id


def test_the_runs_of_an_experiment_are_listed_below_their_sweep(browser, address, recorded) -> None:
    from selenium.webdriver.common.by import By

    browser.get(f"{address}/#/experiments/{recorded[0]}/runs")
    wait_for(browser, lambda _: "sweep 20" in text_of(browser))
    browser.find_element(By.CSS_SELECTOR, ".ag-row button").click()
    wait_for(browser, lambda _: "l2=0.01 keep_prob=0.8" in text_of(browser))


def test_a_curve_is_drawn(browser, address, recorded) -> None:
    from selenium.webdriver.common.by import By

    browser.get(f"{address}/#/experiments/{recorded[0]}/runs/{recorded[1]}/model-metrics")

    def lines(_):
        return browser.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .scatterlayer path.js-line")

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
