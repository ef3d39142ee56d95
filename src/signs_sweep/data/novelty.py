"""The rule by which a picture counts as unlike the training data; docs/predicting.md explains it.

The features of an image are its colours and its roughness by place: the mean of each channel in the
cells of a grid of 4x4, and the logarithm of the mean difference between neighbouring pixels in the
cells of a grid of 8x8. Its distance is that of Mahalanobis. It is marked if its distance is larger
than those of 99 % of the training images, each held out together with the images similar to it.
"""

import struct
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import DataError

_COLOUR_GRID, _TEXTURE_GRID = 4, 8
"""Cells along each side of an image."""

_COLOUR_UNIT = 32.0
"""Grey levels by which a mean counts as much as a roughness that is larger by a factor of e."""

_TOLERANCE = 0.1
"""Least standard deviation of a feature: 3 grey levels, or a tenth of the roughness."""

_MARKED = 0.01
"""Share of the held-out training images that would be marked."""

_LEAST_IMAGES = 20
"""With fewer training images, even their largest distance is exceeded by more than 5 %."""

_MOST_IMAGES = 2000
"""Training images that are used, drawn at random if there are more."""

_FOLDS, _SIMILAR = 5, 20
"""Parts of the training images, and the mean number of similar images that stay together."""

_PIECE = 4_000_000
"""Pixels whose features are computed at a time."""

_MAGIC = b"signs-sweep novelty rule 1\n"
_HEADER = struct.Struct("<4Id")
_DIGEST_SIZE = 16

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoveltyRule:
    """How far images are from the training images, and from where on they are marked.

    Attributes:
        shape: height, width and channels of the images.
        centre: mean features of the training images, float64 of shape (d,).
        factor: W of shape (d, d), lower triangular, with W' W the inverse of their covariance.
        limit: the largest distance that is not marked; infinite if there are too few images.
    """

    shape: tuple[int, int, int]
    centre: _Floats
    factor: _Floats
    limit: float

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> "NoveltyRule":
        """Return the rule for some training images: the same for the same images.

        Args:
            images: uint8 of shape (n, height, width, channels), at least one. Of more than 2,000,
                2,000 are used.
        """
        random = np.random.default_rng(0)
        count = len(images)
        if count > _MOST_IMAGES:
            images = images[np.sort(random.choice(count, _MOST_IMAGES, replace=False))]
        features = _features(images)
        centre, factor = _moments(features)
        # As stored: few enough digits that those which depend on the number of threads are lost.
        centre = centre.astype(np.float32).astype(np.float64)
        factor = np.tril(factor).astype(np.float16).astype(np.float64)
        limit = _limit(features, random) if count >= _LEAST_IMAGES else np.inf
        height, width, channels = images.shape[1:]
        return cls((height, width, channels), centre, factor, limit)

    def scores(self, images: NDArray[np.uint8]) -> _Floats:
        """Return the distances of images as multiples of the limit: float64 of shape (n,).

        Args:
            images: uint8 of shape (n, height, width, channels), prepared as the training images.
        """
        if images.shape[1:] != self.shape:
            raise ValueError(f"the rule is for images of {self.shape}, not {images.shape[1:]}")
        return _distances(_features(images), self.centre, self.factor) / self.limit

    def flags(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which images are unlike the training images: bool of shape (n,)."""
        marked: NDArray[np.bool_] = self.scores(images) > 1
        return marked

    def to_bytes(self) -> bytes:
        """Return the rule as bytes, equal for equal rules: 13 kB for images with 3 channels."""
        below = self.factor[np.tril_indices(len(self.centre))]
        values = self.centre.astype("<f4").tobytes() + below.astype("<f2").tobytes()
        content = _MAGIC + _HEADER.pack(*self.shape, len(self.centre), self.limit) + values
        return content + blake2b(content, digest_size=_DIGEST_SIZE).digest()

    @classmethod
    def from_bytes(cls, content: bytes) -> "NoveltyRule":
        """Return the rule that `to_bytes` turned into bytes.

        Raises:
            DataError: the bytes are damaged, or of another version.
        """
        body, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
        if (
            not body.startswith(_MAGIC)
            or blake2b(body, digest_size=_DIGEST_SIZE).digest() != digest
        ):
            raise DataError(
                "the rule for pictures unlike the training data is damaged, or of another version "
                "of signs-sweep"
            )
        height, width, channels, size, limit = _HEADER.unpack_from(body, len(_MAGIC))
        start = len(_MAGIC) + _HEADER.size
        centre = np.frombuffer(body, "<f4", size, start).astype(np.float64)
        factor = np.zeros((size, size))
        factor[np.tril_indices(size)] = np.frombuffer(body, "<f2", offset=start + 4 * size)
        return cls((height, width, channels), centre, factor, limit)


def _limit(features: _Floats, random: np.random.Generator) -> float:
    """Return the distance that few training images exceed when they are held out.

    Images that are similar are held out together: otherwise every image of a series would be
    compared with its neighbours, and the distances would be too small for any other picture. The
    rank is that of conformal prediction (Vovk et al. 2005, Algorithmic learning in a random world).
    It is at least the distance of an image that is off by a standard deviation in each feature.
    """
    count, size = features.shape
    centres = features[random.choice(count, max(_FOLDS, count // _SIMILAR), replace=False)]
    products = np.einsum("ni,ki->nk", features, centres)
    nearest = ((centres**2).sum(axis=1) - 2 * products).argmin(axis=1)
    folds = (random.permutation(len(centres)) % _FOLDS)[nearest]
    distances = np.zeros(count)
    for fold in range(_FOLDS):
        held_out = folds == fold
        if held_out.any() and not held_out.all():
            moments = _moments(features[~held_out])
            distances[held_out] = _distances(features[held_out], *moments)
    rank = min(count, int(np.ceil((1 - _MARKED) * (count + 1))))
    return float(np.float32(max(np.sort(distances)[rank - 1], size**0.5)))


def _moments(features: _Floats) -> tuple[_Floats, _Floats]:
    """Return the mean, and the inverse of the Cholesky factor of the covariance.

    Few images determine a covariance badly, so it is shrunk towards a multiple of the identity
    (Chen et al. 2010, Shrinkage algorithms for MMSE covariance estimation, equation 23).
    """
    count, size = features.shape
    centre = features.mean(axis=0)
    deviations = features - centre
    # Unlike a product of BLAS, it has the same bits for any number of threads.
    covariance = np.einsum("ni,nj->ij", deviations, deviations) / count
    trace, squares = float(np.trace(covariance)), float((covariance**2).sum())
    spread = (count + 1 - 2 / size) * (squares - trace**2 / size)
    strength = (1 - 2 / size) * squares + trace**2
    share = strength / spread if spread > strength else 1.0
    covariance *= 1 - share
    covariance[np.diag_indices(size)] += share * trace / size + _TOLERANCE**2
    return centre, np.linalg.inv(np.linalg.cholesky(covariance))


def _distances(features: _Floats, centre: _Floats, factor: _Floats) -> _Floats:
    whitened = np.einsum("ni,ji->nj", features - centre, factor)
    distances: _Floats = np.linalg.norm(whitened, axis=1)
    return distances


def _features(images: NDArray[np.uint8]) -> _Floats:
    """Return the features of images, of shape (n, d): d is 112 for 3 channels of 8x8 or more."""
    step = max(1, _PIECE // int(np.prod(images.shape[1:])))
    pieces = [images[first : first + step] for first in range(0, len(images), step)]
    return np.concatenate([_features_of_piece(piece) for piece in pieces])


def _features_of_piece(images: NDArray[np.uint8]) -> _Floats:
    # Sums of integers are exact in any order.
    grey = images.sum(axis=3, dtype=np.int32)
    across = np.abs(np.diff(grey, axis=2, append=grey[:, :, -1:]))
    down = np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    roughness = _cell_means((across + down)[..., None], _TEXTURE_GRID) / images.shape[3]
    colours = _cell_means(images, _COLOUR_GRID) / _COLOUR_UNIT
    return np.concatenate([colours, np.log1p(roughness)], axis=1)


def _cell_means(images: NDArray[np.uint8] | NDArray[np.int32], grid: int) -> _Floats:
    """Return the means of each channel in the cells of a grid: float64 of shape (n, cells)."""
    height, width = images.shape[1:3]
    downs = np.linspace(0, height, min(height, grid) + 1).astype(int)
    rights = np.linspace(0, width, min(width, grid) + 1).astype(int)
    rows = np.add.reduceat(images, downs[:-1], axis=1, dtype=np.int32)
    sums = np.add.reduceat(rows, rights[:-1], axis=2)
    areas = np.outer(np.diff(downs), np.diff(rights))[..., None]
    means: _Floats = (sums / areas).reshape(len(images), -1)
    return means
