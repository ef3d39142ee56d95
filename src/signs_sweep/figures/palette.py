"""The colours of the settings in a report: the same colour for the same setting in every figure.

Every colour has a contrast of at least 3:1 on a white and on a dark page, and differs from all
others by at least 13.9 (CIEDE2000) for normal sight, protanopia, deuteranopia and tritanopia: the
largest minimum found by a search over all colours of that contrast that are not greyish. A test
holds both. Dashes and markers repeat what a colour states.
"""

_GREY = "#80868c"
_COLOURS = ("#2454fc", "#e41860", "#007854", "#a89000", "#845490", "#309cd8", "#9c5400")
_DASHES = ((), (4, 1.5), (1.5, 1), (4, 1, 1, 1), (7, 1.5), (3, 1, 1, 1, 1, 1), (1, 1.5))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

MOST_COLOURS = len(_COLOURS)
"""Number of settings that have a colour of their own."""


def colour_of(position: int | None) -> str:
    """Return the colour of a setting, `#rrggbb`.

    Args:
        position: of the setting, from 0 (the baseline) to `MOST_COLOURS - 1`; None for the grey of
            the settings without a colour of their own.
    """
    return _GREY if position is None else _COLOURS[position]


def dashes_of(position: int | None) -> tuple[float, ...]:
    """Return the lengths of dashes and gaps, in widths of the line; empty for a solid line."""
    return () if position is None else _DASHES[position]


def marker_of(position: int | None) -> str:
    """Return the matplotlib marker of a setting."""
    return "o" if position is None else _MARKERS[position]
