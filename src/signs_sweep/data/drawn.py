"""The built-in dataset: hands with 0 to 5 raised fingers, drawn.

It replaces the photos where they are missing, with the same shape, sizes and classes. A hand is a
palm, a forearm, four fingers and a thumb, each of them raised or folded; pose, size, skin, light
and background vary from image to image. Their variation makes the dataset about as hard as the
photos for the dense network of the published series.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

DRAWN_VERSION = 1
"""Incremented when the drawn images change."""

_SIZE = 64
_ZOOM = 4
"""Images are drawn larger by this factor and then reduced, for smooth edges."""

_TRAIN_PER_CLASS = 180
_TEST_PER_CLASS = 20

_THUMB, _INDEX, _MIDDLE, _RING, _LITTLE = range(5)
_RAISED: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((),),
    ((_INDEX,), (_INDEX,), (_THUMB,)),
    ((_INDEX, _MIDDLE), (_INDEX, _MIDDLE), (_THUMB, _INDEX)),
    ((_INDEX, _MIDDLE, _RING), (_THUMB, _INDEX, _MIDDLE)),
    ((_INDEX, _MIDDLE, _RING, _LITTLE),),
    ((_THUMB, _INDEX, _MIDDLE, _RING, _LITTLE),),
)
"""The ways to show each number, by class; each image shows a random choice."""

# Where a finger begins on the palm, its direction in degrees from straight up, length and width,
# for an upright right hand seen from its palm, in units of the palm's width, y downwards.
_FINGERS = {
    _INDEX: (-0.36, -0.44, -9.0, 0.84, 0.235),
    _MIDDLE: (-0.12, -0.52, -2.0, 0.95, 0.24),
    _RING: (0.13, -0.49, 5.0, 0.87, 0.235),
    _LITTLE: (0.36, -0.38, 14.0, 0.68, 0.20),
}
_THUMB_PLACE = (-0.42, 0.16, -52.0, 0.70, 0.25)

Colour = tuple[int, int, int]
Points = NDArray[np.float64]


def draw_dataset() -> Dataset:
    """Draw all images, the same in every call. Takes some seconds."""
    train, test = _draw_part(0, _TRAIN_PER_CLASS), _draw_part(1, _TEST_PER_CLASS)
    return Dataset("drawn", *train, *test, tuple(map(str, range(len(_RAISED)))), drawn=True)


def _draw_part(part: int, per_class: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    labels = np.repeat(np.arange(len(_RAISED)), per_class)
    np.random.default_rng([DRAWN_VERSION, part]).shuffle(labels)
    images = [
        draw_hand(int(label), np.random.default_rng([DRAWN_VERSION, part, index]))
        for index, label in enumerate(labels)
    ]
    return np.stack(images), labels.astype(np.int64)


@dataclass(frozen=True)
class _Pen:
    """Draws shapes in the coordinates of the hand.

    Attributes:
        draw: draws on the image.
        matrix: from the hand's coordinates to pixels, float64 of (2, 3).
        unit: pixels per unit.
        skin: colour of the skin.
        line: colour of its outlines.
    """

    draw: "ImageDraw"
    matrix: Points
    unit: float
    skin: Colour
    line: Colour

    def capsule(self, points: Points, widths: tuple[float, float]) -> None:
        """Draw a rounded limb along a line, with an outline; widths at its start and end."""
        pixels = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        radii = np.linspace(*widths, len(pixels)) * self.unit / 2
        outline = 0.022 * self.unit
        for grown, colour in ((outline, self.line), (0.0, self.skin)):
            for (start, end), radius in zip(pairwise(pixels), radii, strict=False):
                self.draw.line([*start, *end], fill=colour, width=round(2 * (radius + grown)))
            for (x, y), radius in zip(pixels, radii + grown, strict=True):
                self.draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)

    def polygon(self, points: Points) -> None:
        """Fill an area with skin."""
        pixels = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        self.draw.polygon([tuple(point) for point in pixels], fill=self.skin)


def draw_hand(raised: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a hand that shows a number.

    Args:
        raised: how many fingers are raised, 0 to 5.
        random: generator for everything else.

    Returns:
        uint8 of (64, 64, 3).
    """
    from PIL import Image, ImageDraw, ImageFilter

    side = _SIZE * _ZOOM
    ways = _RAISED[raised]
    fingers = ways[random.integers(len(ways))]
    skin, line = _skin(random)
    matrix, unit = _pose(random, side)
    flesh = Image.new("RGB", (side, side), line)
    covered = Image.new("L", (side, side), 0)
    black = Image.new("RGB", (side, side))
    seed = int(random.integers(2**31))
    colours: tuple[tuple[Any, Any, Any], ...] = ((flesh, skin, line), (covered, 255, 255))
    for image, fill, outline in colours:
        pen = _Pen(ImageDraw.Draw(image), matrix, unit, fill, outline)
        _draw_limbs(pen, fingers, np.random.default_rng(seed))
    # Reduced before they are combined: the background has no edges to smooth.
    alpha = np.asarray(covered.reduce(_ZOOM), np.float64)[..., None] / 255
    hand = np.asarray(Image.composite(flesh, black, covered).reduce(_ZOOM), np.float64)
    shadow = covered.reduce(_ZOOM).filter(ImageFilter.GaussianBlur(5))
    dark = np.roll(np.asarray(shadow, np.float64) / 255, random.integers(-4, 5, size=2), (0, 1))
    behind = _background(random) * (1 - random.uniform(0, 0.35) * dark[..., None])
    picture = hand + (1 - alpha) * behind
    return _expose(picture, random)


def _draw_limbs(pen: _Pen, raised: tuple[int, ...], random: np.random.Generator) -> None:
    """Draw forearm, palm and fingers; folded fingers are drawn over the palm."""
    pen.capsule(np.array([[0.02, 0.2], [0.06, 2.2]]), (0.66, 0.78))
    palm = np.array([[-0.34, -0.30], [0.34, -0.26], [0.30, 0.36], [-0.26, 0.36]])
    pen.capsule(palm[[0, 3]], (0.34, 0.36))
    pen.capsule(palm[[1, 2]], (0.34, 0.34))
    pen.capsule(np.array([[0.0, -0.34], [0.0, 0.36]]), (0.5, 0.56))
    pen.polygon(np.array([[-0.4, -0.3], [0.42, -0.26], [0.36, 0.4], [-0.36, 0.4]]))
    spread = random.uniform(0.6, 1.7)
    for finger, (x, y, angle, usual_length, usual_width) in _FINGERS.items():
        length = usual_length * random.uniform(0.88, 1.1)
        width = usual_width * random.uniform(0.92, 1.08)
        if finger in raised:
            turn = angle * spread + random.normal(0, 2.5)
            pen.capsule(_bent(x, y, turn, length, random.normal(0, 7)), (width, 0.8 * width))
        else:
            top = y - random.uniform(0.02, 0.12)
            fold = np.array([[x, top], [0.85 * x, top + random.uniform(0.24, 0.34)]])
            pen.capsule(fold, (width, 0.95 * width))
    x, y, angle, length, width = _THUMB_PLACE
    if _THUMB in raised:
        turn = angle + random.normal(0, 7)
        pen.capsule(_bent(x, y, turn, length, random.normal(12, 8)), (1.15 * width, 0.8 * width))
        pen.capsule(np.array([[-0.2, 0.28], [x, y]]), (width, width))
    else:
        tip = np.array([random.uniform(-0.02, 0.14), random.uniform(-0.12, 0.04)])
        pen.capsule(np.array([[-0.38, 0.2], [-0.2, 0.02], tip]), (width, 0.8 * width))


def _bent(x: float, y: float, angle: float, length: float, bend: float) -> Points:
    """Return the joints of a finger that starts at (x, y) and turns a little at each joint."""
    points = [np.array([x, y])]
    for part, share in enumerate((0.45, 0.3, 0.25)):
        radians = np.deg2rad(angle + bend * part)
        step = np.array([np.sin(radians), -np.cos(radians)]) * length * share
        points.append(points[-1] + step)
    return np.array(points)


def _pose(random: np.random.Generator, side: int) -> tuple[Points, float]:
    """Return the position of the hand: its matrix and the size of a unit in pixels."""
    unit = side * random.uniform(0.36, 0.44)
    angle = np.deg2rad(random.normal(0, 7))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn[:, 0] *= random.uniform(0.9, 1.05)  # Rotated slightly out of the image plane.
    centre = np.array([0.5, 0.62]) * side + random.normal(0, 0.035, 2) * side
    return np.column_stack([turn * unit, centre]), unit


def _skin(random: np.random.Generator) -> tuple[Colour, Colour]:
    """Return a skin colour from dark to light, and the colour of its outlines."""
    tone = random.uniform(0, 1)
    colour = (1 - tone) * np.array([128, 84, 62]) + tone * np.array([236, 194, 168])
    colour += random.normal(0, 6, 3)
    return _colour(colour), _colour(colour * random.uniform(0.62, 0.8))


def _colour(values: Points) -> Colour:
    red, green, blue = np.clip(values, 0, 255).astype(int).tolist()
    return red, green, blue


def _background(random: np.random.Generator) -> Points:
    """Return a wall: one colour with a gradient and soft stains, float64 of (64, 64, 3)."""
    colour = random.uniform(120, 235) + random.normal(0, 16, 3)
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] / _SIZE - 0.5
    angle = random.uniform(0, 2 * np.pi)
    slope = (np.cos(angle) * x + np.sin(angle) * y) * random.uniform(0, 50)
    stains = np.kron(random.normal(0, 3, (16, 16)), np.ones((_SIZE // 16, _SIZE // 16)))
    wall: Points = colour + (slope + stains)[..., None]
    return wall


def _expose(picture: Points, random: np.random.Generator) -> NDArray[np.uint8]:
    """Light the picture from one side and add the noise of a camera."""
    y, x = np.mgrid[0:_SIZE, 0:_SIZE] / _SIZE - 0.5
    angle = random.uniform(0, 2 * np.pi)
    light = 1 + (np.cos(angle) * x + np.sin(angle) * y) * random.uniform(0, 0.35)
    exposed = picture * (light * random.uniform(0.82, 1.1))[..., None]
    noisy = exposed + random.normal(0, 4, picture.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)
