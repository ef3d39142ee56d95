"""The pictures of a run: functions of arrays, each returning a matplotlib figure.

Drawn without pyplot, so that no display is needed and any thread may draw. Each thread reuses its
figures for the next run, which halves the time; a figure is therefore valid until the function that
returned it is called again. Matplotlib is imported for the first picture (0.8 s).
"""

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_DPI = 100
_INK = "#1f2933"
_BLUE = "#1f6fb4"
_ORANGE = "#d9730d"
_RED = "#b3261e"
_GRID = "#d9dee3"
_FONT = "DejaVu Sans"
"""Comes with matplotlib."""

_LONGEST_NAME = 24

_MOST_WITH_NUMBERS = 40
"""With more classes, not all numbers of a confusion matrix fit: 10,000 would also take 8 s."""

_MOST_CONFUSIONS = 200
_MOST_NAMES = 100
"""Numbers and names of classes that a large confusion matrix shows."""


def draw_run(
    learning_rate: float,
    history: Mapping[str, NDArray[np.float64]],
    confusion: NDArray[np.int64] | None,
    classes: Sequence[str],
    chosen: int | None = None,
) -> dict[str, bytes]:
    """Draw all pictures of a run, given its history by metric.

    For the arguments, see the functions below; `confusion` is None for a run that was not tested.
    `chosen` is the epoch that early stopping chose, or None.

    Returns:
        By file name, PNG images: `cost.png` and `accuracy.png` if the history has values, and
        `confusion.png` if there are counts.
    """
    pictures = {}
    if len(history.get("loss", ())):
        pictures["cost.png"] = png(cost_curve(history["loss"], learning_rate, chosen))
    if len(history.get("accuracy", ())):
        pictures["accuracy.png"] = png(accuracy_curve(history, chosen))
    if confusion is not None:
        pictures["confusion.png"] = png(confusion_matrix(confusion, classes))
    return pictures


def png(figure: "Figure") -> bytes:
    """Return a figure as the bytes of a PNG image, without transparency."""
    from PIL import Image

    canvas: FigureCanvasAgg = figure.canvas
    canvas.draw()
    buffer = BytesIO()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.save(buffer, "png", compress_level=4, dpi=(_DPI, _DPI))  # 6 is not smaller
    figure.set_layout_engine(None)  # The layout also fits other numbers.
    return buffer.getvalue()


def cost_curve(
    loss: NDArray[np.float64], learning_rate: float, chosen: int | None = None, every: int = 5
) -> "Figure":
    """Plot the cost of every fifth epoch, titled with the learning rate.

    The form is that of the published series: epochs 1, 6, 11, ... on a linear scale. If that leaves
    fewer than five points, all epochs are shown. A cost that grew a hundredfold is shown on a
    logarithmic scale, and the first epoch whose cost is not finite is marked.

    The loss has one value per epoch, float64 of shape (epochs,); it may contain NaN and infinities.
    """
    figure, axes = _canvas("cost")
    step = every if len(loss) > 4 * every else 1
    shown = np.where(np.isfinite(loss), loss, np.nan)[::step]
    epochs = np.arange(1, len(loss) + 1, step)
    axes.plot(epochs, shown, color=_BLUE, linewidth=1.4, marker=_marker(shown), markersize=4)
    axes.set_title(f"Learning rate = {learning_rate:g}", y=1)
    axes.set_xlabel("epoch" if step == 1 else f"epoch (every {_ordinal(step)} is shown)")
    axes.set_ylabel("cost")
    if _has_exploded(shown):
        axes.set_yscale("log")
        axes.set_ylabel("cost (logarithmic)")
    _fit_epochs(axes, len(loss))
    _mark_divergence(axes, loss)
    if chosen is not None:
        _mark_chosen(axes, chosen)
        axes.legend(loc="best", frameon=False)
    return figure


def accuracy_curve(
    history: Mapping[str, NDArray[np.float64]], chosen: int | None = None
) -> "Figure":
    """Plot the accuracy of every epoch on the training set and on any held-out samples.

    The history has float64 of shape (epochs,) for `accuracy` and optionally `val_accuracy`.
    """
    figure, axes = _canvas("accuracy")
    for name, label, colour in (
        ("accuracy", "train", _BLUE),
        ("val_accuracy", "validation", _ORANGE),
    ):
        if name in history:
            values = history[name]
            axes.plot(
                np.arange(1, len(values) + 1),
                values,
                color=colour,
                linewidth=1.0,
                marker=_marker(values),
                markersize=4,
                label=label,
            )
    axes.set_title("Accuracy", y=1)
    axes.set_xlabel("epoch")
    axes.set_ylabel("share of samples classified correctly")
    axes.set_ylim(-0.02, 1.02)
    _fit_epochs(axes, len(history["accuracy"]))
    if chosen is not None:
        _mark_chosen(axes, chosen)
    axes.legend(loc="best", frameon=False)
    return figure


def confusion_matrix(counts: NDArray[np.int64], classes: Sequence[str]) -> "Figure":
    """Plot the confusion matrix: int64 of shape (classes, classes), with the names of the classes.

    Rows are true classes, columns predicted ones, both in the order of the labels. Colours show
    shares of the true class, numbers show counts: with many classes, only those of the most
    frequent confusions. Long names are shortened. A name for which no font is installed is replaced
    by its label.
    """
    many, names = len(classes), [_shortened(name) for name in classes]
    if len(set(names)) < many:
        names = [f"{label}: {name}" for label, name in enumerate(names)]
    longest = max(map(len, names), default=0)
    side = min(max(4.8, 0.32 * many + 1.4 + 0.08 * longest), 15.0)
    figure, axes = _canvas(("confusion", *classes), side, side, fitted=True)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    size = 11 if many <= 10 else 6.5
    families, unknown = _fonts(frozenset("".join(names)))
    names = [f"label {n}" if unknown.intersection(each) else each for n, each in enumerate(names)]
    shown = slice(None, None, -(-many // _MOST_NAMES))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(range(many)[shown], labels=names[shown], fontsize=min(size + 1, 10))
        for label in axis.get_ticklabels():
            label.set(parse_math=False, family=families)  # Names may contain dollar signs.
    if many > 10 or longest > 4:
        axes.tick_params(axis="x", labelrotation=90)
    for row, column in _numbered(counts):
        colour = "white" if shares[row, column] > 0.55 else _INK
        count = axes.text(column, row, str(counts[row, column]), color=colour, size=size)
        count.set(ha="center", va="center", in_layout=False)  # Laying out 900 texts takes 2 s.
    correct, total = int(np.trace(counts)), int(counts.sum())
    axes.set_title(f"Test set: {correct:,} of {total:,} correct")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    return figure


def _shortened(name: str) -> str:
    """Return a name without its middle part, if it is long: many names differ at their ends."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:16]}…{name[-7:]}"


@cache
def _fonts(characters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Return the font families that show characters, and the characters that no font has.

    The installed fonts are only read if the default font lacks a character.
    """
    from matplotlib.font_manager import findfont, fontManager, get_font

    families, missing = [_FONT], set(characters)
    missing -= set(map(chr, get_font(findfont(_FONT)).get_charmap()))
    for font in fontManager.ttflist:
        if not missing:
            break
        try:
            had = missing.intersection(map(chr, get_font(font.fname).get_charmap()))
        except (OSError, RuntimeError):  # Removed since matplotlib listed it, or damaged.
            continue
        if had and "Last Resort" not in font.name:  # It has boxes for all characters.
            families.append(font.name)
            missing -= had
    return families, frozenset(missing)


def _numbered(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row and column of each count that is shown as a number, of shape (n, 2)."""
    if len(counts) <= _MOST_WITH_NUMBERS:
        return np.argwhere(counts)
    confused = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    largest = np.argsort(-confused, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    places = np.stack(np.unravel_index(largest, counts.shape), axis=1)
    return places[confused.flat[largest] > 0]


_kept = threading.local()
"""The figures of a thread, by purpose."""

_MOST_KEPT = 8


def _canvas(
    purpose: object, width: float = 6.4, height: float = 4.0, *, fitted: bool = False
) -> tuple["Figure", "Axes"]:
    """Return an empty figure with one pair of axes in the common style; its size is in inches.

    Figures of the same purpose differ only in their data. A fitted figure makes room for labels of
    any size.
    """
    figures: dict[object, Figure] = _kept.__dict__.setdefault("figures", {})
    if purpose in figures:
        axes = figures[purpose].axes[0]
        _empty(axes)
    else:
        if len(figures) >= _MOST_KEPT:
            figures.clear()
        figures[purpose], axes = _new_canvas(width, height, fitted=fitted)
    return figures[purpose], axes


def _empty(axes: "Axes") -> None:
    """Remove everything that a picture added to a new canvas, except ticks."""
    for artist in (*axes.lines, *axes.texts, *axes.images):
        artist.remove()
    if legend := axes.get_legend():
        legend.remove()
    if axes.get_yscale() != "linear":
        axes.set_yscale("linear")
    axes.relim()
    axes.autoscale()


def _new_canvas(width: float, height: float, *, fitted: bool) -> tuple["Figure", "Axes"]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained" if fitted else None)
    if not fitted:
        figure.subplots_adjust(left=0.12, right=0.98, bottom=0.125, top=0.92)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if not fitted:
        # Searching for a place beside the ticks takes a third of the time.
        axes.xaxis.set_label_coords(0.5, -0.08)
        axes.yaxis.set_label_coords(-0.09, 0.5)
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _fit_epochs(axes: "Axes", epochs: int) -> None:
    """Make the x-axis span all epochs, with whole numbers as ticks."""
    from matplotlib.ticker import MaxNLocator

    if epochs <= 10:
        axes.set_xticks(range(1, epochs + 1))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    margin = max(0.02 * (epochs - 1), 0.5 if epochs < 20 else 1.0)
    axes.set_xlim(1 - margin, epochs + margin)


def _mark_divergence(axes: "Axes", loss: NDArray[np.float64]) -> None:
    """Draw a line at the first epoch whose loss is not finite, if there is one."""
    bad = np.flatnonzero(~np.isfinite(loss))
    if not len(bad):
        return
    epoch = int(bad[0]) + 1
    what = "NaN" if np.isnan(loss[bad[0]]) else "infinite"
    axes.axvline(epoch, color=_RED, linewidth=1.2, linestyle="--")
    on_the_left = epoch > len(loss) / 2
    axes.annotate(
        f"{what} from epoch {epoch}",
        xy=(epoch, 0.95),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if on_the_left else 6, 0),
        textcoords="offset points",
        ha="right" if on_the_left else "left",
        va="top",
        color=_RED,
    )


def _mark_chosen(axes: "Axes", epoch: int) -> None:
    """Draw a line at the epoch that early stopping chose."""
    axes.axvline(epoch, color=_INK, linewidth=0.8, linestyle=":", label=f"chosen: epoch {epoch:,}")


def _has_exploded(values: NDArray[np.float64]) -> bool:
    """Whether the largest value is more than a hundred times the first one."""
    finite = values[np.isfinite(values)]
    return len(finite) > 0 and bool(finite.min() > 0) and bool(finite.max() > 100 * finite[0])


def _marker(values: NDArray[np.float64]) -> str | None:
    """Return a marker for curves that are too short for a visible line."""
    return "o" if len(values) <= 20 else None


def _ordinal(number: int) -> str:
    """Return `2nd`, `5th` and so on."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
