"""The rule by which a picture is unlike the training data."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from signs_sweep.data import Dataset, NoveltyRule, Preparation, draw_dataset, find_source
from signs_sweep.errors import DataError

pytestmark = pytest.mark.slow

Images = NDArray[np.uint8]


@pytest.fixture(
    scope="module",
    params=[
        "drawn",
        pytest.param(
            "photos",
            marks=pytest.mark.skipif(not os.environ.get("SIGNS_DATA"), reason="no photos here"),
        ),
    ],
)
def hands(request: pytest.FixtureRequest) -> Dataset:
    if request.param == "drawn":
        return draw_dataset()
    return find_source("signs", data_dir=None, spec_folder=Path()).load()


@pytest.fixture(scope="module")
def rule(hands: Dataset) -> NoveltyRule:
    return NoveltyRule.fit(hands.train_images)


def random_images(*shape: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def noise() -> Images:
    random = np.random.default_rng(1)
    wide = random.normal(random.uniform(60, 220, (40, 1, 1, 1)), 40, (40, 64, 64, 3))
    grains = random.uniform(size=(40, 64, 64, 1)) + np.zeros(3)
    salted = np.where(grains < 0.1, 0, np.where(grains > 0.9, 255, 180))
    return np.concatenate([random_images(40, 64, 64, 3), wide.clip(0, 255), salted]).astype(
        np.uint8
    )


@pytest.fixture(scope="module")
def text_pages() -> Images:
    return prepared(pages_of_text())


def pages_of_text() -> Iterator[Image.Image]:
    random = np.random.default_rng(2)
    words = Path(__file__).read_text(encoding="utf-8").split()
    for size in (12, 16, 24, 40):
        font = ImageFont.truetype(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSerif.ttf"), size)
        for _ in range(2):
            page = Image.new("RGB", (400, 400), "white")
            for top in range(20, 380, 3 * size // 2):
                line = " ".join(random.choice(words, 120 // size))
                ImageDraw.Draw(page).text((20, top), line, "black", font)
            yield page
            yield ImageOps.invert(page)
            # Photographed: turned, on a table, in dim light that is stronger on the left.
            turned = page.rotate(random.uniform(-12, 12), fillcolor=(150, 110, 80))
            light = np.linspace(0.95, 0.7, 400)[:, None]
            yield Image.fromarray((np.asarray(turned) * light).astype(np.uint8))


@pytest.fixture(scope="module")
def photos() -> Images:
    return prepared(photos_of_other_things())


def photos_of_other_things() -> Iterator[Image.Image]:
    import sklearn.datasets

    folder = Path(sklearn.datasets.__file__).parent / "images"
    sample = Path(mpl.get_data_path(), "sample_data/grace_hopper.jpg")
    random = np.random.default_rng(3)
    for path in (folder / "china.jpg", folder / "flower.jpg", sample):
        photo = Image.open(path)
        yield photo
        for _ in range(40):
            side = int(min(photo.size) * random.uniform(0.2, 0.6))
            left, top = (random.integers(length - side) for length in photo.size)
            yield photo.crop((left, top, left + side, top + side))


def prepared(pictures: Iterator[Image.Image]) -> Images:
    return np.stack([Preparation(64, 64).apply(picture) for picture in pictures])


def test_few_test_pictures_are_marked(hands: Dataset, rule: NoveltyRule) -> None:
    assert rule.flags(hands.test_images).mean() <= 0.05


@pytest.mark.parametrize("alter", ["mirrored", "shifted", "brighter"])
def test_small_changes_are_mostly_not_marked(hands: Dataset, rule: NoveltyRule, alter: str) -> None:
    images = hands.test_images
    altered = {
        "mirrored": images[:, :, ::-1],
        "shifted": np.pad(images, ((0, 0), (2, 0), (2, 0), (0, 0)), mode="edge")[:, :64, :64],
        "brighter": (images * 1.1).clip(0, 255).astype(np.uint8),
    }
    assert rule.flags(altered[alter]).mean() <= 0.1


def test_noise_is_marked(rule: NoveltyRule) -> None:
    assert rule.flags(noise()).mean() >= 0.9


def test_text_pages_are_marked(rule: NoveltyRule, text_pages: Images) -> None:
    assert rule.flags(text_pages).mean() >= 0.9


def test_photos_of_other_things_are_marked(rule: NoveltyRule, photos: Images) -> None:
    assert rule.flags(photos).mean() >= 0.9


def test_similar_images_are_held_out_together() -> None:
    """Copies of the training images do not make the rule narrower."""
    people = draw_dataset(0, (16, 16), 120, 120)
    others = draw_dataset(1, (16, 16), 6, 120)
    for copies in (1, 8):
        rule = NoveltyRule.fit(np.repeat(people.train_images, copies, axis=0))
        assert rule.flags(people.test_images).mean() <= 0.05
        assert rule.flags(others.test_images).mean() <= 0.05


def test_a_rule_that_is_read_again_gives_the_same_scores(hands: Dataset, rule: NoveltyRule) -> None:
    content = rule.to_bytes()
    again = NoveltyRule.from_bytes(content)
    assert len(content) < 20_000
    assert again.to_bytes() == content
    assert again.shape == (64, 64, 3)
    assert np.array_equal(again.scores(hands.test_images), rule.scores(hands.test_images))


def test_the_rule_does_not_depend_on_the_number_of_threads() -> None:
    code = (
        "import numpy, sys; from signs_sweep.data import NoveltyRule; "
        "images = numpy.random.default_rng(0).integers(0, 256, (200, 16, 16, 3)); "
        "sys.stdout.write(NoveltyRule.fit(images.astype(numpy.uint8)).to_bytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "2")
    }
    assert len(outputs) == 1


def test_damaged_bytes_are_refused() -> None:
    content = NoveltyRule.fit(random_images(30, 8, 8, 1)).to_bytes()
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    for damaged in (b"", content[:-1], content[:20], bytes(changed), b"x" + content[1:]):
        with pytest.raises(DataError, match=r"unlike the training data is damaged"):
            NoveltyRule.from_bytes(damaged)


@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (19, 64, 64, 3)])
def test_with_fewer_than_20_training_images_nothing_is_marked(shape: tuple[int, ...]) -> None:
    rule = NoveltyRule.from_bytes(NoveltyRule.fit(random_images(*shape)).to_bytes())
    assert not rule.flags(np.zeros(shape, np.uint8)).any()


@pytest.mark.parametrize("shape", [(25, 1, 1, 1), (25, 8, 8, 3), (2500, 5, 30, 2)])
def test_equal_training_images_mark_everything_else(shape: tuple[int, ...]) -> None:
    images = np.full(shape, 90, np.uint8)
    rule = NoveltyRule.fit(images)
    assert not rule.flags(images).any()
    assert not rule.flags(images + np.uint8(2)).any()
    assert rule.flags(images + np.uint8(60)).all()


def test_images_of_another_shape_are_refused(rule: NoveltyRule) -> None:
    with pytest.raises(ValueError, match=r"\(64, 64, 3\), not \(32, 32, 3\)"):
        rule.scores(random_images(2, 32, 32, 3))
