"""Learning curves of settings, with a band over their runs."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from signs_sweep.domain import CURVE_METRICS, Curve, Row
from signs_sweep.reporting.content import Band, SettingReport

_POINTS = 200
"""Epochs of a curve that are kept: a figure of 350 pixels shows no more."""

_BAND = (0.1, 0.5, 0.9)


def bands(
    settings: Sequence[SettingReport], curves: Mapping[str, Mapping[str, Curve]]
) -> dict[str, tuple[Band, ...]]:
    """Return by metric the curves of the settings that have a colour.

    Args:
        settings: the settings.
        curves: by location of a record and metric.
    """
    coloured = [setting for setting in settings if setting.colour is not None]
    found = {
        name: tuple(
            band
            for setting in coloured
            if (band := _band(setting, _curves_of(setting.replicates.rows, curves, name)))
        )
        for name in CURVE_METRICS
    }
    return {name: each for name, each in found.items() if each}


def _curves_of(
    rows: Sequence[Row], curves: Mapping[str, Mapping[str, Curve]], name: str
) -> list[Curve]:
    locations = [row.result.location for row in rows if row.result and row.result.location]
    known = [curves.get(location, {}).get(name) for location in locations]
    return [curve for curve in known if curve is not None and len(curve.epochs)]


def _band(setting: SettingReport, curves: Sequence[Curve]) -> Band | None:
    if not curves:
        return None
    last = max(int(curve.epochs[-1]) for curve in curves)
    table = np.full((len(curves), last), np.nan)
    for row, curve in zip(table, curves, strict=True):
        row[curve.epochs - 1] = curve.values
    table[~np.isfinite(table)] = np.nan
    shown = np.unique(np.linspace(0, last - 1, min(last, _POINTS)).round().astype(np.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # An epoch without a finite value is a gap.
        low, middle, high = np.nanquantile(table[:, shown], _BAND, axis=0)
    return Band(setting.name, setting.colour, len(curves), shown + 1, middle, low, high)
