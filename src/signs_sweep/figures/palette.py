"""The colours of the settings in a report: the same colour for the same setting in every figure.

Every colour has a contrast of at least 3:1 on a white and on a dark page, and differs from all
others by at least 12 (CIEDE2000) for normal sight, protanopia, deuteranopia and tritanopia. A test
holds both. Dashes and markers repeat what a colour states.
"""

_GREY = "#80868c"
_COLOURS = ("#006c9c", "#f06c00", "#009ce4", "#a8480c", "#a8846c", "#786054")
_DASHES = ((), (6, 2), (2, 2), (8, 2, 2, 2), (4, 1, 1, 1, 1, 1), (1, 1))
_MARKERS = ("o", "s", "^", "D", "v", "P")

MOST_COLOURS = len(_COLOURS)
"""Number of settings that have a colour of their own."""


def colour_of(position: int | None) -> str:
    """Return the colour of a setting, `#rrggbb`.

    Args:
        position: of the setting, from 0 (the baseline) to `MOST_COLOURS - 1`; None for the grey of
            the settings without a colour of their own.
    """
    return _GREY if position is None else _COLOURS[position]


def dashes_of(position: int | None) -> tuple[int, ...]:
    """Return the lengths of dashes and gaps of a setting's line, in px; empty for a solid line."""
    return () if position is None else _DASHES[position]


def marker_of(position: int | None) -> str:
    """Return the matplotlib marker of a setting."""
    return "o" if position is None else _MARKERS[position]
