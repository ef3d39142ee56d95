"""Makes the pictures of the README from real runs of the drawn data: `make pictures`.

It trains the spec that `signs-sweep init` writes (minutes), and needs Chromium and its driver.
"""

import base64
import html
import os
import pty
import subprocess
import sys
import termios
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from selenium import webdriver

HERE = Path(__file__).parent
COLUMNS = 100
COLOURS = 256
LARGEST = 200_000
"""Bytes of a picture."""

COMMANDS = (
    ("init",),
    ("run", "experiments/first.yaml"),
    ("report", "experiments/first.yaml"),
)

TERMINAL = """\
<!doctype html><meta charset="utf-8"><title>terminal</title>
<style>
body {{ margin: 0; background: #14181d; }}
pre {{ margin: 0; padding: 18px 22px; color: #e6e9ec; }}
pre {{ font: 14px/1.45 "DejaVu Sans Mono", monospace; }}
b {{ color: #7fc8a9; font-weight: 600; }}
</style><pre>{text}</pre>
"""


def main() -> None:
    """Run the commands in a new folder, and take a picture of the terminal and of the report."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "experiments").mkdir()
        text = "\n".join(transcript(command, folder) for command in COMMANDS)
        page = folder / "terminal.html"
        page.write_text(TERMINAL.format(text=text.rstrip("\n")), encoding="utf-8")
        take(page, HERE / "terminal.png", 880, None)
        take(folder / "report.html", HERE / "report.png", 860, 1000)


def transcript(arguments: tuple[str, ...], folder: Path) -> str:
    """Run a command on a terminal; return it and what it printed, without its progress."""
    hidden = ("SIGNS_DATA", "MLFLOW_TRACKING_URI")
    variables = {name: value for name, value in os.environ.items() if name not in hidden}
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (50, COLUMNS))
    process = subprocess.Popen(
        [sys.executable, "-m", "signs_sweep", *arguments],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.DEVNULL if arguments[0] == "run" else terminal,
    )
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # The end of a terminal is an error.
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0, f"signs-sweep {arguments} failed"
    command = html.escape(" ".join(["signs-sweep", *arguments]))
    return f"<b>$ {command}</b>\n{html.escape(shown.decode().replace(chr(13), ''))}"


def take(page: Path, file: Path, width: int, height: int | None) -> None:
    """Take a picture of the top of a page; with None, of all of it."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options)
    try:
        metrics = {"width": width, "height": 600, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(page.as_uri())
        whole = browser.execute_script("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height or whole, "scale": 1}
        taken = browser.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
    finally:
        browser.quit()
    with Image.open(BytesIO(base64.b64decode(taken["data"]))) as picture:
        picture.convert("RGB").quantize(COLOURS).save(file, "PNG", optimize=True)
    size = file.stat().st_size
    assert size < LARGEST, f"{file} has {size:,} bytes"
    print(f"wrote {file}: {size:,} bytes")


if __name__ == "__main__":
    main()
