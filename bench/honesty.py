"""How often comparisons of equal settings end in a verdict. `make honesty` runs it.

It trains a pool of tiny networks (`pool.py`) and draws comparisons from it: of equal settings, and
of settings whose difference is known from the whole pool. Several procedures (`procedures.py`)
judge each comparison as its seeds arrive. `docs/honesty.md` explains the tables.
"""

import argparse
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pool import MEMBERS, Pool, Results, read_pool
from procedures import OPEN, PROCEDURES, SEEDS, Pairs, Procedure

from signs_sweep.executors import default_workers
from signs_sweep.statistics.replicates import half_width

FOLDER = Path(__file__).parents[1] / "build" / "honesty"

PART = 100
"""Seeds in a part of the pool; a comparison is drawn from a single part.

The comparisons from a part share runs, but the parts do not. The spread between parts therefore
gives an interval that is valid.
"""

RANDOM_SEED = 14


def main() -> None:
    """Train the runs that are missing in the pool, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--comparisons", type=int, default=20_000, help="for each column")
    options = parser.parse_args()
    pool, images = read_pool(FOLDER, options.workers)
    print("\n".join(report(pool, images, options.comparisons)))


@dataclass(frozen=True)
class Column:
    """Column of the same two settings, drawn from the pool: a column of a table.

    Attributes:
        title: the two settings.
        pairs: the comparisons, with arrays of shape (parts, comparisons, SEEDS).
        better: which is better in the whole pool: 1 for the first, -1 for the second setting, 0 if
            they are equal.
    """

    title: str
    pairs: Pairs
    better: int = 0

    def verdicts(self, procedure: Procedure) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the verdicts and after how many seeds, each of shape (parts, comparisons)."""
        verdicts = procedure(self.pairs)
        first = np.argmax(verdicts != OPEN, axis=-1)
        return np.take_along_axis(verdicts, first[..., np.newaxis], axis=-1)[..., 0], first + 1


def draw_equal(title: str, setting: Results, count: int, random: np.random.Generator) -> Column:
    """Draw comparisons of a setting with itself, over disjoint seeds."""
    seeds = _draw_seeds(len(setting.correct), 2 * SEEDS, count, random)
    return Column(title, _pairs(setting, seeds[..., :SEEDS], setting, seeds[..., SEEDS:]))


def draw_different(
    title: str, first: Results, second: Results, count: int, random: np.random.Generator
) -> Column:
    """Draw comparisons of two settings over the same seeds."""
    differences = _differences(first, second)
    seeds = _draw_seeds(len(differences), SEEDS, count, random)
    return Column(title, _pairs(first, seeds, second, seeds), int(np.sign(differences.sum())))


def exchange(title: str, drawn: Pairs, random: np.random.Generator) -> Column:
    """Exchange the results of each pair with probability 1/2, which makes the settings equal."""
    is_kept = random.random(drawn.values.shape) < 1 / 2
    values = np.where(is_kept, drawn.values, drawn.references)
    references = np.where(is_kept, drawn.references, drawn.values)
    return Column(title, Pairs(values, references, np.where(is_kept, 1, -1) * drawn.failing))


def _pairs(
    first: Results, seeds: NDArray[np.int64], second: Results, others: NDArray[np.int64]
) -> Pairs:
    """Pair the results of a setting for some seeds with those of a second for others."""
    failing = second.is_guessing[others].astype(np.int64) - first.is_guessing[seeds]
    return Pairs(first.correct[seeds], second.correct[others], failing)


def _draw_seeds(
    seeds: int, size: int, count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw `size` different seeds for each comparison, of shape (parts, comparisons, size)."""
    parts = seeds // PART
    numbers = np.tile(np.arange(PART), (parts, count // parts, 1))
    chosen = random.permuted(numbers, axis=-1)[..., :size]
    return chosen + PART * np.arange(parts)[:, np.newaxis, np.newaxis]


def _differences(first: Results, second: Results) -> NDArray[np.int64]:
    """Return the paired differences over the seeds that both settings have."""
    seeds = min(len(first.correct), len(second.correct))
    return first.correct[:seeds] - second.correct[:seeds]


def report(pool: Pool, images: int, count: int) -> list[str]:
    """Return the lines of the report, with Markdown tables.

    Args:
        pool: the results of the settings A to D.
        images: number of test images.
        count: comparisons to draw for each column of a table.
    """
    random = np.random.default_rng(RANDOM_SEED)
    a, b, c, d = (pool[name] for name in "ABCD")
    d_to_a = draw_different("D to A", d, a, count, random)
    equal = [
        draw_equal("A to A", a, count, random),
        draw_equal("D to D", d, count, random),
        exchange("D and A exchanged", d_to_a.pairs, random),
    ]
    different = [
        draw_different("B to A", b, a, count, random),
        draw_different("C to A", c, a, count, random),
        d_to_a,
    ]
    runs = sum(len(setting.correct) for setting in pool.values())
    libraries = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy"))
    return [
        f"{runs:,} runs; Python {platform.python_version()}, {libraries}",
        "",
        *_table(_POOL_HEADER, [_pool_row(name, pool, 100 / images) for name in pool]),
        "",
        "Equal settings: % of comparisons with a verdict, which is false",
        "",
        *_verdict_table(equal, _false_share),
        "",
        "Different settings: % right, % wrong, seeds on average until a right verdict",
        "",
        *_verdict_table(different, _seen),
    ]


_POOL_HEADER = ["setting", "learning rate", "runs", "accuracy, %", "sd", "guessing, %"]
_POOL_HEADER += ["to A", "in sd", "seeds won, %"]


def _pool_row(name: str, pool: Pool, points: float) -> list[str]:
    """Return the row of a setting; a test image is this many percentage points."""
    setting = pool[name]
    row = [name, f"{MEMBERS[name].learning_rate:g}", f"{len(setting.correct):,}"]
    row += [f"{points * setting.correct.mean():.1f}", f"{points * setting.correct.std(ddof=1):.1f}"]
    row += [f"{100 * setting.is_guessing.mean():.1f}"]
    if setting is pool["A"]:
        return [*row, "", "", ""]
    differences = _differences(setting, pool["A"])
    effect = differences.mean() / differences.std(ddof=1)
    won = (np.sign(differences).mean() + 1) / 2
    return [*row, f"{points * differences.mean():+.1f}", f"{effect:+.2f}", f"{100 * won:.0f}"]


def _false_share(drawn: Column, procedure: Procedure) -> str:
    """Return the share of comparisons with a verdict."""
    return _share(drawn.verdicts(procedure)[0] != OPEN, 1)


def _seen(drawn: Column, procedure: Procedure) -> str:
    """Return the shares of right and of wrong verdicts, and the seeds until the right ones."""
    verdicts, after = drawn.verdicts(procedure)
    is_right, is_wrong = verdicts == drawn.better, verdicts == -drawn.better
    seeds = f"{after[is_right].mean():.0f}" if is_right.any() else "-"
    return f"{_share(is_right, 0)}, {100 * is_wrong.mean():.1f}, {seeds}"


def _share(is_so: NDArray[np.bool_], digits: int) -> str:
    """Return a share in percent with its 95 % interval, given values of (parts, comparisons)."""
    shares = 100 * is_so.mean(axis=-1)
    return f"{shares.mean():.{digits}f} ± {half_width(shares.tolist()):.{digits}f}"


def _verdict_table(
    columns: Sequence[Column], cell: Callable[[Column, Procedure], str]
) -> list[str]:
    header = ["procedure", *(drawn.title for drawn in columns)]
    rows = [[name, *(cell(drawn, how) for drawn in columns)] for name, how in PROCEDURES.items()]
    return _table(header, rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table whose columns are aligned."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        f"| {' | '.join(map(str.ljust, cells, widths))} |"
        for cells in (header, ["-" * width for width in widths], *rows)
    ]


if __name__ == "__main__":
    main()
