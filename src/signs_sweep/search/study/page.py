"""The page of a search: Optuna's interactive plots in one file that needs no network."""

from html import escape
from typing import TYPE_CHECKING

from signs_sweep.search.study.sketch import BLUE, CAPTIONS, COLOURS, ORANGE, Sketch

if TYPE_CHECKING:
    import optuna
    from plotly.graph_objects import Figure

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Search: {objective}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 72rem; margin: 2rem auto;
  padding: 0 1rem; }}
h2 {{ margin: 2.5rem 0 0; }}
p {{ margin: .3rem 0; max-width: 45rem; }}
.wide {{ overflow-x: auto; }}
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


def page(
    study: "optuna.Study",
    plan: Sketch,
    evaluator: "optuna.importance.BaseImportanceEvaluator",
) -> str:
    """Return the page as HTML, with plotly.js in it (5 MB).

    Args:
        study: the one of the sketch, rebuilt.
        plan: which pictures to show.
        evaluator: gives the importances to plot.
    """
    from plotly.offline import get_plotlyjs

    figures = _figures(study, plan, evaluator)
    sections = [
        _SECTION.format(
            title=escape(CAPTIONS[name].title),
            reading=escape(CAPTIONS[name].reading.format(plan.objective)),
            figure=_embedded(name, figures[name]),
        )
        for name in plan.pictures
    ]
    return _PAGE.format(
        objective=escape(plan.objective),
        plotly=get_plotlyjs(),
        summary=escape(plan.summary),
        sections="".join(sections),
    )


def _figures(
    study: "optuna.Study",
    plan: Sketch,
    evaluator: "optuna.importance.BaseImportanceEvaluator",
) -> "dict[str, Figure]":
    """Return the figure of each picture of the sketch."""
    from optuna import visualization

    names = list(plan.varied)
    objective = plan.objective
    figures = {}
    if "history" in plan.pictures:
        figure = visualization.plot_optimization_history(study, target_name=objective)
        figure.update_traces(line_shape="hv", selector={"mode": "lines"})
        figures["history"] = figure.update_xaxes(title_text="trial")
    if "importances" in plan.pictures:
        figure = visualization.plot_param_importances(study, evaluator=evaluator)
        figure.update_xaxes(title_text=f"share of the variation in {objective}")
        figures["importances"] = figure.update_yaxes(title_text="")
    if "slice" in plan.pictures:
        figure = visualization.plot_slice(study, params=names, target_name=objective)
        figures["slice"] = _fitted(figure, len(names))
    if "parallel_coordinates" in plan.pictures:
        figure = visualization.plot_parallel_coordinate(study, params=names, target_name=objective)
        figures["parallel_coordinates"] = figure.update_annotations(bgcolor="rgba(255,255,255,.75)")
    if "intermediate_values" in plan.pictures:
        figures["intermediate_values"] = _by_outcome(
            visualization.plot_intermediate_values(study), plan
        )
    return figures


def _fitted(figure: "Figure", columns: int) -> "Figure":
    """Fit up to four columns into the page, and take the quotes off the names of categories."""
    figure.update_layout(width=None if columns <= 4 else 270 * columns)
    figure.update_xaxes(exponentformat="power")
    for axis in figure.select_xaxes(lambda axis: axis.categoryarray is not None):
        axis.tickvals = axis.categoryarray
        axis.ticktext = [label.strip("'\"") for label in axis.categoryarray]
    return figure


def _by_outcome(figure: "Figure", plan: Sketch) -> "Figure":
    """Colour the lines of trials by how they ended, and name the axes."""
    for line, (number, word) in zip(figure.data, plan.with_steps(), strict=True):
        line.update(
            name=f"trial {number}, {word}", line={"color": COLOURS[word], "width": 1}, opacity=0.7
        )
    figure.update_xaxes(title_text="step")
    return figure.update_yaxes(title_text=plan.objective)


def _embedded(name: str, figure: "Figure") -> str:
    """Return a figure as a part of a page that holds plotly.js already."""
    figure.update_layout(
        title=None,
        template="plotly_white",
        colorway=[BLUE, ORANGE],
        margin={"t": 30},
        height=420,
    )
    html: str = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={"displaylogo": False, "responsive": True},
    )
    return html
