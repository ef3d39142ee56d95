"""Data of other shapes than the photos, from the files to the tables."""

import json

import numpy as np
import pytest

from signs_sweep.data import Part, write_parts

pytestmark = pytest.mark.slow

SPEC = """
name: toy
data: ./other
validation: 0.25
model: {hidden: [8]}
base: {learning_rate: 1e-2, batch_size: 64, epochs: 3, class_weights: balanced}
seeds: 1
search: {trials: 1, space: {l2: [0, 0.01]}, confirm: 0}
"""


def part(shape: tuple[int, int, int], counts: list[int], seed: int) -> Part:
    """Return so many images of each class, in which brightness tells the classes apart."""
    labels = np.repeat(np.arange(len(counts)), counts)
    bright = (labels * 200 // len(counts)).reshape(-1, 1, 1, 1)
    noise = np.random.default_rng(seed).integers(0, 50, (len(labels), *shape))
    return Part((bright + noise).astype(np.uint8), labels)


@pytest.mark.parametrize(
    ("shape", "train", "test", "doubt"),
    [
        # One of the two images of the rarest class is held out.
        ((28, 28, 1), [200, 100, 20, 5, 2], [50, 20, 5, 0, 1], "the class 'sort 3' has no test"),
        ((12, 20, 3), [6] * 100, [2] * 100, ""),
    ],
    ids=["grey and imbalanced", "100 classes"],
)
def test_other_shapes_are_trained_searched_and_compared(
    project, shape: tuple[int, int, int], train: list[int], test: list[int], doubt: str
) -> None:
    classes = [f"sort {number}" for number in range(len(train))]
    parts = {"train": part(shape, train, 0), "test": part(shape, test, 1)}
    write_parts(project.folder / "other", parts, classes)
    project.write("toy.yaml", SPEC)
    for command in ("run", "search"):
        done = project.run(command, "toy.yaml", "--workers", "0")
        assert done.returncode == 0, done.stderr
        assert doubt in done.stderr
    done = project.run("compare", "toy.yaml", "--metric", "test_macro_f1", "--format", "json")
    rows = json.loads(done.stdout)
    assert {row["state"] for row in rows} == {"FINISHED"}
    assert all(0 <= row["test_macro_f1"] <= 1 for row in rows if row["test_macro_f1"] is not None)
    done = project.run("run", "toy.yaml", "--workers", "0", "--force", "--set", "batch_size=1000")
    assert done.returncode == 2
    assert "batch_size=1000: larger than the data" in done.stderr
