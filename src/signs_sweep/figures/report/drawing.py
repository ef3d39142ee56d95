"""A page-ready SVG drawn by matplotlib: its canvas, its texts, its scales."""

import math
import re
import threading
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from signs_sweep.figures.palette import colour_of, dashes_of, marker_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

WIDTH = 350
"""Width of a figure in px, which is also its width on a phone."""

TEXT = 11
"""Size of texts in px."""

INK = "#010203"
"""Becomes the colour of the page's text."""

_GRID = 0.16
"""Opacity of grid lines."""

_RIGHT = 10
_LINE = 15
"""Height of a line of text in px."""

_LEGEND_MARK = 24
_UNPRINTABLE = re.compile("[^\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MINUS = "\N{MINUS SIGN}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Figure:
    """A figure of a page.

    Attributes:
        svg: text of its `svg` element, with the figure's name as its id.
        alt: what it shows, with the main numbers, as a sentence.
    """

    svg: str
    alt: str


@dataclass(frozen=True)
class Scale:
    """The range of an axis, with its ticks.

    Attributes:
        low: its lower end.
        high: its upper end.
        ticks: values of the ticks.
        labels: their texts.
        is_log: whether it is logarithmic.
    """

    low: float
    high: float
    ticks: Sequence[float]
    labels: Sequence[str]
    is_log: bool = False


@dataclass(frozen=True)
class Entry:
    """A line of a legend.

    Attributes:
        text: what the mark means.
        colour: of the mark.
        marker: its matplotlib marker, or an empty string.
        dashes: of its line; None for no line.
        is_hollow: whether the marker is not filled.
    """

    text: str
    colour: str
    marker: str = ""
    dashes: tuple[float, ...] | None = None
    is_hollow: bool = False


def entry_of(name: str, colour: int | None, *, has_line: bool, has_marker: bool) -> Entry:
    """Return the line of a legend for a setting."""
    return Entry(
        name,
        colour_of(colour),
        marker_of(colour) if has_marker else "",
        dashes_of(colour) if has_line else None,
    )


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
    if value and not 1e-3 <= abs(value) < 1e4:
        return power(value)
    return f"{value:,.3g}".replace("-", _MINUS)


def power(value: float) -> str:
    """Return a number as a power of ten, such as `10⁵` or `2.5·10⁻⁷`."""
    digits, exponent = f"{value:.1e}".split("e")
    times = "" if float(digits) == 1 else f"{float(digits):g}·"
    return f"{times}10{str(int(exponent)).translate(_SUPERSCRIPTS)}".replace("-", _MINUS)


def linear_scale(
    low: float, high: float, most: int = 6, *, pixels: float = math.inf, is_whole: bool = False
) -> Scale:
    """Return a scale from one value to another, with round ticks.

    Args:
        low: lower end.
        high: upper end; if it is not above the lower end, both are moved apart.
        most: number of ticks, at most.
        pixels: width of the axis, so that the labels do not touch each other.
        is_whole: whether all ticks are whole numbers.
    """
    from matplotlib.ticker import MaxNLocator

    if not high > low:
        half = abs(low) / 2 or 0.5
        low, high = low - half, low + half
    locator = MaxNLocator(nbins=most - 1, integer=is_whole, steps=[1, 2, 2.5, 5, 10])
    found = locator.tick_values(low, high)
    slack = 1e-9 * (high - low)
    ticks = [float(tick) for tick in found if low - slack <= tick <= high + slack]
    step = float(found[1] - found[0])
    if is_whole:
        ticks, step = [tick for tick in ticks if tick.is_integer()], max(step, 1.0)
    if max(abs(low), abs(high)) >= 1e5 or step < 1e-4:
        labels = ["0" if abs(tick) < step / 2 else power(tick) for tick in ticks]
    else:
        decimals = next(n for n in range(9) if abs(round(step, n) - step) < 1e-3 * step)
        labels = [f"{tick + 0.0:,.{decimals}f}".replace("-", _MINUS) for tick in ticks]
    widest = max(map(width_of, labels), default=0) + 8
    kept = slice(None, None, max(math.ceil(widest * (high - low) / (step * pixels)), 1))
    return Scale(low, high, ticks[kept], labels[kept])


def log_scale(low: float, high: float, most: int = 6) -> Scale:
    """Return a logarithmic scale over two positive values, with powers of ten as ticks."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(-(-(last - first) // (most - 1)), 1)
    exponents = range(first, last + 1, step)
    labels = [f"{10.0**n:g}" if -3 <= n <= 3 else power(10.0**n) for n in exponents]
    return Scale(low, high, [10.0**n for n in exponents], labels, is_log=True)


@dataclass(frozen=True)
class Drawing:
    """A figure being drawn, in px: x from the left, y from the bottom.

    Attributes:
        canvas: the matplotlib figure.
        axes: its axes.
        left: left end of the axes.
        bottom: lower end of the axes.
        right: right end of the axes.
        top: upper end of the axes.
    """

    canvas: "Canvas"
    axes: "Axes"
    left: float
    bottom: float
    right: float
    top: float

    def write(self, x: float, y: float, text: str, align: str = "left") -> None:
        """Write a text at a place in px, its baseline at y."""
        from matplotlib.transforms import IdentityTransform

        at = IdentityTransform()
        self.canvas.text(x, y, text, ha=align, va="baseline", color=INK, transform=at)

    def line(
        self, x: Sequence[float], y: Sequence[float], colour: str, marker: str = ""
    ) -> "Line2D":
        """Draw a line between places in px."""
        from matplotlib.lines import Line2D
        from matplotlib.transforms import IdentityTransform

        line = Line2D(x, y, transform=IdentityTransform(), color=colour, marker=marker)
        line.set_linewidth(1.6)
        self.canvas.add_artist(line)
        return line


def draw(
    name: str,
    draw_on: Callable[[Drawing], None],
    x: Scale,
    y: Scale,
    *,
    titles: tuple[str, str],
    legend: Sequence[Entry] = (),
    height: float = 190,
    right: float = _RIGHT,
) -> str:
    """Return the text of an SVG image.

    Args:
        name: of the figure: the id of the image, and the beginning of all ids in it.
        draw_on: draws the content.
        x: the horizontal axis.
        y: the vertical axis; without ticks, it is not shown.
        titles: of the horizontal and of the vertical axis; the latter is written above the axes.
        legend: its lines.
        height: of the axes in px.
        right: margin on the right in px.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    heading = _wrapped(titles[1], WIDTH - 4)
    columns, rows = _arranged(legend)
    left = max((width_of(label) for label in y.labels), default=2) + 8
    bottom = 2 * _LINE + 8 + _LINE * rows + (6 if rows else 0)
    total = bottom + height + _LINE * len(heading) + 6
    buffer = StringIO()
    with _lock, rc_context(_STYLE), warnings.catch_warnings():
        # The page's font may have the letters that the font of matplotlib lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        canvas = Canvas(figsize=(WIDTH / 72, total / 72), dpi=72)
        FigureCanvasSVG(canvas)
        place = (left / WIDTH, bottom / total, (WIDTH - left - right) / WIDTH, height / total)
        axes = canvas.add_axes(place)
        _prepare(axes, x, y)
        drawing = Drawing(canvas, axes, left, bottom, WIDTH - right, bottom + height)
        for line, text in enumerate(heading):
            drawing.write(2, total - _LINE * (line + 1) + 3, text)
        drawing.write((left + WIDTH - right) / 2, bottom - 2 * _LINE, titles[0], "center")
        for place_in_legend, entry in enumerate(legend):
            column, row = place_in_legend % columns, place_in_legend // columns
            _explain(drawing, entry, 4 + column * WIDTH / columns, 4 + _LINE * (rows - row - 1))
        draw_on(drawing)
        canvas.savefig(buffer, format="svg")
    return _for_page(buffer.getvalue(), name, WIDTH, total)


_lock = threading.Lock()
"""The settings of matplotlib and the filters of warnings are those of the process."""

_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # Names may contain dollar signs.
    "font.size": TEXT,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": _GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "path.simplify": True,
}


def _prepare(axes: "Axes", x: Scale, y: Scale) -> None:
    for axis, scale in (("x", x), ("y", y)):
        if scale.is_log:
            getattr(axes, f"set_{axis}scale")("log")
        getattr(axes, f"set_{axis}ticks")(scale.ticks, scale.labels)
        getattr(axes, f"set_{axis}lim")(scale.low, scale.high)
    axes.tick_params(length=3, width=0.8, pad=3)
    axes.minorticks_off()
    if not len(y.ticks):
        axes.spines["left"].set_visible(False)


def _explain(drawing: Drawing, entry: Entry, x: float, y: float) -> None:
    """Draw a line of a legend."""
    mark = drawing.line(
        [x, x + _LEGEND_MARK / 2, x + _LEGEND_MARK], [y + 4] * 3, entry.colour, marker=entry.marker
    )
    mark.set(markevery=[1], markersize=6)
    if entry.dashes is None:
        mark.set_linestyle("none")
    else:
        mark.set_dashes(entry.dashes)
    if entry.is_hollow:
        mark.set_markerfacecolor("none")
    drawing.write(x + _LEGEND_MARK + 6, y, entry.text)


def _arranged(legend: Sequence[Entry]) -> tuple[int, int]:
    """Return the number of columns and rows of a legend."""
    widest = max((width_of(entry.text) for entry in legend), default=0) + _LEGEND_MARK + 14
    columns = max(min(int(WIDTH // widest), 3, len(legend)), 1)
    return columns, -(-len(legend) // columns)


def _wrapped(text: str, pixels: float) -> list[str]:
    """Break a text into lines."""
    lines: list[str] = []
    for word in _UNPRINTABLE.sub(" ", text).split():
        if lines and width_of(f"{lines[-1]} {word}") <= pixels:
            lines[-1] += f" {word}"
        else:
            lines.append(fitted(word, pixels))
    return lines


_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def _for_page(svg: str, name: str, width: float, height: float) -> str:
    """Return an SVG of matplotlib in the form that a page needs.

    Only the ids that something refers to are kept, and numbered; matplotlib's style sheet, which
    would hold for the whole page, becomes a style of the image.
    """
    root = ET.fromstring(svg)  # noqa: S314, our own text
    referred = dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    ids = {old: f"{name}-{place}" for place, old in enumerate(referred)}
    children = "".join(_text_of(child, ids) for child in root)
    return (
        f'<svg xmlns="{_SVG}" id="{name}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" style="stroke-linejoin:round">{children}</svg>'
    )


def _text_of(element: ET.Element, ids: Mapping[str, str]) -> str:
    """Return an element and all below it as text, without what a page does not need."""
    tag = element.tag.removeprefix(f"{{{_SVG}}}")
    attributes = _attributes(element, ids)
    if tag in ("metadata", "style") or attributes.get("style") == "fill:none":
        return ""
    children = "".join(_text_of(child, ids) for child in element)
    inner = _escaped(element.text or "") if tag == "text" else children
    if tag in ("g", "defs") and not (inner and (attributes or tag == "defs")):
        return inner
    texts = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    return f"<{tag}{texts}>{inner}</{tag}>" if inner else f"<{tag}{texts}/>"


def _attributes(element: ET.Element, ids: Mapping[str, str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        match key:
            case "id":
                if value in ids:
                    attributes[key] = ids[value]
            case "style":
                attributes[key] = _style(value)
            case "clip-path":
                attributes[key] = f"url(#{ids[value[5:-1]]})"
            case _ if key == _HREF:
                attributes["href"] = f"#{ids[value[1:]]}"
            case _ if not value.startswith("rotate(-0"):
                attributes[key] = _rounded(value)
    return attributes


def _style(value: str) -> str:
    value = value.replace(INK, "currentColor")
    value = re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", value)
    value = re.sub(r"\s*font-family:[^;]*;?", "", value)
    return _rounded(value, 2).replace("; ", ";").replace(": ", ":")


def _rounded(value: str, digits: int = 1) -> str:
    """Return coordinates without the digits that a screen does not show."""
    numbers = _NUMBER.sub(lambda match: f"{round(float(match.group()), digits):g}", value)
    return re.sub(r"\s*([A-Za-z])\s+(?=[-\d])", r"\1", numbers).strip()


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def finite(*arrays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the finite values of arrays, one after the other."""
    values = np.concatenate((np.empty(0), *arrays))
    return np.extract(np.isfinite(values), values)
