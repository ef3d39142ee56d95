"""What the figures have in common: axes with their titles, and a legend below them."""

import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from signs_sweep.figures.palette import colour_of, dashes_of, marker_of
from signs_sweep.figures.report.inline import INK, for_page
from signs_sweep.figures.report.scales import Scale
from signs_sweep.figures.report.texts import TEXT, width_of, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

WIDTH = 350
"""Width of a figure in px, which is also its width on a phone."""

_GRID = 0.16
"""Opacity of grid lines."""

_RIGHT = 10
_LINE = 15
"""Height of a line of text in px."""

_LEGEND_MARK = 24


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

        shown = self.canvas.text(x, y, text, ha=align, va="baseline", transform=IdentityTransform())
        shown.set(color=INK, fontsize=TEXT, parse_math=False)  # Names may contain dollar signs.

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

    heading = wrapped(titles[1], WIDTH - 4)
    columns, rows = _arranged(legend)
    left = max((width_of(label) for label in y.labels), default=2) + 8
    bottom = 2 * _LINE + 8 + _LINE * rows + (6 if rows else 0)
    total = bottom + height + _LINE * len(heading) + 6
    buffer = StringIO()
    with _lock, rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        # The page's font may have the letters that the font of matplotlib lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        canvas = Canvas(figsize=(WIDTH / 72, total / 72), dpi=72, facecolor="none")
        FigureCanvasSVG(canvas)
        place = (left / WIDTH, bottom / total, (WIDTH - left - right) / WIDTH, height / total)
        axes = canvas.add_axes(place, facecolor="none")
        _prepare(axes, x, y)
        drawing = Drawing(canvas, axes, left, bottom, WIDTH - right, bottom + height)
        for line, text in enumerate(heading):
            drawing.write(2, total - _LINE * (line + 1) + 3, text)
        drawing.write((left + WIDTH - right) / 2, bottom - 2 * _LINE, titles[0], "center")
        for place_in_legend, entry in enumerate(legend):
            column, row = place_in_legend % columns, place_in_legend // columns
            _explain(drawing, entry, 4 + column * WIDTH / columns, 4 + _LINE * (rows - row - 1))
        draw_on(drawing)
        canvas.savefig(buffer, format="svg", facecolor="none")
    return for_page(buffer.getvalue(), name, WIDTH, total)


_lock = threading.Lock()
"""The settings of matplotlib and the filters of warnings are those of the process."""


def _prepare(axes: "Axes", x: Scale, y: Scale) -> None:
    """Give axes their scales and the style of the page."""
    for name, axis, scale in (("x", axes.xaxis, x), ("y", axes.yaxis, y)):
        if scale.is_log:
            axes.set(**{f"{name}scale": "log"})
        axis.set_ticks(scale.ticks, scale.labels)
        axes.set(**{f"{name}lim": (scale.low, scale.high)})
    axes.minorticks_off()
    axes.tick_params(colors=INK, labelsize=TEXT, length=3, width=0.8, pad=3)
    axes.grid(visible=True, color=INK, alpha=_GRID, linewidth=0.8, linestyle="-")
    axes.set_axisbelow(True)
    axes.spines[:].set(color=INK, linewidth=0.8)
    axes.spines[["top", "right"] if y.ticks else ["top", "right", "left"]].set_visible(False)


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
