"""The trained models that a user names: by an id, as the best of a spec, or as an ensemble."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from signs_sweep.analysis.settings import (
    NEVER_PAIRED,
    Replicates,
    agree,
    chosen_metric,
    settings_of,
    varying_values,
)
from signs_sweep.commands.comparing import find_runs, is_spec
from signs_sweep.commands.options import SeedOptions
from signs_sweep.commands.search_history import winner_runs
from signs_sweep.commands.store import Store
from signs_sweep.domain import METRICS, Row, VerdictRule, is_higher_better
from signs_sweep.errors import UsageError
from signs_sweep.project.tracking_store import store_exists
from signs_sweep.tracking import StoredModel

_MOST_LISTED = 8


class Choice(Enum):
    """How a user names models; the value begins the name."""

    ID = ""
    BEST = "best:"
    ENSEMBLE = "ensemble:"


@dataclass(frozen=True)
class Named:
    """The runs whose models a user names.

    Attributes:
        name: what the user wrote.
        choice: how they were chosen.
        rows: the runs, finished; one, or for an ensemble at least one.
        setting: the best setting; None for an id.
        title: what distinguishes the setting from the others; empty for an id.
        metric: the metric by which the setting is the best; empty for an id.
    """

    name: str
    choice: Choice
    rows: Sequence[Row]
    setting: Replicates | None = None
    title: str = ""
    metric: str = ""


def find_named(name: str, shared: SeedOptions) -> Named:
    """Return the runs that a user names.

    Args:
        name: a run_id, the id of a run in MLflow, a unique beginning of either, or `best:` or
            `ensemble:` and a spec file or the name of an experiment.
        shared: the options for reading the spec and the store.

    Raises:
        UsageError: there is no such run, there are several, or it is not finished.
        SpecError: the spec has problems.
        StoreError: the store cannot be read, or does not have the experiment.
    """
    for choice in (Choice.BEST, Choice.ENSEMBLE):
        if name.startswith(choice.value):
            return _best(name, choice, shared)
    store = Store(shared.tracking_uri)
    rows = store.index.named(name) if name else []
    if len(rows) > 1:
        ids = [each for row in rows for each in _ids(row) if each.startswith(name)]
        listed = ", ".join(ids[:_MOST_LISTED])
        more = ", ..." if len(ids) > _MOST_LISTED else ""
        raise UsageError(f"{name} is the beginning of {len(ids):,} ids: {listed}{more}")
    if not rows:
        raise UsageError(f"no run has the id '{name}'{_advice(name, store)}")
    (row,) = rows
    if not _is_finished(row):
        state = row.result.state.value if row.result else "NEW"
        reason = f": {row.result.message}" if row.result and row.result.message else ""
        raise UsageError(f"the run {row.run_id} has no model: its state is {state}{reason}")
    return Named(name, Choice.ID, rows)


def _advice(name: str, store: Store) -> str:
    """Return what else could be meant by a name that no run has."""
    if is_spec(name):
        return f"; best:{name} is the best run of a spec"
    known = [each for row in store.rows() for each in _ids(row)]
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return ". Name an id that `compare` shows with --format csv, or best:SPEC or best:EXPERIMENT"


def _ids(row: Row) -> list[str]:
    """Return the ids of a run: its own, and that of its record in MLflow."""
    location = row.result and row.result.location
    return [row.run_id, location] if location else [row.run_id]


def _best(name: str, choice: Choice, shared: SeedOptions) -> Named:
    target = name.removeprefix(choice.value)
    if not target:
        raise UsageError(f"{name} names no spec: write {choice.value}SPEC, or the experiment")
    store = Store(shared.tracking_uri)
    found = find_runs([target], shared, store)
    # The others count as well: a setting of which most runs diverge is not the best.
    settings = [each for each in settings_of(found.rows) if any(map(_is_finished, each.rows))]
    if not settings:
        raise UsageError(f"no run of {target} is finished, so it has no model yet")
    candidates = _candidates(settings, store)
    if not all(agree(candidates[0], other) for other in candidates):
        raise UsageError(
            f"the runs of {target} differ in their {', '.join(NEVER_PAIRED[:-1])} or "
            f"{NEVER_PAIRED[-1]}, so no setting is the best. Name a spec file, or a run by its id."
        )
    (rule,) = found.rules.values()
    metric = _metric(rule, [row for setting in candidates for row in setting.rows])
    sign = 1 if is_higher_better(metric) else -1

    def rank(value: float | None) -> float:
        return float("-inf") if value is None else sign * value

    best = max(candidates, key=lambda setting: rank(setting.mean(metric)))
    if best.mean(metric) is None:
        raise UsageError(
            f"no setting of {target} has the {METRICS[metric].title} of all splits of a seed yet, "
            "so none is the best. Name a run by its id."
        )
    runs = [*filter(_is_finished, best.rows)]
    if choice is Choice.BEST:
        runs = [max(runs, key=lambda row: rank(row.counted(metric)))]
    title = best.name(varying_values([row for setting in settings for row in setting.rows]))
    return Named(name, choice, runs, best, title, metric)


def _is_finished(row: Row) -> bool:
    return row.result is not None and row.result.state.is_finished


def _candidates(settings: Sequence[Replicates], store: Store) -> Sequence[Replicates]:
    """Return the settings of which one is the best: in a search, the winner of its race.

    Searches of earlier versions did not record which runs are those of a race. There, only the
    winner and the default are evaluated on the test set; without a race, no setting is.
    """
    if store_exists(store.uri):
        won = winner_runs(settings[0].rows[0].experiment, store.index)
        if winners := [each for each in settings if any(row.run_id in won for row in each.rows)]:
            return winners
    tested = [
        setting
        for setting in settings
        if any(row.result.is_tested for row in setting.rows if row.result)
    ]
    if not tested or len(tested) == len(settings):
        return settings
    return [setting for setting in tested if not setting.is_baseline] or tested


def _metric(rule: VerdictRule, rows: Sequence[Row]) -> str:
    """Return the metric of the rule; the test set chooses only if there is nothing else."""
    if rule.metric is None or METRICS[rule.metric].images == "test":
        return chosen_metric(rows)
    return rule.metric


@contextmanager
def stored_models(named: Named, tracking_uri: str | None) -> Iterator[list[StoredModel]]:
    """Give access to the models of runs; files that were downloaded exist in the meantime.

    Raises:
        UsageError: a run has no model.
        StoreError: the store cannot be read, or a model is damaged.
    """
    index = Store(tracking_uri).index
    with TemporaryDirectory() as folder:
        models = []
        for row in named.rows:
            location = (row.result and row.result.location) or ""
            scratch = Path(folder, location)
            scratch.mkdir()
            model = index.model(location, scratch)
            if model is None:
                raise UsageError(
                    f"the run {row.run_id} has no model in the store: its artifacts were removed. "
                    "`run --force` trains it again."
                )
            models.append(model)
        yield models
