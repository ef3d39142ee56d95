"""Copies of test images in the training set: the same image, or nearly the same.

Two images are near copies if their thumbnails correlate by 0.9985 or more in grey, and by 0.98 or
more in colour, at the best of nine shifts by at most a pixel. Correlation ignores brightness and
contrast, and thumbnails ignore what JPEG changes; in colour, JPEG changes more.

Measured on the 120 test photos of signs: copies stored as JPEG with quality 50 reach 0.9990 or
more, with half the size 0.9995, brighter by a tenth 0.9999, shifted by a pixel 1; the most similar
photos that are different, of the same burst, 0.9978. Handwritten digits that are different reach
0.993 (557,000 pairs at 28x28, and 0.990 at 8x8), and drawn images of a series 0.9984. With quality
25, 107 of the 120 photos and 90 of 120 drawn images are found.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import digest_of

_LEAST_CORRELATION, _LEAST_IN_COLOUR = 0.9985, 0.98
_SIDE = 16
"""Width and height of a thumbnail."""

_LEAST_SHIFTED = 16
"""Smaller images are not shifted: what is left would have too few pixels to tell them apart."""

_LEAST_CONTRAST = 1.0
"""Standard deviation of the pixels of a thumbnail, of 255, below which it is blank."""

_LEAST_REDUCED = 0.97
"""Of thumbnails of half the width and height. What correlates by 0.9985 is below it only if nearly
all contrast is between neighbouring pixels."""

_MOST_CHOSEN = 0.02
"""Share of pairs up to which it is faster to compare them one by one than as a whole block."""

_PIECE, _TRAIN_BLOCK, _TEST_BLOCK = 512, 8192, 1024
"""Images that are read, and that are compared with each other, at a time."""

_Rows = NDArray[np.int64]
_Floats = NDArray[np.float32]
_Pairs = set[tuple[int, int]]
"""Positions among the compared training images and among the compared test images."""


@dataclass(frozen=True, order=True)
class Copy:
    """A test image that is also in the training set.

    Attributes:
        train: index of the training image.
        test: index of the test image.
        is_exact: whether the two have the same pixels.
    """

    train: int
    test: int
    is_exact: bool


def find_copies(
    train_images: NDArray[np.uint8],
    test_images: NDArray[np.uint8],
    *,
    train_rows: _Rows | None = None,
    test_rows: _Rows | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Copy]:
    """Return the copies of test images in the training set, exact or near, sorted.

    Not every pair of copies is listed, but every image that has an exact copy is in some pair, and
    every image whose most similar images in grey include a copy. Blank images have only exact
    copies.

    Args:
        train_images: uint8 of shape (n, height, width, channels); may be mapped from a file.
        test_images: uint8 of shape (m, height, width, channels).
        train_rows: which of the training images are compared; None for all.
        test_rows: likewise.
        on_progress: called with the number of compared pairs and of all.
    """
    train = np.arange(len(train_images)) if train_rows is None else train_rows
    test = np.arange(len(test_images)) if test_rows is None else test_rows
    if not len(train) or not len(test):
        return []
    train_digests, test_digests = _digests(train_images, train), _digests(test_images, test)
    near = [
        (i, j)
        for i, j in _similar(train_images, test_images, train, test, on_progress)
        if train_digests[i] != test_digests[j]
    ]
    pairs = dict.fromkeys(_of_equal_colours(train_images, test_images, train, test, near), False)
    pairs |= dict.fromkeys(_equal(train_digests, test_digests), True)
    return sorted(Copy(int(train[i]), int(test[j]), is_exact) for (i, j), is_exact in pairs.items())


def _digests(images: NDArray[np.uint8], rows: _Rows) -> list[bytes]:
    return [digest_of(images[row]) for row in rows]


def _equal(train: list[bytes], test: list[bytes]) -> _Pairs:
    """Return pairs of equal digests: each with the first in the other set."""
    first_train = {digest: i for i, digest in reversed(list(enumerate(train)))}
    first_test = {digest: j for j, digest in reversed(list(enumerate(test)))}
    pairs = {(first_train[digest], j) for j, digest in enumerate(test) if digest in first_train}
    pairs |= {(i, first_test[digest]) for i, digest in enumerate(train) if digest in first_test}
    return pairs


def _similar(
    train_images: NDArray[np.uint8],
    test_images: NDArray[np.uint8],
    train: _Rows,
    test: _Rows,
    on_progress: Callable[[int, int], None],
) -> _Pairs:
    """Return pairs whose grey thumbnails correlate: in each block, each image with its best."""
    total = len(train) * len(test)
    on_progress(0, total)
    centres = _centres(train_images, train)
    windows = list(_windows(test_images, test))
    pairs, done = set(), 0
    for first, second in product(
        range(0, len(train), _TRAIN_BLOCK), range(0, len(test), _TEST_BLOCK)
    ):
        block = centres[first : first + _TRAIN_BLOCK]
        best = _correlations(block, [each[second : second + _TEST_BLOCK] for each in windows])
        is_near = best >= _LEAST_CORRELATION
        for i in np.flatnonzero(is_near.any(axis=1)):
            pairs.add((first + int(i), second + int(best[i].argmax())))
        for j in np.flatnonzero(is_near.any(axis=0)):
            pairs.add((first + int(best[:, j].argmax()), second + int(j)))
        done += best.size
        on_progress(done, total)
    return pairs


def _correlations(block: _Floats, windows: Sequence[_Floats]) -> _Floats:
    """Return the best correlation of each pair, or 0 where it is too small to matter.

    A quarter of the values tells most pairs apart; only the others are compared by all values.
    """
    if block.shape[1] != _SIDE**2:
        return _best(block, windows)
    best = _best(_reduced(block), [_reduced(window) for window in windows])
    firsts, seconds = np.nonzero(best >= _LEAST_REDUCED)
    if len(firsts) > _MOST_CHOSEN * best.size:
        return _best(block, windows)
    best[:] = 0
    for start in range(0, len(firsts), _TRAIN_BLOCK):
        i, j = firsts[start : start + _TRAIN_BLOCK], seconds[start : start + _TRAIN_BLOCK]
        chosen = block[i]
        best[i, j] = reduce(np.maximum, ((chosen * each[j]).sum(axis=1) for each in windows))
    return best


def _best(block: _Floats, windows: Sequence[_Floats]) -> _Floats:
    best: _Floats = block @ windows[0].T
    other = np.empty_like(best)
    for window in windows[1:]:
        np.matmul(block, window.T, out=other)
        np.maximum(best, other, out=best)
    return best


def _reduced(thumbnails: _Floats) -> _Floats:
    """Return thumbnails of half the width and height."""
    half = _SIDE // 2
    means = thumbnails.reshape(-1, half, 2, half, 2).mean(axis=(2, 4)).reshape(-1, half**2)
    lengths: _Floats = np.linalg.norm(means, axis=1, keepdims=True)
    scaled: _Floats = means / np.maximum(lengths, 1e-9)
    return scaled


def _of_equal_colours(
    train_images: NDArray[np.uint8],
    test_images: NDArray[np.uint8],
    train: _Rows,
    test: _Rows,
    pairs: Sequence[tuple[int, int]],
) -> _Pairs:
    """Return the pairs whose thumbnails also correlate in colour."""
    found = set()
    for start in range(0, len(pairs), _PIECE):
        piece = pairs[start : start + _PIECE]
        firsts, seconds = np.array(piece).T
        centres = _centres(train_images, train[firsts], is_grey=False)
        windows = _windows(test_images, test[seconds], is_grey=False)
        best = reduce(np.maximum, ((centres * window).sum(axis=1) for window in windows))
        found |= {piece[index] for index in np.flatnonzero(best >= _LEAST_IN_COLOUR).tolist()}
    return found


def _margin(images: NDArray[np.uint8]) -> int:
    return int(min(images.shape[1:3]) >= _LEAST_SHIFTED)


def _centres(images: NDArray[np.uint8], rows: _Rows, *, is_grey: bool = True) -> _Floats:
    """Return the thumbnails of images without their margin."""
    margin = _margin(images)
    return _thumbnails(images, rows, margin, margin, is_grey=is_grey)


def _windows(images: NDArray[np.uint8], rows: _Rows, *, is_grey: bool = True) -> Iterator[_Floats]:
    """Yield the thumbnails of images shifted by every distance up to the margin."""
    for top, left in product(range(2 * _margin(images) + 1), repeat=2):
        yield _thumbnails(images, rows, top, left, is_grey=is_grey)


def _thumbnails(
    images: NDArray[np.uint8], rows: _Rows, top: int, left: int, *, is_grey: bool
) -> _Floats:
    """Return thumbnails as vectors of mean 0 and length 1, or 0 if they are blank.

    Args:
        images: uint8 of shape (n, height, width, channels).
        rows: which of them.
        top: first line of pixels that is used, of as many as there are without two margins.
        left: likewise, first column of pixels.
        is_grey: whether the channels are averaged.
    """
    height, width = (side - 2 * _margin(images) for side in images.shape[1:3])
    downs = np.linspace(0, height, min(height, _SIDE) + 1).astype(int)
    rights = np.linspace(0, width, min(width, _SIDE) + 1).astype(int)
    areas = np.outer(np.diff(downs), np.diff(rights))[..., None]
    pieces = []
    for start in range(0, len(rows), _PIECE):
        piece = images[rows[start : start + _PIECE]]
        pixels = piece[:, top : top + height, left : left + width].astype(np.float32)
        if is_grey:
            pixels = pixels.mean(axis=3, keepdims=True)
        sums = np.add.reduceat(np.add.reduceat(pixels, downs[:-1], axis=1), rights[:-1], axis=2)
        values = (sums / areas.astype(np.float32)).reshape(len(piece), -1)
        values -= values.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        values[lengths[:, 0] < _LEAST_CONTRAST * values.shape[1] ** 0.5] = 0
        pieces.append(values / np.maximum(lengths, 1e-9))
    return np.concatenate(pieces)
