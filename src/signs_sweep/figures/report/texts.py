"""Names and numbers in a figure: how they are written, and how wide they are."""

import math
import re
import unicodedata

TEXT = 11
"""Size of texts in px."""

_UNPRINTABLE = re.compile("[^\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MINUS = "\N{MINUS SIGN}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def width_of(text: str, size: int = TEXT) -> float:
    """Return the width of a text in px: an upper estimate, as the page decides on the font."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return size * (wide + 0.62 * (len(text) - wide))


def fitted(name: str, pixels: float, size: int = TEXT) -> str:
    """Return a name that can be shown, without its middle part if it is wider than that.

    Many names differ at their ends.
    """
    name = _UNPRINTABLE.sub(" ", name)
    if width_of(name, size) <= pixels:
        return name
    kept = len(name) - 1
    while kept > 2 and width_of(_without_middle(name, kept), size) > pixels:
        kept -= 1
    return _without_middle(name, kept)


def _without_middle(name: str, kept: int) -> str:
    last = kept // 3
    return f"{name[: kept - last]}…{name[len(name) - last :]}"


def number(value: float) -> str:
    """Return a number for people, with three digits and a true minus sign."""
    if value and math.isfinite(value) and not 1e-3 <= abs(value) < 1e4:
        return power(value)
    return f"{value:,.3g}".replace("-", MINUS).replace("inf", "\u221e")


def power(value: float) -> str:
    """Return a number as a power of ten, such as `10⁵` or `2.5·10⁻⁷`."""
    digits, exponent = f"{value:.1e}".split("e")
    times = "" if float(digits) == 1 else f"{float(digits):g}·"
    return f"{times}10{str(int(exponent)).translate(_SUPERSCRIPTS)}".replace("-", MINUS)


def wrapped(text: str, pixels: float) -> list[str]:
    """Break a text into lines of at most that width."""
    lines: list[str] = []
    for word in _UNPRINTABLE.sub(" ", text).split():
        if lines and width_of(f"{lines[-1]} {word}") <= pixels:
            lines[-1] += f" {word}"
        else:
            lines.append(fitted(word, pixels))
    return lines
