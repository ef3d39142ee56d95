"""From a file to an experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signs_sweep.domain import (
    GIVEN,
    PAIR_NAMES,
    PARAMETERS,
    SEED_NAMES,
    Built,
    Dense,
    Growth,
    Model,
    Parameters,
    Seeds,
    VerdictRule,
    as_text,
    frozen,
)
from signs_sweep.domain.masking import learn
from signs_sweep.errors import UsageError
from signs_sweep.spec import document as documents
from signs_sweep.spec.baseline import Alternative, Factor, mark_baseline
from signs_sweep.spec.checks import check
from signs_sweep.spec.experiment import Experiment
from signs_sweep.spec.explain import validate
from signs_sweep.spec.file import read_text
from signs_sweep.spec.names import misfit, shorten
from signs_sweep.spec.overrides import parse_overrides
from signs_sweep.spec.problems import Problems
from signs_sweep.spec.reader import parse
from signs_sweep.spec.repeats import repeated
from signs_sweep.spec.schema import BuiltModel, Files, GrowingSeeds, Spec
from signs_sweep.spec.search import Categories, Search
from signs_sweep.spec.search_space import read_search
from signs_sweep.spec.table import COMPONENTS, EXCLUSIVE, dropout_of, settled
from signs_sweep.spec.training_checks import conflict


def load_experiment(path: Path, overrides: Sequence[str]) -> Experiment:
    """Read and check a spec; see `signs_sweep.spec.load`."""
    forced = parse_overrides(overrides)
    problems = Problems(path)
    text = problems.text = read_text(path, problems)
    for word in text.split():  # Even if the spec cannot be parsed.
        learn(word)
    document = parse(text, problems)
    if (section := document.mapping("search")) and "storage" in section.values:
        learn(str(section.values["storage"].plain()))
    spec = validate(document, problems)
    check(document, problems)
    if problems or spec is None:
        raise problems.error()
    if "split_seed" in forced and (spec.split or spec.validation in (0, GIVEN)):
        raise UsageError(f"--set split_seed={forced['split_seed']}: {_no_split_seed(spec)}")
    _check_names(document, forced)
    values = settled(_present(spec.base))
    base = Parameters(**{name: values.pop(name) for name in PARAMETERS})
    model = _model(spec.model).with_values(values)
    _check_forced(spec, forced)
    for name, value in forced.items():
        if wrong := misfit(name, is_built=isinstance(model, Built)):
            raise UsageError(f"--set {name}={shorten(as_text(value))}: {'; '.join(wrong)}")
    by_name = _factors(spec, document)
    factors = list(by_name.values())
    common = base.values | model.varied | {"dropout": dropout_of(base.keep_prob)}
    _check_equal(by_name, common, document, problems)
    baseline = document.mapping("baseline")
    if baseline is not None:
        factors = mark_baseline(factors, common, _present(spec.baseline), baseline, problems)
        problems.raise_any()
    search = read_search(spec.search, document, by_name, common, forced)
    _check_space(search, document, problems)
    return Experiment(
        name=spec.name,
        description=spec.description,
        data=_present(spec.data) if isinstance(spec.data, Files) else spec.data,
        validation=1 / spec.split.folds if spec.split else spec.validation,
        folds=spec.split.folds if spec.split else 0,
        repeats=spec.split.repeats if spec.split else 0,
        model=model,
        base=base,
        factors=tuple(factors),
        seeds=_seeds(spec, base, forced),
        growth=Growth(spec.seeds.at_least, spec.seeds.at_most)
        if isinstance(spec.seeds, GrowingSeeds)
        else None,
        verdict=VerdictRule(**dict(spec.verdict)),
        has_baseline=baseline is not None,
        search=search,
        overrides=tuple(overrides),
        forced=forced,
        path=path,
        text=text,
        document=document,
    )


def _check_names(document: documents.Mapping, forced: Mapping[str, Any]) -> None:
    """Check that an override has the name that the spec writes.

    Raises:
        UsageError: the spec writes the other name of the same hyperparameter.
    """
    sections = documents.sections_of_values(document)
    for name in filter(forced.__contains__, EXCLUSIVE):
        (other,) = {*EXCLUSIVE} - {name}
        if any(other in section.keys for _, section in sections):
            value = as_text(forced[name])
            raise UsageError(f"--set {name}={value}: the spec writes {other}; set {other}")


def _check_forced(spec: Spec, forced: Mapping[str, Any]) -> None:
    """Check the options of overrides, as those of the spec.

    Raises:
        UsageError: they conflict with each other, or with the spec.
    """
    is_validated = bool(spec.split or spec.validation)
    for name in filter(forced.__contains__, COMPONENTS):
        if found := conflict(name, forced[name].plain, is_validated=is_validated):
            _, message, hint = found
            raise UsageError(f"--set {name}={shorten(as_text(forced[name]))}: {message}; {hint}")


def _check_equal(
    factors: Mapping[str, Factor],
    common: dict[str, Any],
    document: documents.Mapping,
    problems: Problems,
) -> None:
    """Report alternatives that are equal, however their components are written.

    Parameters that an alternative does not set are as in `common`.
    """
    for name, factor in factors.items():
        names = {each for choice in factor for each in choice.values}
        if names.isdisjoint(COMPONENTS):
            continue
        rows = [tuple((common | dict(choice.values)).get(n) for n in names) for choice in factor]
        for index, first in repeated(rows):
            _note_equal(name, first, index, document, problems)
    problems.raise_any()


def _check_space(search: Search, document: documents.Mapping, problems: Problems) -> None:
    """Report choices of the space that are equal, however they are written."""
    varied = {(part.under.dimension, part.under.choice) for part in search.space if part.under}
    for part in search.space:
        if not isinstance(part, Categories) or part.name not in COMPONENTS:
            continue
        fixed = [
            (index, choice.values[part.name])
            for index, choice in enumerate(part.choices)
            if (part.name, choice.text) not in varied
        ]
        for index, first in repeated(value for _, value in fixed):
            path = ("search", "space", part.name)
            place, at = (
                documents.find(document, (*path, fixed[number][0])).place
                for number in (index, first)
            )
            message = f"two values of {part.name} are the same"
            problems.add(place, message, f"the first is at {at}; remove one")
    problems.raise_any()


def _note_equal(
    factor: str, first: int, index: int, document: documents.Mapping, problems: Problems
) -> None:
    names = factor.split(", ")
    section = next(
        each
        for each in ("cases", "grid", "zip")
        if each == factor or {*names} <= {*getattr(document.values.get(each), "keys", ())}
    )
    path = ("cases",) if section == "cases" else (section, names[0])
    place, at = (documents.find(document, (*path, number)).place for number in (index, first))
    many = {"cases": "cases", "grid": f"values of {factor}", "zip": "entries of zip"}[section]
    hint = f"the first is at {at}; remove one. To repeat a point, use seeds"
    problems.add(place, f"two {many} are the same", hint)


def _no_split_seed(spec: Spec) -> str:
    """Return why a spec has no seed of the split that an override could set."""
    if spec.split:
        return "split trains every fold, so there is no split to choose"
    if spec.validation == GIVEN:
        return "validation: given always holds out the same samples"
    return "no samples are held out, so there is no split; write validation: 0.2 in the spec"


def _model(section: Any) -> Model:
    if not isinstance(section, BuiltModel):
        return Dense(**_present(section))
    extra = section.model_extra or {}
    return Built(section.build, tuple((name, frozen(value)) for name, value in extra.items()), "")


def _present(section: Any) -> dict[str, Any]:
    """Return the values that a section of the spec sets."""
    return {name: frozen(value) for name, value in section if value is not None}


def _factors(spec: Spec, document: documents.Mapping) -> dict[str, Factor]:
    """Return the factors by name, in the order in which they are written."""
    factors: dict[str, Factor] = {}
    for section, node in document.values.items():
        if section == "grid" and spec.grid and isinstance(node, documents.Mapping):
            lists = _present(spec.grid)
            for name in node.values:
                factors[name] = tuple(Alternative({name: value}) for value in lists[name])
        elif section == "zip" and spec.zip:
            lists = _present(spec.zip)
            rows = zip(*lists.values(), strict=True)
            factors[", ".join(lists)] = tuple(
                Alternative(dict(zip(lists, row, strict=True))) for row in rows
            )
        elif section == "cases" and spec.cases:
            rows_of_cases = map(_present, spec.cases)
            factors["cases"] = tuple(
                Alternative(row, row.pop("label", None)) for row in rows_of_cases
            )
    return factors


def _seeds(spec: Spec, base: Parameters, forced: Mapping[str, Any]) -> tuple[Seeds, ...]:
    """Return the seeds of each replicate, without duplicates."""
    if spec.seeds is None:
        rows: list[dict[str, Any]] = [{}]
    elif isinstance(spec.seeds, int | GrowingSeeds):
        count = spec.seeds if isinstance(spec.seeds, int) else spec.seeds.at_most
        rows = [dict.fromkeys(PAIR_NAMES, number) for number in range(count)]
    else:
        rows = [_present(seeds) for seeds in spec.seeds]
    overrides = {name: value for name, value in forced.items() if name in SEED_NAMES}
    return tuple(dict.fromkeys(base.seeds._replace(**(row | overrides)) for row in rows))
