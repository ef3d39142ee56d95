"""The process that draws a search: `python -m signs_sweep.search.study.drawing`.

It reads a pickled `Sketch` from its standard input and writes the pickled files, by name, to its
standard output. Being alone in its process, it may use pyplot and set the style of all figures.
"""

import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from signs_sweep.search.study.page import page
from signs_sweep.search.study.pictures import ERROR_FILE
from signs_sweep.search.study.sketch import BLUE, CAPTIONS, COLOURS, ORANGE, Sketch

if TYPE_CHECKING:
    import optuna
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_INK = "#1f2933"
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": _INK,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "grid.color": "#d9dee3",
    "legend.frameon": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def draw(plan: Sketch) -> dict[str, bytes]:
    """Return the files of a sketch, by name; changes pyplot's state for good."""
    from matplotlib import RcParams, rcdefaults, rcParams, style

    rcdefaults()
    rcParams.update(_STYLE)
    style.library["ggplot"] = RcParams(_STYLE)  # Optuna's plots ask for this one
    study = _study(plan)
    files = {}
    errors = []
    for name in plan.pictures:
        try:
            files[f"{name}.png"] = _png(_DRAWN[name](study, plan), CAPTIONS[name].title)
        except Exception:  # noqa: BLE001  # a bug in one picture must not take the others
            errors.append(traceback.format_exc())
    try:
        files["search.html"] = page(study, plan, evaluator(plan.shares)).encode()
    except Exception:  # noqa: BLE001  # as above
        errors.append(traceback.format_exc())
    if errors:
        files[ERROR_FILE] = "\n".join(errors).encode()
    return files


def evaluator(shares: Mapping[str, float]) -> "optuna.importance.BaseImportanceEvaluator":
    """Return what lets Optuna plot these shares, so that the plot and the words agree."""
    from optuna.importance import BaseImportanceEvaluator

    class Known(BaseImportanceEvaluator):
        def evaluate(self, *_: object, **__: object) -> dict[str, float]:
            return dict(shares)

    return Known()


def _study(plan: Sketch) -> "optuna.Study":
    """Rebuild the study in memory."""
    import optuna

    study = optuna.create_study(direction=plan.direction)
    study.add_trials(plan.trials)
    return study


def _png(figure: "Figure", title: str) -> bytes:
    """Return a figure as the bytes of a PNG image, under one title, and close it."""
    from matplotlib import pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for axes in figure.axes:
        axes.set_title("", loc="left")
        axes.set_title("")
    figure.suptitle(title, fontsize=12)
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)  # `savefig` would draw twice for the layout
    plt.close(figure)
    return buffer.getvalue()


def _history(study: "optuna.Study", plan: Sketch) -> "Figure":
    from optuna.visualization.matplotlib import plot_optimization_history

    figure, axes = _sized(plot_optimization_history(study, target_name=plan.objective), 6.4, 4)
    _whole_numbers(axes.xaxis)
    axes.set_xlabel("trial")
    (best,) = axes.lines
    best.set(drawstyle="steps-post", color=ORANGE, alpha=1)
    axes.collections[0].set_color(BLUE)
    _legend(axes, {"completed trial": axes.collections[0], "best so far": best})
    return figure


def _importances(study: "optuna.Study", plan: Sketch) -> "Figure":
    from optuna.visualization.matplotlib import plot_param_importances

    figure, axes = _sized(
        plot_param_importances(study, evaluator=evaluator(plan.shares)),
        6.4,
        1.6 + 0.4 * len(plan.shares),
    )
    _remove_legend(axes)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"share of the variation in {plan.objective}")
    axes.set_ylabel("")
    for bar, share in zip(axes.patches, axes.texts, strict=True):
        bar.set_color(BLUE)
        share.set_text(f" {share.get_text()}")  # off the end of the bar
    return figure


def _slice(study: "optuna.Study", plan: Sketch) -> "Figure":
    import numpy as np
    from optuna.visualization.matplotlib import plot_slice

    drawn = plot_slice(study, params=list(plan.varied), target_name=plan.objective)
    columns: list[Axes] = [*np.atleast_1d(np.asarray(drawn))]
    figure, _ = _sized(columns[0], max(6.4, 1.2 + 2.6 * len(columns)), 4)
    for axes in columns:
        _readable_categories(axes)
        _readable_logarithms(axes.xaxis)
    bar = figure.axes[-1]
    bar.set_ylabel("trial")
    _whole_numbers(bar.yaxis)
    return figure


def _parallel_coordinates(study: "optuna.Study", plan: Sketch) -> "Figure":
    from matplotlib.colors import ListedColormap
    from optuna.visualization.matplotlib import plot_parallel_coordinate

    figure, axes = _sized(
        plot_parallel_coordinate(study, params=list(plan.varied), target_name=plan.objective),
        1.8 + 1.6 * len(plan.varied),
        4,
    )
    (lines,) = axes.collections
    colours = lines.get_cmap()(range(256))
    lines.set_cmap(ListedColormap(colours[colours[:, 0] < 0.85]))  # the palest cannot be seen
    lines.set_alpha(0.8)
    axes.tick_params(axis="x", labelrotation=0, length=0, pad=8)
    for one in figure.axes:
        one.grid(visible=False)
        _readable_logarithms(one.yaxis)
        one.minorticks_off()
        one.spines["right"].set_visible(one is not axes)
        for label in one.get_yticklabels():
            label.set_bbox({"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1})
    return figure


def _intermediate_values(study: "optuna.Study", plan: Sketch) -> "Figure":
    from optuna.visualization.matplotlib import plot_intermediate_values

    figure, axes = _sized(plot_intermediate_values(study), 6.4, 4)
    _whole_numbers(axes.xaxis)
    axes.set_xlabel("step")
    axes.set_ylabel(plan.objective)
    _remove_legend(axes)
    shown: dict[str, Artist] = {}
    for line, (_, word) in zip(axes.lines, plan.with_steps(), strict=True):
        line.set(color=COLOURS[word], alpha=0.6, linewidth=1, markersize=3)
        shown[word] = line
    _legend(axes, shown)
    return figure


_DRAWN: dict[str, Callable[["optuna.Study", Sketch], "Figure"]] = {
    "history": _history,
    "importances": _importances,
    "slice": _slice,
    "parallel_coordinates": _parallel_coordinates,
    "intermediate_values": _intermediate_values,
}


def _sized(axes: "Axes", width: float, height: float) -> tuple["Figure", "Axes"]:
    """Give the figure of these axes a size in inches, with room for all that is written."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(width, height)
    figure.set_layout_engine("constrained")
    return figure, axes


def _remove_legend(axes: "Axes") -> None:
    legend = axes.get_legend()
    if legend is not None:
        legend.remove()


def _legend(axes: "Axes", entries: Mapping[str, "Artist"]) -> None:
    """Say above the axes, where no data are, what is what."""
    axes.legend(
        list(entries.values()),
        list(entries),
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=len(entries),
    )


def _whole_numbers(axis: "Axis") -> None:
    """Mark whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def _readable_logarithms(axis: "Axis") -> None:
    """Label a logarithmic axis at powers of ten, or where it spans few of them in between too."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if axis.get_scale() != "log":
        return
    axis.set_minor_formatter(NullFormatter())
    low, high = axis.get_view_interval()
    if high < 50 * low:
        few = high < 8 * low
        axis.set_major_locator(MaxNLocator(3) if few else LogLocator(subs=(1, 3), numticks=6))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))


def _readable_categories(axes: "Axes") -> None:
    """Take the quotes off the names of categories, and turn them where they are long."""
    labels = [label.get_text() for label in axes.get_xticklabels()]
    if not any(label.startswith(("'", '"')) for label in labels):
        return
    axes.set_xticks(axes.get_xticks(), labels=[label.strip("'\"") for label in labels])
    if sum(map(len, labels)) > 20:
        for label in axes.get_xticklabels():
            label.set(rotation=35, ha="right", rotation_mode="anchor")


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Draw what the other end of the pipe asks for; end with the process whose id was given."""
    threading.Thread(target=_end_with, args=[int(sys.argv[1])], daemon=True).start()
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no picture
    plan: Sketch = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our own parent
    pickle.dump(draw(plan), output)
    output.close()


if __name__ == "__main__":
    main()
