"""The built-in dataset: hands with 0 to 5 raised fingers, drawn.

It replaces the photos where they are missing, with the same shape, sizes and classes. A hand is a
palm, a forearm, four fingers and a thumb, each of them raised or folded. The images come in series,
as the photos do: a few people in front of a few walls, and much the same picture again and again.
For the dense network of the published series this makes them about as hard to learn as the photos,
and as easy to memorize.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset
from signs_sweep.data.origin import Origin

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

DRAWN_VERSION = 2
"""Incremented when the drawn images change."""

_ZOOM = 4
"""Images are drawn larger by this factor and then reduced, for smooth edges."""

_SERIES = 6
"""Images of a series."""

_THUMB, _INDEX, _MIDDLE, _RING, _LITTLE = range(5)
_RAISED: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((),),
    ((_INDEX,), (_INDEX,), (_THUMB,)),
    ((_INDEX, _MIDDLE), (_INDEX, _MIDDLE), (_THUMB, _INDEX)),
    ((_INDEX, _MIDDLE, _RING), (_THUMB, _INDEX, _MIDDLE)),
    ((_INDEX, _MIDDLE, _RING, _LITTLE),),
    ((_THUMB, _INDEX, _MIDDLE, _RING, _LITTLE),),
)
"""The ways to show each number, by class; each series shows a random choice."""

# Where a finger begins on the palm, its direction in degrees from straight up, length and width,
# for an upright right hand seen from its palm, in units of the palm's width, y downwards.
_FINGERS = {
    _INDEX: (-0.36, -0.44, -9.0, 0.84, 0.235),
    _MIDDLE: (-0.12, -0.52, -2.0, 0.95, 0.24),
    _RING: (0.13, -0.49, 5.0, 0.87, 0.235),
    _LITTLE: (0.36, -0.38, 14.0, 0.68, 0.20),
}
_THUMB_PLACE = (-0.42, 0.16, -52.0, 0.70, 0.25)

_DARK, _LIGHT = np.array([120, 80, 62]), np.array([212, 164, 138])
"""The ends of the range of skin colours."""

_WALL = np.array([1.02, 1, 0.96])
"""Tint of every wall."""

Colour = tuple[int, int, int]
Points = NDArray[np.float64]


def draw_dataset(
    seed: int = 0, size: tuple[int, int] = (64, 64), train: int = 1080, test: int = 120
) -> Dataset:
    """Draw a dataset, the same in every call; the defaults give the built-in dataset.

    The images of a class are drawn in series. Series number n of each class shows the same person
    in front of the same wall. As among the photos, a series gives images to both sets.

    Args:
        seed: other seeds give other images.
        size: height and width of an image in pixels.
        train: number of training images, the same of each class if it is a multiple of six.
        test: number of test images, likewise.
    """
    random = np.random.default_rng([DRAWN_VERSION, seed])
    labels = np.concatenate([random.permutation(n) % len(_RAISED) for n in (train, test)])
    images = np.empty((len(labels), *size, 3), np.uint8)
    for raised in range(len(_RAISED)):
        rows = random.permutation(np.flatnonzero(labels == raised))
        for number, first in enumerate(range(0, len(rows), _SERIES)):
            scene = Scene.draw(np.random.default_rng([DRAWN_VERSION, seed, number]))
            drawing = np.random.default_rng([DRAWN_VERSION, seed, number, raised + 1])
            pose = Pose.draw(raised, drawing)
            for row in rows[first : first + _SERIES]:
                images[row] = draw_hand(scene, pose.moved(drawing), drawing, size)
    return Dataset(
        "drawn",
        images[:train],
        labels[:train],
        images[train:],
        labels[train:],
        tuple(map(str, range(len(_RAISED)))),
        drawn=True,
        origin=Origin("drawn by signs-sweep", f"seed {seed}, version {DRAWN_VERSION}"),
    )


@dataclass(frozen=True)
class Scene:
    """A person in front of a wall.

    Attributes:
        skin: its colour.
        line: colour of the outlines of fingers.
        proportions: length of each finger, as a multiple of the usual length.
        wall: colour of the wall.
        slope: how much brighter the wall is on the right and at the bottom.
        light: share by which the light is stronger on the right and at the bottom.
    """

    skin: Colour
    line: Colour
    proportions: Points
    wall: Points
    slope: Points
    light: Points

    @classmethod
    def draw(cls, random: np.random.Generator) -> "Scene":
        """Draw a scene at random."""
        tone = random.uniform(0, 0.65)
        skin = (1 - tone) * _DARK + tone * _LIGHT + random.normal(0, 3, 3)
        return cls(
            skin=_colour(skin),
            line=_colour(skin * random.uniform(0.62, 0.8)),
            proportions=random.uniform(0.88, 1.1, len(_FINGERS) + 1),
            wall=random.uniform(200, 226) * _WALL + random.normal(0, 3, 3),
            slope=random.normal(0, 8, 2),
            light=random.normal(0, 0.03, 2),
        )


@dataclass(frozen=True)
class Pose:
    """How a hand is held.

    Attributes:
        fingers: which are raised.
        centre: where the palm is, as shares of the width and the height of the image.
        unit: width of the palm, as a share of the shorter side of the image.
        angle: by which the hand is turned, in degrees.
        stretch: how wide the hand is seen: 1 from the front, negative if it is a left hand.
        spread: of the fingers, as a multiple of the usual angles.
    """

    fingers: tuple[int, ...]
    centre: Points
    unit: float
    angle: float
    stretch: float
    spread: float

    @classmethod
    def draw(cls, raised: int, random: np.random.Generator) -> "Pose":
        """Draw a pose with this number of raised fingers, 0 to 5, at random."""
        ways = _RAISED[raised]
        return cls(
            fingers=ways[random.integers(len(ways))],
            centre=np.array([0.5, 0.62]) + random.normal(0, 1, 2) * (0.09, 0.06),
            unit=random.uniform(0.28, 0.44),
            angle=random.normal(0, 20),
            stretch=random.uniform(0.8, 1.05) * (-1 if random.uniform() < 0.3 else 1),
            spread=random.uniform(0.6, 1.7),
        )

    def moved(self, random: np.random.Generator) -> "Pose":
        """Return a pose nearby."""
        return replace(
            self,
            centre=self.centre + random.normal(0, 0.012, 2),
            unit=self.unit * random.normal(1, 0.02),
            angle=self.angle + random.normal(0, 3),
            spread=self.spread * np.exp(random.normal(0, 0.08)),
            stretch=self.stretch * np.exp(random.normal(0, 0.03)),
        )


def draw_hand(
    scene: Scene, pose: Pose, random: np.random.Generator, size: tuple[int, int] = (64, 64)
) -> NDArray[np.uint8]:
    """Draw an image.

    Args:
        scene: the person and the wall.
        pose: how the hand is held, but for slight turns of its fingers.
        random: generator for everything else.
        size: height and width in pixels.

    Returns:
        uint8 of (height, width, 3).
    """
    from PIL import Image, ImageDraw, ImageFilter

    (height, width), side = size, min(size)
    unit, angle = side * _ZOOM * pose.unit, np.deg2rad(pose.angle)
    turn = unit * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([turn, pose.centre * (width, height) * _ZOOM])
    matrix[:, 0] *= pose.stretch
    drawing = Image.new("RGBA", (width * _ZOOM, height * _ZOOM))
    _draw_limbs(_Pen(ImageDraw.Draw(drawing), matrix, unit, scene), pose, random)
    # Reduced with its colours multiplied by alpha, so that the wall can be added to it.
    hand = drawing.convert("RGBa").reduce(_ZOOM)
    shadow = Image.new("L", (width, height))
    shadow.paste(hand.getchannel("a"), (side // 20, side // 20))
    dark = np.asarray(shadow.filter(ImageFilter.GaussianBlur(side / 13)), np.float64) / 255
    y = np.arange(height)[:, None, None] / side - 0.5
    x = np.arange(width)[:, None] / side - 0.5
    wall = (scene.wall + scene.slope[0] * x + scene.slope[1] * y) * (1 - 0.3 * dark[..., None])
    colours = np.asarray(hand, np.float64)
    picture = colours[..., :3] + (1 - colours[..., 3:] / 255) * wall
    picture *= (1 + scene.light[0] * x + scene.light[1] * y) * random.normal(1, 0.02)
    picture += random.normal(0, 3, picture.shape)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@dataclass(frozen=True)
class _Pen:
    """Draws shapes in the coordinates of the hand.

    Attributes:
        draw: draws on the image.
        matrix: from the hand's coordinates to pixels, float64 of (2, 3).
        unit: pixels per unit.
        scene: has the colours.
    """

    draw: "ImageDraw"
    matrix: Points
    unit: float
    scene: Scene

    def capsule(self, points: Points, widths: tuple[float, float]) -> None:
        """Draw a rounded limb along a line, with an outline; widths at its start and end."""
        pixels = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        radii = np.linspace(*widths, len(pixels)) * self.unit / 2
        outline = 0.022 * self.unit
        for grown, colour in ((outline, self.scene.line), (0.0, self.scene.skin)):
            for (start, end), radius in zip(pairwise(pixels), radii, strict=False):
                self.draw.line([*start, *end], fill=colour, width=round(2 * (radius + grown)))
            for (x, y), radius in zip(pixels, radii + grown, strict=True):
                self.draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)

    def polygon(self, points: Points) -> None:
        """Fill an area with skin."""
        pixels = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        self.draw.polygon([tuple(point) for point in pixels], fill=self.scene.skin)


def _draw_limbs(pen: _Pen, pose: Pose, random: np.random.Generator) -> None:
    """Draw forearm, palm and fingers; folded fingers are drawn over the palm."""
    pen.capsule(np.array([[0.02, 0.2], [0.2, 4.0]]), (0.62, 0.9))
    palm = np.array([[-0.34, -0.30], [0.34, -0.26], [0.30, 0.36], [-0.26, 0.36]])
    pen.capsule(palm[[0, 3]], (0.34, 0.36))
    pen.capsule(palm[[1, 2]], (0.34, 0.34))
    pen.capsule(np.array([[0.0, -0.34], [0.0, 0.36]]), (0.5, 0.56))
    pen.polygon(np.array([[-0.4, -0.3], [0.42, -0.26], [0.36, 0.4], [-0.36, 0.4]]))
    for finger, (x, y, angle, usual_length, usual_width) in _FINGERS.items():
        length = usual_length * pen.scene.proportions[finger]
        width = usual_width * random.uniform(0.92, 1.08)
        if finger in pose.fingers:
            turn = angle * pose.spread + random.normal(0, 4)
            pen.capsule(_bent(x, y, turn, length, random.normal(0, 8)), (width, 0.8 * width))
        else:
            top = y - random.uniform(0.02, 0.12)
            fold = np.array([[x, top], [0.85 * x, top + random.uniform(0.24, 0.34)]])
            pen.capsule(fold, (width, 0.95 * width))
    x, y, angle, length, width = _THUMB_PLACE
    if _THUMB in pose.fingers:
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


def _colour(values: Points) -> Colour:
    red, green, blue = np.clip(values, 0, 255).astype(int).tolist()
    return red, green, blue
