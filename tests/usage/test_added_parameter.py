"""docs/adding_a_parameter.md: its diffs apply, and what they add trains."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding_a_parameter.md").read_text(encoding="utf-8")

CODE = """
import json
from pathlib import Path

import numpy as np

from signs_sweep.spec import load
from signs_sweep.trainer import runtime

runtime.prepare(is_worker=True)
import keras
from signs_sweep.domain import Dense
from signs_sweep.trainer.dense import DenseNetwork
from signs_sweep.trainer.evaluation import LabelledImages
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.recipe import Recipe

text = "name: x\\ngrid: {focal_gamma: [0, 2]}\\nbase: {learning_rate: 1e-9}\\n"
Path("spec.yaml").write_text(text)
points = load(Path("spec.yaml")).points
rng = np.random.default_rng(0)
shown = LabelledImages(rng.integers(0, 256, (32, 8, 8, 1), np.uint8), rng.integers(0, 3, 32))
losses = []
for point in points:
    network = DenseNetwork((8, 8, 1), Dense((5,)), 3)
    loop = EpochLoop(network, 32, 32, 0, Recipe.of(point.parameters))
    loop.start(point.parameters)
    losses.append(float(loop.advance(1, shown)["loss"][0]))
outputs = network.to_keras()(shown.images / np.float32(255))
focal = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0)
expected = float(focal(keras.ops.one_hot(shown.labels, 3), outputs))
print(json.dumps([losses, expected, [point.parameters.focal_gamma for point in points]]))
"""


def apply(diff: str, folder: Path) -> None:
    """Apply a diff without line numbers: each hunk matches its file in one place."""
    header, *hunks = re.split(r"^@@\n", diff, flags=re.MULTILINE)
    path = folder / header.removeprefix("--- src/").strip()
    text = path.read_text(encoding="utf-8")
    for hunk in hunks:
        lines = hunk.splitlines(keepends=True)
        old, new = ("".join(each[1:] for each in lines if each[0] in " " + sign) for sign in "-+")
        assert text.count(old) == 1, f"{path.name}: update docs/adding_a_parameter.md"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package, changed as the page says."""
    folder = tmp_path_factory.mktemp("added")
    source = ROOT / "src" / "signs_sweep"
    shutil.copytree(source, folder / "signs_sweep", ignore=shutil.ignore_patterns("__pycache__"))
    for diff in re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL):
        apply(diff, folder)
    return folder


@pytest.mark.slow
def test_the_parameter_of_the_page_is_keras_focal_loss(package: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (plain, focal), expected, values = json.loads(done.stdout.splitlines()[-1])
    assert values == [0, 2]
    assert focal == pytest.approx(expected, rel=1e-4)
    assert focal < 0.9 * plain
