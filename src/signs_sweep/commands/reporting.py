"""The report on experiments, computed from the store; the pictures are those of the data folder."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from signs_sweep.analysis.answer import answer_from, refusals
from signs_sweep.analysis.comparison import Comparison, compare_settings
from signs_sweep.analysis.conditions import describe_conditions
from signs_sweep.analysis.layout import Images
from signs_sweep.analysis.remarks import kind_lines, test_set_lines, version_lines
from signs_sweep.commands.comparing import Found, SpecPath, find_runs
from signs_sweep.commands.images import images_of
from signs_sweep.commands.options import Form, SeedOptions, SharedOptions
from signs_sweep.commands.search_history import SearchHistory, read_search
from signs_sweep.commands.store import Store
from signs_sweep.data import Dataset, find_doubts, find_source
from signs_sweep.domain import CURVE_METRICS, METRICS, Curve, Predictions, Row, VerdictRule
from signs_sweep.domain.masking import mask
from signs_sweep.errors import SignsSweepError, StoreError, UnknownExperimentError, UsageError
from signs_sweep.project.databases import shown
from signs_sweep.reporting.content import (
    ExperimentReport,
    Fact,
    Report,
    RunReport,
    SettingReport,
    Weights,
    WrongPicture,
)
from signs_sweep.reporting.curves import bands
from signs_sweep.reporting.effects import effects
from signs_sweep.reporting.facts import data_facts, environment_facts, shared_settings
from signs_sweep.reporting.headline import headline
from signs_sweep.reporting.predicted import predicted, predictions_of, set_of, wrong_pictures
from signs_sweep.reporting.settings import setting_reports
from signs_sweep.reporting.statements import failures, missing_note, statements
from signs_sweep.spec import Experiment, load
from signs_sweep.tracking import SweepInfo
from signs_sweep.trainer.first_layer import first_layer

REPORT = "report.html"
"""The artifact of a sweep."""


def gather(targets: Sequence[SpecPath], shared: SeedOptions) -> Report:
    """Return the report on specs or experiments; see `signs_sweep.report`."""
    store = Store(shared.tracking_uri)
    found = find_runs(targets, shared, store)
    if not any(row.result for row in found.rows):
        names = " and ".join(found.rules)
        raise UsageError(f"there is nothing to report: no run of {names} has been started yet")
    return report_on(found, store, shared)


def report_on(found: Found, store: Store, shared: SharedOptions) -> Report:
    """Return the report on experiments whose runs are known.

    Args:
        found: the runs.
        store: where they are recorded.
        shared: the options of the command, for the commands that reproduce it, and for the folder
            of the data.

    Raises:
        StoreError: the store cannot be read.
    """
    images = images_of(found.rows, store)
    return Report(
        experiments=[
            _Gathering(name, found, store, shared, images).report() for name in found.rules
        ],
        made=datetime.now().astimezone(),
        version=version("signs-sweep"),
        store=mask(shown(store.uri)),
    )


def render(report: Report, form: Form) -> str:
    """Return a report as text in a form."""
    match form:
        case Form.HTML:
            from signs_sweep.reporting.page import to_html

            return to_html(report)
        case Form.MD:
            from signs_sweep.reporting.markdown import to_markdown

            return to_markdown(report)
        case Form.LATEX:
            from signs_sweep.reporting.latex import to_latex

            return to_latex(report)


def log_report(
    find: Callable[[], Found], store: Store, shared: SharedOptions, sweep_id: str
) -> str | None:
    """Write the report on each experiment to the record of its sweep.

    Never fails: the results are complete without it.

    Args:
        find: returns the runs, as the store has them.
        store: where they are recorded.
        shared: the options of the command.
        sweep_id: identifies the invocation that recorded the sweeps.

    Returns:
        Why it could not be written, or None.
    """
    try:
        report = report_on(find(), store, shared)
        for each in report.experiments:
            page = render(replace(report, experiments=[each]), Form.HTML)
            store.tracker.attach(each.name, sweep_id, {REPORT: page.encode()})
    except KeyboardInterrupt:
        return "the report was not written: interrupted"
    except Exception as error:  # noqa: BLE001 - `signs-sweep report` shows the traceback of a bug
        return f"the report was not written: {mask(str(error)) or type(error).__name__}"
    return None


@dataclass(eq=False)
class _Gathering:
    """Gathers the report on an experiment.

    Attributes:
        name: the experiment.
        found: the runs, those of other experiments included.
        store: where they are recorded.
        shared: the options of the command.
        images: returns which images a run classifies correctly.
    """

    name: str
    found: Found
    store: Store
    shared: SharedOptions
    images: Images

    def report(self) -> ExperimentReport:
        """Return the report."""
        comparison, settings, rows = self.comparison, self.settings, self.rows
        best = self.best
        baseline = self._baseline(best)
        of_images = set_of(self.metric)
        of_best = predicted(best, self.predictions, of_images) if best else None
        weights = self._weights(best)
        all_effects = effects(comparison) if comparison else ()
        lead = headline(comparison) if comparison else ""
        return ExperimentReport(
            name=self.name,
            question=mask(self.experiment.description) if self.experiment else "",
            headline=lead,
            answer=answer_from(comparison) if comparison and not (self.search and lead) else None,
            metric=self.metric,
            title=METRICS[self.metric].title,
            comparison=comparison,
            settings=settings,
            bands=bands(settings, self._curves()),
            effects=all_effects,
            statements=statements(comparison, all_effects, of_best) if comparison else (),
            conditions=tuple(describe_conditions(rows)),
            failures=failures(settings),
            notes=tuple(self._notes()),
            best=of_best,
            baseline=predicted(baseline, self.predictions, of_images)
            if baseline and baseline is not best
            else None,
            wrong=self._wrong(best, of_images),
            weights=weights,
            search=self.search.report if self.search else None,
            base=shared_settings(rows),
            data=data_facts(rows, self.dataset),
            environment=self._environment(),
            commands=tuple(self._commands()),
            spec=self.spec,
            runs=tuple(map(self._run, rows)),
        )

    def _baseline(self, best: SettingReport | None) -> SettingReport | None:
        """Return the baseline of the best setting, otherwise the first baseline."""
        entries = self.comparison.entries if self.comparison else []
        key = next((o.key for s, o, _ in entries if best and o and s is best.replicates), None)
        baselines = [each for each in self.settings if each.is_baseline]
        return next((each for each in baselines if each.replicates.key == key), None) or next(
            iter(baselines), None
        )

    @cached_property
    def search(self) -> SearchHistory | None:
        """The latest search of the experiment, or None."""
        if self.experiment is None or not self.experiment.has_search or not self.sweeps:
            return None
        return read_search(self.name, self.experiment.search.objective, self.store.index)

    @cached_property
    def rows(self) -> list[Row]:
        """The runs of the experiment; of a search, those over fresh seeds, if there are any.

        Where the number of seeds depends on results, runs that were not needed are left out.
        Earlier versions did not record which runs of a search over fresh seeds were the race, which
        chose the winner: their runs are left out.
        """
        if self.search and self.search.compared:
            return [*self.search.compared[0]]
        rows = [row for row in self.found.rows if row.experiment == self.name]
        if self.search:
            return [row for row in rows if row.baseline is None] or rows
        spec = self.found.specs.get(self.name)
        return [row for row in rows if row.result] if spec and spec.growth else rows

    @property
    def rule(self) -> VerdictRule:
        """How its settings are compared."""
        if self.search and self.search.compared:
            return self.search.compared[1]
        return self.found.rules.get(self.name, VerdictRule())

    @cached_property
    def comparison(self) -> Comparison | None:
        """Its settings, compared; None without runs."""
        if not self.rows:
            return None
        (compared,) = compare_settings(self.rows, {self.name: self.rule}, images=self.images)
        return compared

    @property
    def metric(self) -> str:
        """The compared metric."""
        return self.comparison.metric if self.comparison else "test_accuracy"

    @cached_property
    def settings(self) -> tuple[SettingReport, ...]:
        """Its settings, in the order of the table."""
        return setting_reports(self.comparison) if self.comparison else ()

    @cached_property
    def best(self) -> SettingReport | None:
        """The setting with the best mean, or None."""
        return next((each for each in self.settings if each.is_best), None)

    @cached_property
    def sweeps(self) -> list[SweepInfo]:
        """The sweeps that recorded runs of the experiment, oldest first."""
        with suppress(UnknownExperimentError):  # Its runs are recorded in others.
            return self.store.index.sweeps(self.name)
        return []

    @cached_property
    def spec(self) -> str:
        """The text of the spec: that of the file, else that of the latest sweep."""
        if self.name in self.found.specs:
            return mask(self.found.specs[self.name].text)
        return mask(self.store.index.spec(self.sweeps[-1].location)) if self.sweeps else ""

    @cached_property
    def experiment(self) -> Experiment | None:
        """The spec; None if it is neither a file nor recorded in a form that can be read."""
        if self.name in self.found.specs:
            return self.found.specs[self.name]
        with suppress(SignsSweepError, OSError), TemporaryDirectory() as folder:
            file = Path(folder, "spec.yaml")
            file.write_text(self.spec, encoding="utf-8")
            return load(file)
        return None

    @cached_property
    def dataset(self) -> Dataset | None:
        """The data of the best setting, otherwise of the first run, if it can be found."""
        rows = self.best.replicates.rows if self.best else self.rows
        fingerprint = rows[0].data if rows else ""
        if fingerprint in self.found.datasets:
            return self.found.datasets[fingerprint]
        if self.experiment is None:
            return None
        with suppress(SignsSweepError, OSError):
            source = find_source(
                self.experiment.data,
                data_dir=self.shared.data,
                spec_folder=Path.cwd(),
                is_validated=None,
            )
            loaded = source.load()
            for dataset in (loaded, loaded.without_given()):
                if dataset.fingerprint == fingerprint:
                    return dataset
        return None

    @cached_property
    def predictions(self) -> Mapping[str, Mapping[str, Predictions]]:
        """The predictions of the runs of the baseline and the best setting."""
        shown = [each for each in self.settings if each.is_best or each.is_baseline]
        return self.store.index.predictions(_locations(shown))

    def _curves(self) -> Mapping[str, Mapping[str, Curve]]:
        coloured = [each for each in self.settings if each.colour is not None]
        return self.store.index.curves(_locations(coloured), CURVE_METRICS)

    def _wrong(self, best: SettingReport | None, images: str) -> tuple[WrongPicture, ...]:
        if best is None:
            return ()
        parts = predictions_of(best.replicates.rows, self.predictions, images)
        return wrong_pictures(parts, self._pixels(images))

    def _pixels(self, images: str) -> NDArray[np.uint8] | None:
        """Return the images to which the positions in predictions refer."""
        if self.dataset is None:
            return None
        if images == "test":
            return self.dataset.test_images
        given = self.dataset.given
        return self.dataset.train_images[-given:] if given else self.dataset.train_images

    def _weights(self, best: SettingReport | None) -> Weights | None:
        """Return the first layer of the run of the best setting whose result is the median."""
        scores = [(row.score(self.metric), row) for row in best.replicates.rows] if best else []
        finished = sorted((pair for pair in scores if pair[0] is not None), key=itemgetter(0))
        if best is None or not finished:
            return None
        row = finished[len(finished) // 2][1]
        location = (row.result and row.result.location) or ""
        found = None
        # A damaged model has no weights.
        with suppress(StoreError), TemporaryDirectory() as folder:
            model = self.store.index.model(location, Path(folder))
            found = first_layer(model.file.read_bytes()) if model else None
        return Weights(row.run_id, best.name, found[1], found[0]) if found else None

    def _notes(self) -> list[str]:
        verdicts = self.comparison.decisive if self.comparison else []
        notes = [*missing_note(self.rows)]
        if self.dataset is not None:
            doubts = [f"{self.dataset.name}: {doubt}" for doubt in find_doubts(self.dataset)]
            notes += [f"{doubt}." for doubt in self.found.doubts.get(self.name, doubts)]
            if self.dataset.drawn:
                notes.append("The images are drawn by signs-sweep; they are not photos.")
        elif self.rows:
            notes.append(
                "The pictures are left out: the data was not found. Name its folder with --data."
            )
        if self.search and self.comparison:  # Otherwise they are in the answer.
            notes += refusals([self.comparison])
        notes += test_set_lines(verdicts, self.rows, self.store.index.tested)
        notes += version_lines(self.rows) + kind_lines(self.rows)
        return [*notes, *self.found.notes]

    def _environment(self) -> tuple[Fact, ...]:
        finished = [row.run_id for row in self.rows if row.result]
        facts = environment_facts(self.store.index.environments(finished))
        commits = dict.fromkeys(sweep.commit for sweep in self.sweeps if sweep.commit)
        return (*facts, *([Fact("git commit", "; ".join(commits))] if commits else []))

    def _commands(self) -> list[Fact]:
        experiment = self.found.specs.get(self.name)
        spec = experiment.path if experiment else Path(f"{self.name}.yaml")
        target = experiment.path if experiment else self.name
        # Options such as --set that runs were trained with are not part of a recorded spec.
        how = "" if experiment else f", with the spec below as {spec} and the options of that time"
        kind = "search" if self.experiment and self.experiment.has_search else "run"
        train = self.shared.command(kind, spec, *self.store.sharing.arguments)
        purposes = {"compare them": "compare", "look at them in MLflow": "ui"}
        purposes |= {"write this report": "report"}
        return [
            Fact(f"train the runs{how}", train),
            *(Fact(what, self.shared.command(name, target)) for what, name in purposes.items()),
        ]

    @cached_property
    def _names(self) -> Mapping[tuple[str, str | None], str]:
        """The names of the settings, by run and its label."""
        return {
            (row.run_id, row.label): setting.name
            for setting in self.settings
            for row in setting.replicates.rows
        }

    def _run(self, row: Row) -> RunReport:
        result = row.result
        return RunReport(
            run_id=row.run_id,
            setting=self._names[row.run_id, row.label],
            seeds=row.seeds,
            state=result.state.value.lower() if result else "new",
            score=row.score(self.metric),
            location=(result and result.location) or "",
        )


def _locations(settings: Sequence[SettingReport]) -> list[str]:
    """Return where the store keeps the runs of settings, each once."""
    rows = (row for setting in settings for row in setting.replicates.rows)
    found = (row.result.location for row in rows if row.result)
    return list(dict.fromkeys(location for location in found if location))
