"""The figures of a report: functions of arrays and small tuples.

Each returns the text of an SVG image for a page of HTML, with one sentence that replaces it for a
reader who cannot see it. Axes and texts have the colour of the page's text (`currentColor`) and its
font, so that a figure follows the dark mode of its page. Figures are 350 px wide, which fits a
phone.
"""

from signs_sweep.figures.report.calibration import Reliability, calibration
from signs_sweep.figures.report.curves import Line, learning_curves
from signs_sweep.figures.report.drawing import Figure
from signs_sweep.figures.report.effects import Interval, intervals
from signs_sweep.figures.report.pictures import picture_png, weights_png
from signs_sweep.figures.report.search import TrialPoint, search_history
from signs_sweep.figures.report.strips import strip, strip_axis

__all__ = [
    "Figure",
    "Interval",
    "Line",
    "Reliability",
    "TrialPoint",
    "calibration",
    "intervals",
    "learning_curves",
    "picture_png",
    "search_history",
    "strip",
    "strip_axis",
    "weights_png",
]
