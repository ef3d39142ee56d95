"""What `predict` and `export` print."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from signs_sweep.cli.output import check_writable, say, write
from signs_sweep.cli.streams import bars, width_of
from signs_sweep.cli.text import columns
from signs_sweep.commands.models import Choice, Named, find_named
from signs_sweep.commands.options import PredictionFormat, SeedOptions
from signs_sweep.commands.predicting import (
    Prediction,
    export_model,
    predict_photos,
    prediction_table,
)
from signs_sweep.data import photo_sheet
from signs_sweep.domain import METRICS
from signs_sweep.domain.formats import count, measure
from signs_sweep.importing.phases import OnProgress
from signs_sweep.importing.photos import find_photos

_LEAST_SHOWN = 0.05
"""Further classes of a photo are shown from this probability on."""

_MOST_ON_SHEET = 120

_LEAST_NAME = 12
"""Letters of the name of a photo that are always shown."""

_UNFAMILIAR = "unlike the training data"


def predict_images(
    run: str,
    images: list[Path],
    shared: SeedOptions,
    form: PredictionFormat,
    sheet: Path | None,
) -> int:
    """Classify photos, and return the exit code: 1 if any is unreadable.

    Raises:
        SignsSweepError: see `find_named` and `predict_photos`.
    """
    if sheet is not None:
        photos = (each for each in find_photos(images) if isinstance(each, Path))
        check_writable(sheet, photos)
    named = find_named(run, shared)
    _describe(named)
    results: list[Prediction] = []
    with _progress() as on_progress:
        for each in predict_photos(
            *(named, images, shared.tracking_uri), is_worker=True, on_progress=on_progress
        ):
            if sheet is None or len(results) >= _MOST_ON_SHEET:
                each = each.without_image()  # noqa: PLW2901 - thousands of photos may follow
            results.append(each)
    if form is PredictionFormat.TEXT:
        sys.stdout.write(prediction_text(results, named, width_of(sys.stdout)))
    else:
        table = prediction_table(results, named)
        if form is PredictionFormat.CSV:
            text = table.to_csv(index=False)
        else:
            text = table.to_json(orient="records", indent=2, double_precision=15) + "\n"
        sys.stdout.write(text)
    sys.stdout.flush()
    failed = [each for each in results if each.photo.reason is not None]
    for each in failed:
        say(f"error: {each.photo.name}: {each.photo.reason}")
    if sheet is not None and len(failed) < len(results):
        write(_sheet(results, named), sheet)
    return int(bool(failed))


@contextmanager
def _progress() -> Iterator[OnProgress]:
    with bars("{task.completed:,.0f} of {task.total:,.0f}") as shown:
        task = shown.add_task("photos", visible=False)
        yield lambda _, done, total: shown.update(task, completed=done, total=total, visible=True)


def _describe(named: Named) -> None:
    """Write which runs were chosen, and which of them failed to learn."""
    if (setting := named.setting) is not None:
        metric, mean = METRICS[named.metric].title, measure(setting.mean(named.metric))
        of_setting = f"the best setting ({named.title or 'the only one'}), whose {metric} is {mean}"
        of_setting += f" on average over {count(len(setting.scores(named.metric)), 'seed')}"
        if named.choice is Choice.BEST:
            (row,) = named.rows
            own = measure(row.counted(named.metric))
            say(f"{named.name} is the run {row.run_id} with {metric} {own}, of {of_setting}")
        else:
            say(f"{named.name} averages {count(len(named.rows), 'run')} of {of_setting}")
    failed = [row.run_id for row in named.rows if row.failed_to_learn]
    if failed:
        rest = f" and {len(failed) - 3:,} more" if len(failed) > 3 else ""
        say(
            f"note: {', '.join(failed[:3])}{rest} collapsed: such a network gives every image the "
            "same class"
        )


def prediction_text(predictions: Sequence[Prediction], named: Named, width: int | None) -> str:
    """Return a table with a line for each readable photo.

    Args:
        predictions: those for photos.
        named: the runs whose models predict.
        width: columns of the terminal, or None for no limit.
    """
    results = [each for each in predictions if each.probabilities is not None]
    if not results:
        return ""
    cells = {
        "class": [each.ranked[0][0] for each in results],
        "prob.": [f"{each.ranked[0][1]:.3f}" for each in results],
    }
    if named.choice is Choice.ENSEMBLE:
        cells["agree"] = [f"{each.agreeing} of {len(named.rows)}" for each in results]
    others = {"otherwise": [_others(each) for each in results]}
    remarks = {"remark": [_UNFAMILIAR if each.is_unfamiliar else "" for each in results]}
    needed = remarks if any(remarks["remark"]) else others
    names = [each.photo.name for each in results]
    if width is not None:
        rest = width - max(map(len, columns((cells | needed).items()))) - 2
        names = [_end(name, max(rest, _LEAST_NAME)) for name in names]
    table = {"photo": names} | cells | others | remarks
    shown = {name: values for name, values in table.items() if any(values)}
    lines = columns(shown.items(), width, droppable=("otherwise",))
    return "".join(f"{line}\n" for line in lines)


def _end(name: str, most: int) -> str:
    """Return a path without its beginning if it has more letters: files differ at the end."""
    return name if len(name) <= most else f"\N{HORIZONTAL ELLIPSIS}{name[1 - most :]}"


def _others(prediction: Prediction) -> str:
    """Return up to two other classes that are not improbable."""
    others = [(name, p) for name, p in prediction.ranked[1:3] if p >= _LEAST_SHOWN]
    return f"or {', '.join(f'{name} {p:.3f}' for name, p in others)}" if others else ""


def _sheet(results: list[Prediction], named: Named) -> bytes:
    """Return the contact sheet of the photos that were readable."""
    readable = [each for each in results if each.photo.reason is None]
    shown = readable[:_MOST_ON_SHEET]
    title = f"{named.name}: {count(len(shown), 'photo')}"
    if len(readable) > len(shown):
        title += f" of {len(readable):,}"
    captions = [
        [
            "{} {:.3f}".format(*each.ranked[0]),
            Path(each.photo.name).name,
            _UNFAMILIAR if each.is_unfamiliar else "",
        ]
        for each in shown
    ]
    images = [each.photo.image for each in shown if each.photo.image is not None]
    return photo_sheet(title, images, captions)


def export_to(run: str, output: Path, shared: SeedOptions) -> None:
    """Write the model of a run to a file.

    Raises:
        SignsSweepError: see `find_named` and `export_model`.
    """
    check_writable(output)
    named = find_named(run, shared)
    _describe(named)
    write(export_model(named, output, shared.tracking_uri), output)
