"""The page of a search: Optuna's interactive plots in one file that works offline."""

import traceback
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from signs_sweep.searching.study.importances import (
    completed,
    describe_importances,
    evaluator,
    importances,
    importances_of_options,
    varied,
    without,
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
        title: heading above the plot.
        reading: how to read it; `{}` stands for the objective.
    """

    title: str
    reading: str


def draw_search(
    study: "optuna.Study", objective: str, collapsed: Collection[int] = ()
) -> dict[str, bytes]:
    """Draw the results of a search: a study with one objective, in any state, which is only read.

    Importances are those of the trials that did not collapse, given the numbers of those that did.

    Returns:
        Contents by file name: `search.html`, a page with all plots that show something and with
        plotly.js (5 MB), absent if no plot does. A plot that raises, which is a bug, is replaced by
        its traceback in `pictures_error.txt`, so that the search does not fail.
    """
    sections, errors = [], []
    learned = without(study, collapsed)
    for name in shown_plots(study, collapsed):
        drawn = learned if name == "importances" else study
        try:
            sections.append(_section(name, drawn, objective))
        except Exception:  # noqa: BLE001  # a bug in one plot must not cost the others
            errors.append(traceback.format_exc())
    files = {ERROR_FILE: "\n".join(errors).encode()} if errors else {}
    if sections:
        files[PAGE_FILE] = _page(study, learned, objective, sections).encode()
    return files


def shown_plots(study: "optuna.Study", collapsed: Collection[int] = ()) -> list[str]:
    """Return the names of the `PLOTS` that show something for this study, in order.

    `collapsed` are the numbers of the trials that do not count in importances.
    """
    done = completed(study)
    names = varied(done)
    shown = {
        "history": bool(done),
        "importances": bool(importances(without(study, collapsed))),
        "slice": bool(names),
        "parallel_coordinates": len(names) > 1 and len({trial.value for trial in done}) > 1,
        "intermediate_values": any(
            trial.intermediate_values and trial.state.name != "FAIL"
            for trial in study.get_trials(deepcopy=False)
        ),
    }
    return [name for name in PLOTS if shown[name]]


def _page(
    study: "optuna.Study", learned: "optuna.Study", objective: str, sections: Sequence[str]
) -> str:
    from plotly.offline import get_plotlyjs

    states = Counter(trial.state.name for trial in study.get_trials(deepcopy=False))
    parts = [f"{states[state]} {word}" for state, word in _STATES.items() if states[state]]
    counted = f"{states.total()} trial{'' if states.total() == 1 else 's'}: {', '.join(parts)}."
    counts = len(completed(learned)), len(completed(study)) - len(completed(learned))
    options = importances_of_options(learned)
    mattered = describe_importances(importances(learned), *counts, options)
    return _PAGE.format(
        objective=escape(objective),
        plotly=get_plotlyjs(),
        summary=escape(f"{counted} {mattered}"),
        sections="".join(sections),
    )


def _section(name: str, study: "optuna.Study", objective: str) -> str:
    plot = PLOTS[name]
    figure = draw_plot(name, study, objective).update_layout(title=None, margin={"t": 30})
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


def _without_gaps(study: "optuna.Study") -> "optuna.Study":
    """Return a copy whose trials are numbered without gaps, as Optuna's plot of the history needs.

    Trials that do not belong to the search are hidden, which leaves gaps.
    """
    import optuna

    copy = optuna.create_study(direction=study.direction)
    copy.add_trials(study.get_trials(deepcopy=False))
    return copy


def draw_plot(name: str, study: "optuna.Study", objective: str) -> "Figure":
    """Draw one of the `PLOTS`."""
    from optuna import visualization

    names = varied(completed(study))
    match name:
        case "history":
            figure = visualization.plot_optimization_history(
                _without_gaps(study), target_name=objective
            )
            # Optuna draws sloping lines between best values, as if there were values in between.
            return figure.update_traces(line_shape="hv", selector={"mode": "lines"})
        case "importances":
            return visualization.plot_param_importances(
                study, evaluator(), params=names, target_name=objective
            )
        case "slice":
            figure = visualization.plot_slice(study, names, target_name=objective)
            return figure.update_xaxes(exponentformat="power")  # Plotly writes 1e-4 as 100μ.
        case "parallel_coordinates":
            figure = visualization.plot_parallel_coordinate(study, names, target_name=objective)
            # Numbers are drawn between the lines.
            return figure.update_annotations(bgcolor="rgba(255,255,255,.75)")
        case _:
            figure = visualization.plot_intermediate_values(study)
            return figure.update_yaxes(title_text=objective)


PLOTS: Mapping[str, Plot] = {
    "history": Plot(
        "Progress of the search",
        "Each point is a completed trial; the line is the best {} so far. If the line has been "
        "flat for long, more trials are unlikely to gain much.",
    ),
    "importances": Plot(
        "Which parameters mattered",
        "The longer the bar, the more of the variation in {} between completed trials the "
        "parameter explains; trials that collapsed are left out. The bars sum to 1.",
    ),
    "slice": Plot(
        "Each parameter on its own",
        "Each point is a completed trial; later trials are darker. A parameter matters if the "
        "points rise or fall along its axis. Dark points cluster where the search concentrated.",
    ),
    "parallel_coordinates": Plot(
        "All parameters together",
        "Each line is a completed trial, from its {} on the left through its parameters; better "
        "trials are darker. Where dark lines converge, good trials share a value.",
    ),
    "intermediate_values": Plot(
        "Progress of the trials",
        "Each line is a trial, step by step; pruned trials end early. If lines cross late, early "
        "values are a poor guide, and pruning should start later.",
    ),
}
"""The plots by name, in the order of the page."""
