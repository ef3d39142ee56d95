"""The page of a search: Optuna's own interactive plots in one file that needs no network."""

import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from signs_sweep.searching.study.importances import (
    completed,
    evaluator,
    importances,
    in_words,
    varied,
)

if TYPE_CHECKING:
    import optuna
    from plotly.graph_objects import Figure

PAGE_FILE = "search.html"
ERROR_FILE = "pictures_error.txt"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Search: {objective}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: auto; padding: 1rem }}
h2 {{ margin: 2rem 0 0 }}
p {{ margin: .3rem 0; max-width: 45rem }}
.wide {{ overflow-x: auto }}
</style>
<script>{plotly}</script>
</head>
<body>
<h1>Search for the best {objective}</h1>
<p>{summary}</p>
{sections}
</body>
</html>
"""
_SECTION = """<section>
<h2>{title}</h2>
<p>{reading}</p>
<div class="wide">{figure}</div>
</section>
"""
_STATES = {
    "COMPLETE": "completed",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running",
    "WAITING": "waiting",
}


class Plot(NamedTuple):
    """A plot of a search.

    Attributes:
        title: what stands above it.
        reading: how to read it; `{}` is the objective.
        draw: returns it, given the study and the name of its objective.
    """

    title: str
    reading: str
    draw: "Callable[[optuna.Study, str], Figure]"


def draw_search(study: "optuna.Study", objective: str) -> dict[str, bytes]:
    """Draw what there is to see of a search.

    Args:
        study: with one objective, in any state; it is only read.
        objective: name of the metric, for the axes.

    Returns:
        By file name, `search.html`, one page with all plots that show something, with plotly.js in
        it (5 MB); no file where there are none. What went wrong with a plot, which is a bug, stands
        in `pictures_error.txt` in place of the plot: no search fails because of one.
    """
    sections, errors = [], []
    for name in shown_plots(study):
        try:
            sections.append(_section(name, study, objective))
        except Exception:  # noqa: BLE001  # a bug in one plot must not take the others
            errors.append(traceback.format_exc())
    files = {ERROR_FILE: "\n".join(errors).encode()} if errors else {}
    if sections:
        files[PAGE_FILE] = _page(study, objective, sections).encode()
    return files


def shown_plots(study: "optuna.Study") -> list[str]:
    """Return which of `PLOTS` show something, in the order in which they are shown."""
    done = completed(study)
    names = varied(done)
    shown = {
        "history": bool(done),
        "importances": bool(importances(study)),
        "slice": bool(names),
        "parallel_coordinates": len(names) > 1 and len({trial.value for trial in done}) > 1,
        "intermediate_values": any(
            trial.intermediate_values and trial.state.name != "FAIL"
            for trial in study.get_trials(deepcopy=False)
        ),
    }
    return [name for name in PLOTS if shown[name]]


def _page(study: "optuna.Study", objective: str, sections: Sequence[str]) -> str:
    from plotly.offline import get_plotlyjs

    states = Counter(trial.state.name for trial in study.get_trials(deepcopy=False))
    parts = [f"{states[state]} {word}" for state, word in _STATES.items() if states[state]]
    counted = f"{states.total()} trial{'' if states.total() == 1 else 's'}: {', '.join(parts)}."
    mattered = in_words(importances(study), len(completed(study)))
    return _PAGE.format(
        objective=escape(objective),
        plotly=get_plotlyjs(),
        summary=escape(f"{counted} {mattered}"),
        sections="".join(sections),
    )


def _section(name: str, study: "optuna.Study", objective: str) -> str:
    plot = PLOTS[name]
    figure = plot.draw(study, objective).update_layout(title=None, margin={"t": 30})
    return _SECTION.format(
        title=escape(plot.title),
        reading=escape(plot.reading.format(objective)),
        figure=figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=name,
            config={"displaylogo": False, "responsive": True},
        ),
    )


def _history(study: "optuna.Study", objective: str) -> "Figure":
    from optuna.visualization import plot_optimization_history

    figure = plot_optimization_history(study, target_name=objective)
    # Optuna draws straight lines from one best value to the next, as if there were some in between.
    return figure.update_traces(line_shape="hv", selector={"mode": "lines"})


def _importances(study: "optuna.Study", objective: str) -> "Figure":
    from optuna.visualization import plot_param_importances

    names = varied(completed(study))
    return plot_param_importances(study, evaluator(), params=names, target_name=objective)


def _slice(study: "optuna.Study", objective: str) -> "Figure":
    from optuna.visualization import plot_slice

    names = varied(completed(study))
    figure = plot_slice(study, names, target_name=objective)
    return figure.update_xaxes(exponentformat="power")  # Plotly writes 1e-4 as 100μ.


def _parallel_coordinates(study: "optuna.Study", objective: str) -> "Figure":
    from optuna.visualization import plot_parallel_coordinate

    names = varied(completed(study))
    figure = plot_parallel_coordinate(study, names, target_name=objective)
    return figure.update_annotations(bgcolor="rgba(255,255,255,.75)")  # Numbers between lines.


def _intermediate_values(study: "optuna.Study", objective: str) -> "Figure":
    from optuna.visualization import plot_intermediate_values

    return plot_intermediate_values(study).update_yaxes(title_text=objective)


PLOTS: Mapping[str, Plot] = {
    "history": Plot(
        "How the search went",
        "Each point is a completed trial, the line the best {} so far. Where the line has long "
        "been flat, more trials are likely to gain little.",
        _history,
    ),
    "importances": Plot(
        "Which parameters mattered",
        "The longer the bar, the more of the variation in {} between completed trials goes with "
        "that parameter; the bars sum to 1.",
        _importances,
    ),
    "slice": Plot(
        "Each parameter by itself",
        "Each point is a completed trial, darker the later it came. A parameter matters where the "
        "points rise or fall along it; dark points crowd where the search looked closer.",
        _slice,
    ),
    "parallel_coordinates": Plot(
        "All parameters together",
        "Each line is a completed trial, from its {} on the left through its parameters; the "
        "darker, the better. Where the dark lines meet, good trials have that value in common.",
        _parallel_coordinates,
    ),
    "intermediate_values": Plot(
        "How the trials went",
        "Each line is one trial, step by step; a pruned one ends early. Where lines cross late, an "
        "early look is a poor guide, so prune later.",
        _intermediate_values,
    ),
}
"""By name, in the order in which they are shown."""
