"""Which images count as copies of each other."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from signs_sweep.data import Copy, find_copies

Pictures = list[Image.Image]
SIDE = 64


def scenes(number: int, seed: int = 0) -> Pictures:
    """Return pictures of coloured areas, all different."""
    areas = np.random.default_rng(seed).integers(30, 226, (number, 8, 8, 3)).astype(np.uint8)
    return [Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for each in areas]


def stacked(pictures: Pictures) -> np.ndarray:
    return np.stack([np.asarray(picture) for picture in pictures])


def as_jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def saved(picture: Image.Image) -> Image.Image:
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=quality)
        return Image.open(content)

    return saved


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG quality": as_jpeg(90),
    "size": lambda picture: picture.resize((40, 40)).resize((SIDE, SIDE)),
    "brightness": lambda picture: picture.point(lambda value: value * 1.1),
    "shift": lambda picture: picture.transform(
        picture.size, Image.Transform.AFFINE, (1, 0, 1, 0, 1, -1)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_that_was_changed_a_little_is_found(change: str) -> None:
    train, test = scenes(12), scenes(6, seed=1)
    test[4], test[1] = CHANGES[change](train[7]), train[3]
    found = find_copies(stacked(train), stacked(test))
    assert found == [Copy(3, 1, is_exact=True), Copy(7, 4, is_exact=False)]


def test_other_colours_or_a_larger_shift_make_another_image() -> None:
    train = stacked(scenes(8))
    assert not find_copies(train, train[..., [2, 0, 1]])
    assert not find_copies(train, np.roll(train, 3, axis=2))


def test_every_image_with_a_copy_is_named_and_rows_limit_what_is_compared() -> None:
    images = stacked(scenes(6))[[0, 1, 0, 2, 0, 0, 3]]
    rows = {"train_rows": np.array([0, 1, 2, 3]), "test_rows": np.array([4, 5, 6])}
    found = find_copies(images, images, **rows)
    assert all(copy.is_exact for copy in found)
    assert {copy.train for copy in found} == {0, 2}
    assert {copy.test for copy in found} == {4, 5}


def test_blank_images_have_only_exact_copies() -> None:
    blank = np.stack([np.full((32, 32, 1), value, np.uint8) for value in (0, 10, 255)])
    faint = blank[:1] + (np.indices((32, 32)).sum(axis=0) % 2).astype(np.uint8)[None, ..., None]
    assert find_copies(np.concatenate([blank, faint]), blank[1:2]) == [Copy(1, 0, is_exact=True)]
    assert find_copies(blank[:0], blank) == []


def test_different_images_that_resemble_each_other_are_not_copies() -> None:
    from sklearn.datasets import load_digits

    digits = (load_digits().images * 15.9).astype(np.uint8)
    larger = np.stack([np.asarray(Image.fromarray(each).resize((28, 28))) for each in digits])
    for images in (digits[..., None], larger[..., None]):
        assert not find_copies(images[:1400], images[1400:])
