"""The colours of the settings can be seen and told apart."""

from itertools import combinations

import numpy as np
import pytest

from signs_sweep.figures.palette import MOST_COLOURS, colour_of, dashes_of, marker_of

POSITIONS = (*range(MOST_COLOURS), None)
COLOURS = [colour_of(position) for position in POSITIONS]

# Severity 1.0, for linear RGB: Machado, Oliveira and Fernandes (2009), "A physiologically-based
# model for simulation of color vision deficiency", table at
# https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation/CVD_Simulation.html
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour):
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    x, y, z = (
        np.cbrt(value) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29
        for value in XYZ @ np.clip(rgb, 0, 1) / (0.95047, 1, 1.08883)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(first, second):
    """CIEDE2000, as in Sharma, Wu and Dalal (2005)."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(c7 / (c7 + 25**7)))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180
    hue = h1 + turn / 2
    big_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2

    def wave(times, shift):
        return np.cos(np.radians(times * hue + shift))

    t = 1 - 0.17 * wave(1, -30) + 0.24 * wave(2, 0) + 0.32 * wave(3, 6) - 0.2 * wave(4, -63)
    part_l = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    part_c = (c2 - c1) / (1 + 0.045 * chroma)
    part_h = big_h / (1 + 0.015 * chroma * t)
    angle = 60 * np.exp(-((((hue % 360) - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7)) * np.sin(np.radians(angle))
    return np.sqrt(part_l**2 + part_c**2 + part_h**2 + rotation * part_c * part_h)


def test_the_difference_of_colours_is_that_of_the_published_examples() -> None:
    assert difference((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=5e-5)
    assert difference((50, 2.5, 0), (73, 25, -18)) == pytest.approx(27.1492, abs=5e-5)
    assert difference((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514)) == pytest.approx(
        0.9082, abs=5e-5
    )


@pytest.mark.parametrize("sight", SIGHT)
def test_all_colours_differ_for_every_kind_of_sight(sight) -> None:
    seen = [lab(SIGHT[sight] @ linear(colour)) for colour in COLOURS]
    least = min(difference(*pair) for pair in combinations(seen, 2))
    assert least >= 13.9, least


@pytest.mark.parametrize("page", ["#ffffff", "#14181d"])
def test_all_colours_stand_out_from_the_page(page) -> None:
    for colour in COLOURS:
        dark, light = sorted(XYZ[1] @ linear(each) for each in (colour, page))
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_dashes_and_markers_repeat_the_colour() -> None:
    own = range(MOST_COLOURS)
    assert len({colour_of(position) for position in POSITIONS}) == len(POSITIONS)
    assert len({dashes_of(position) for position in own}) == MOST_COLOURS
    assert len({marker_of(position) for position in own}) == MOST_COLOURS
