"""`signs-sweep init`: a first spec for a dataset."""

import json
import math
import os
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from signs_sweep.errors import DataError, UsageError

if TYPE_CHECKING:
    from signs_sweep.data import Dataset

_TEMPLATE = Template("""\
# A first experiment, written by signs-sweep init. Change what you like.
#
#   $plan
#   $run
#
# The first command shows what would be trained, the second trains it: up to $minutes on two cores.

# The name of the experiment, also in MLflow.
name: $name

# The question, for people.
description: Is a wider network better?

# The dataset: $sizes images of $shape in $classes classes.
# A path is relative to this file.
data: $data

$holding

# What all runs share.
base:
  learning_rate: $rate   # size of the steps of the optimizer, Adam
  batch_size: $batch   # images for each step
  epochs: $epochs   # how often a run sees every training image

# What varies: every value is trained. Other parameters vary in the same way, such as l2: [0, 0.01]
grid:
  hidden: [[$narrow], [$wide]]   # units of each hidden layer, from the images to the classes

# Runs that differ only in their seeds have different results. A difference can be seen from 7 seeds
$seeds

# What the other values are compared with.
baseline: {hidden: [$narrow]}
""")

_SHARE = """\
# The share of the training images that is held out. The settings are compared by these images, not
# by the test images.
validation: 0.2"""
_GIVEN = """\
# The settings are compared by the validation set that came with the data, not by the test images.
validation: given"""
_FOLDS = """\
# There are few training images, so each of them is held out once: five networks for every seed. The
# settings are compared by the mean of the five, not by the test images.
split: {folds: 5}"""
_TEST = """\
# There are too few training images to hold any out, so settings are compared by the test images.
# The best of many settings is partly lucky with these: judge it again on images that are new.
validation: 0"""

_MOST_SEEDS = 16
_GROWING = f"""\
# on. Every value gets further seeds until it is clear whether it differs from the baseline.
seeds: {{until: clear, at_least: 8, at_most: {_MOST_SEEDS}}}"""
_FIXED = f"""\
# on. Their number must not depend on results by the test images.
seeds: {_MOST_SEEDS}"""

_FEWEST_HELD_OUT = 100
"""With fewer held-out images, an accuracy is too coarse to compare settings by."""

_NETWORKS = ((25, 12), (50, 25), (200, 100))
"""Hidden layers of the narrow network, for few classes first."""
_WIDER = 4
"""How many times as many units the wide network has. On the photos of signs, that is the clearest
difference between two networks (experiments/width.yaml)."""
_MANY_INPUTS = 4096
"""With as many values in an image, a network without normalisation needs a small learning rate."""
_STEPS = 2700
"""Steps of a run after which a network of this kind has learned most of what it can."""
_SECONDS = 12
"""Longest time of a run."""
_OF_A_RUN = 2
"""Seconds that a run takes besides its epochs, with its record."""
_SPEED = 40e9
"""Operations per second with which a worker trains; see docs/benchmarks.md."""

_PACKED = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".csv", ".npz"}
_MOST_LOOKED_AT = 10_000


def write_first_spec(folder: Path | None, file: Path) -> int:
    """Write a first spec, and what to do next; return the exit code.

    Args:
        folder: folder of the data; if None, it is `SIGNS_DATA` or `data`, or else the data are
            drawn.
        file: where to write the spec.

    Raises:
        UsageError: the file exists or cannot be written, or the folder does not exist.
        DataError: the folder has no dataset and no pictures.
    """
    from signs_sweep.cli.output import say, show_commands, write
    from signs_sweep.commands.options import SharedOptions
    from signs_sweep.data import find_source

    if file.exists():
        raise UsageError(f"{file} already exists; name another file, as in -o another.yaml")
    found = _folder(folder)
    if found is None and Path("data").is_dir() and not _is_dataset(Path("data")):
        found = Path("data")
    command = SharedOptions().command
    if found is not None and not _is_dataset(found):
        bare = found.with_name(found.name.split(".")[0]) if found.is_file() else found
        is_data = bare.resolve() == Path("data").resolve()
        target = Path("mine") if is_data else Path("data", _name(bare).removeprefix("first_"))
        say(f"{found} has pictures, which have to be imported first:")
        show_commands(
            [
                ("import", command("data", "import", found, "-o", target)),
                ("then", command("init", target, "-o", file)),
            ]
        )
        return 2
    data = "drawn" if found is None else str(found.absolute())
    dataset = find_source(data, data_dir=None, spec_folder=Path(), is_validated=None).load()
    if found is None:
        say(
            "note: there is no dataset in data, so the spec uses the drawn images. Name the folder "
            "of a dataset to use that, as in signs-sweep init FOLDER."
        )
    plan, run = command("plan", file), command("run", file)
    text = first_spec(dataset, found, file, (plan, run))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error
    write(text, file)
    show_commands([("what would be trained", plan), ("train", run)])
    return 0


def _folder(folder: Path | None) -> Path | None:
    """Return the folder to start with, or None for the drawn dataset."""
    from signs_sweep.data import TEST_FILE, TRAIN_FILE

    named = folder or os.environ.get("SIGNS_DATA")
    if named is None:
        own = Path("data")
        if any((own / file).exists() for file in (TRAIN_FILE, TEST_FILE)):
            return own
        below = [file.parent for file in sorted(own.glob(f"*/{TRAIN_FILE}"))]
        if len(below) > 1:
            raise UsageError(f"name one of the datasets in data: {', '.join(map(str, below))}")
        return below[0] if below else None
    if not Path(named).exists():
        raise UsageError(f"the folder {named} does not exist")
    return Path(named)


def _is_dataset(folder: Path) -> bool:
    """Return whether a folder has a dataset, or neither that nor pictures to import."""
    from signs_sweep.importing.files import SUFFIXES

    if not folder.is_dir():
        return folder.suffix.lower() not in _PACKED
    if any(file.suffix in {".h5", ".hdf5"} for file in folder.iterdir()):
        return True
    files = islice(folder.rglob("*"), _MOST_LOOKED_AT)
    return not any(file.suffix.lower() in SUFFIXES for file in files)


def first_spec(dataset: "Dataset", folder: Path | None, file: Path, commands: Sequence[str]) -> str:
    """Return the text of a spec that asks one question, and gets a verdict in minutes.

    Args:
        dataset: the data, with its given validation set if there is one.
        folder: the folder of the data, or None for the drawn dataset.
        file: where the spec will be.
        commands: the commands that plan and run it.
    """
    holding, training, networks = _holding(dataset)
    classes, shape = len(dataset.classes), dataset.image_shape
    narrow = next((each for each in _NETWORKS if each[1] >= 2 * classes), _NETWORKS[-1])
    wide = tuple(_WIDER * units for units in narrow)
    inputs = math.prod(shape)
    batch = 128 if training >= 10_000 else 32
    batch = min(batch, 1 << max(training // 4, 1).bit_length() - 1)
    steps = -(-training // batch)
    seconds = (6 * training * inputs * wide[0] / _SPEED + steps * 2e-4) * networks
    epochs = _rounded(max(min(_STEPS / steps, _SECONDS / seconds, 1000), 5))
    plan, run = commands
    return _TEMPLATE.substitute(
        plan=plan,
        run=run,
        minutes=_minutes((epochs * seconds + _OF_A_RUN * networks) * _MOST_SEEDS),
        name=_name(folder),
        sizes=_sizes(dataset),
        shape=" x ".join(map(str, shape)),
        classes=classes,
        data="drawn" if folder is None else _path(folder, file),
        holding=holding,
        narrow=", ".join(map(str, narrow)),
        wide=", ".join(map(str, wide)),
        rate="1e-4" if inputs >= _MANY_INPUTS else "1e-3",
        batch=batch,
        epochs=epochs,
        seeds=_FIXED if holding is _TEST else _GROWING,
    )


def _holding(dataset: "Dataset") -> tuple[str, int, int]:
    """Return how images are held out, how many are trained on, and networks for each seed."""
    amount = len(dataset.train_labels)
    if dataset.given:
        return _GIVEN, amount - dataset.given, 1
    is_small = 0.2 * amount < _FEWEST_HELD_OUT
    for text, folds in ((_FOLDS, 5),) if is_small else ((_SHARE, 0), (_FOLDS, 5)):
        try:
            training, _ = dataset.split(0.2, folds)
        except DataError:  # A class or its groups are too few.
            continue
        return text, len(training), max(folds, 1)
    return _TEST, amount, 1


def _rounded(number: float) -> int:
    """Return a number with its first digit, or its first two from 10 to 19."""
    unit = 10 ** max(math.floor(math.log10(number)), 0)
    unit = unit // 10 or 1 if number < 2 * unit else unit
    return round(number / unit) * unit


def _minutes(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def _name(folder: Path | None) -> str:
    """Return a name for the experiment; with `first_`, no folder makes it invalid."""
    name = "drawn" if folder is None else folder.resolve().name
    return f"first_{re.sub('[^A-Za-z0-9_.-]', '_', name)[:80]}".rstrip(".-")


def _sizes(dataset: "Dataset") -> str:
    parts = (len(dataset.train_labels) - dataset.given, dataset.given, len(dataset.test_labels))
    return " + ".join(f"{part:,}" for part in parts if part)


def _path(folder: Path, file: Path) -> str:
    """Return the path of the data from the spec, in quotes; never the name of a known dataset."""
    try:
        path = Path(os.path.relpath(folder.resolve(), file.resolve().parent)).as_posix()
    except ValueError:  # On another drive.
        path = folder.resolve().as_posix()
    is_inside = not path.startswith((".", "/")) and not Path(path).is_absolute()
    return json.dumps(f"./{path}" if is_inside else path, ensure_ascii=False)
