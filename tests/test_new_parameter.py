"""A hyperparameter that is added to the table appears everywhere, without any other edit.

The package is copied, the fields of its table are put into another order and two are added;
what follows from that is looked at in a process that imports the copy.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from known_runs import IDS
from signs_sweep.domain import PARAMETERS, Dense, Run

PACKAGE = Path(__file__).parents[1] / "src" / "signs_sweep"

ADDED = """
momentum: float = hyperparameter(
    0.5,
    meaning="A made-up share",
    least=0,
    most=1,
    example="0.25",
    example_list="[0.25, 0.75]",
    example_range="{low: 0.1, high: 0.9}",
    synonyms=("inertia",),
    instead="let the function choose it",
)
delay: int = hyperparameter(
    0, meaning="A made-up count", least=0, most=5000, example_list="[0, 5]",
    example_range="{low: 0, high: 9}",
)
"""


ANSWER = """
import json, sys
for line in sys.stdin:
    code, argument = json.loads(line)
    names = {}
    exec(code, names)
    print(json.dumps(names["answer"](argument)), flush=True)
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Run code with the copy; return what its function `answer` gives for an argument."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, folder / "signs_sweep", ignore=shutil.ignore_patterns("__pycache__"))
    table = folder / "signs_sweep" / "domain" / "parameters.py"
    tree = ast.parse(table.read_text(encoding="utf-8"))
    (kind,) = (node for node in tree.body if getattr(node, "name", "") == "Parameters")
    assert isinstance(kind, ast.ClassDef)
    entries = [node for node in kind.body if isinstance(node, ast.AnnAssign)]
    assert len(entries) == len(PARAMETERS)
    others = [node for node in kind.body if node not in entries]
    kind.body = [*others[:1], *ast.parse(ADDED).body, *entries[::-1], *others[1:]]
    table.write_text(ast.unparse(tree), encoding="utf-8")

    process = subprocess.Popen(
        [sys.executable, "-c", ANSWER],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def run(code: str, argument: Any = None) -> Any:
        process.stdin.write(json.dumps([code, argument]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, "its traceback is on stderr"
        return json.loads(answer)

    yield run
    process.kill()
    process.communicate()


READ = """
from pathlib import Path
from signs_sweep.errors import SignsSweepError
from signs_sweep.spec import load

def read(text, overrides=()):
    Path("spec.yaml").write_text("name: x\\nvalidation: 0.2\\n" + text)
    experiment = load(Path("spec.yaml"), overrides)
    experiment.check_model()
    return experiment

def problem(text, overrides=()):
    try:
        read(text, overrides)
    except SignsSweepError as error:
        return str(error)
"""


def values(run: Run) -> dict[str, Any]:
    """What a run is made of, as JSON takes it."""
    model = run.model
    return {
        "parameters": {
            name: value
            for name, value in run.parameters.values.items()
            if PARAMETERS[name].is_number
        },
        "model": [type(model).__name__, [getattr(model, name) for name in model.__slots__]],
        "others": [run.validation, run.data, run.training_version],
    }


IDENTITY = """
from signs_sweep import domain

def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value

def id_of(run, **more):
    kind, content = run["model"]
    model = getattr(domain, kind)(*map(tuples, content))
    return domain.Run(
        domain.Parameters(**run["parameters"], **more), model, *run["others"]
    ).run_id
"""


def test_no_id_depends_on_the_order_or_the_length_of_the_table(ask) -> None:
    code = f"{IDENTITY}\ndef answer(runs): return [id_of(run) for run in runs]"
    assert ask(code, list(map(values, IDS.values()))) == list(IDS)


def test_a_new_parameter_is_in_the_id_where_it_differs_from_its_default(ask) -> None:
    code = f"""{IDENTITY}
def answer(run):
    return [id_of(run, **more) for more in (
        {{}}, {{"momentum": 0.5, "delay": 0}}, {{"momentum": 0.6}}, {{"delay": 1}},
        {{"momentum": 0.6, "delay": 1}}, {{"delay": 1, "momentum": 0.6}}, {{"delay": 2}},
    )]"""
    plain, default, one, other, both, turned, more = ask(code, values(next(iter(IDS.values()))))
    assert plain == default == next(iter(IDS))
    assert both == turned
    assert len({plain, one, other, both, more}) == 5


def test_the_schema_has_it(ask) -> None:
    code = "from signs_sweep.spec import schema_json\ndef answer(_): return schema_json()"
    schema = json.loads(ask(code))
    base = schema["$defs"]["Base"]["properties"]
    assert list(base)[:3] == ["momentum", "delay", "split_seed"]
    assert base["momentum"] == {
        "default": 0.5,
        "description": "A made-up share: a number from 0 to 1, such as 0.25.",
        "maximum": 1,
        "minimum": 0,
        "title": "Momentum",
        "type": "number",
    }
    for section in ("Lists", "Case", "SpaceSection"):
        assert {"momentum", "delay"} < set(schema["$defs"][section]["properties"])
    for name, kind in (("MomentumRange", "number"), ("DelayRange", "integer")):
        ends = schema["$defs"][name]["properties"]
        assert [ends[key]["type"] for key in ("low", "high", "step")] == [kind] * 3


MISTAKES = (
    ("base: {momentum: 1.5}", "momentum is 1.5|expected a number from 0 to 1, such as 0.25"),
    ("grid: {delay: 3}", "expected a list, each a whole number from 0 to 5,000; write [3]"),
    ("base: {inertia: 1}", "unknown parameter 'inertia' in base|did you mean 'momentum'?"),
    ("momentum: 0.1", "momentum belongs under base, as in base: {momentum: ...}"),
    ("cases: [{momentum: 1}, {momentum: 1.0}]", "cases 1 and 2 are the same"),
    ("cases: [{delay: 1}]\ngrid: {delay: [1]}", "delay is in cases and in grid"),
    ("baseline: {momentum: 0.1}", "none has momentum 0.1|momentum is 0.5 in this spec"),
    ("search: {space: {delay: 1}}", "expected a list such as [0, 5], or {low: 0, high: 9}"),
    ("search: {space: {delay: {low: 9, high: 9000}}}", "high of delay is 9000"),
    ("search: {space: {delay: {low: 1, high: 3, step: 0.5}}}", "step of delay is 0.5"),
    (
        "search: {space: {momentum: {low: 0, high: 1, log: true}}}",
        "low of momentum is 0, which has no logarithm",
    ),
    (
        "model: {build: 'a:b'}\nbase: {momentum: 0.1}",
        "momentum is 0.1, not supported by a model that a function builds|let the function",
    ),
)


@pytest.fixture(scope="module")
def messages(ask) -> dict[str, str]:
    texts = [text for text, _ in MISTAKES]
    code = f"{READ}\ndef answer(texts): return [problem(text + '\\n') for text in texts]"
    return dict(zip(texts, ask(code, texts), strict=True))


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_in_it_is_explained(messages: dict[str, str], text: str, said: str) -> None:
    for part in said.split("|"):
        assert part in messages[text]


def test_it_is_varied_set_and_searched(ask) -> None:
    code = f"""{READ}
def answer(_):
    varied = read("grid: {{momentum: [0, 1], delay: [1, 2]}}\\n")
    forced = read("grid: {{momentum: [0, 1]}}\\n", ["delay=7"])
    space = read("search: {{space: {{momentum: {{low: 0.1, high: 0.9}}, delay: [0, 5]}}}}\\n")
    return (
        [[point.parameters.momentum, point.parameters.delay] for point in varied.points],
        [point.parameters.delay for point in forced.points],
        [repr(dimension) for dimension in space.search.space],
        problem("", ["delay=-1"]),
    )"""
    varied, forced, (interval, choices), message = ask(code)
    assert varied == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert forced == [7, 7]
    assert interval.startswith("Range(name='momentum', low=0.1, high=0.9")
    assert choices.startswith("Categories(name='delay', choices=(Choice(text='0'")
    assert message == "--set delay=-1: delay is -1; expected a whole number from 0 to 5,000"


def test_mlflow_records_it_and_older_records_have_its_default(ask) -> None:
    code = """
from signs_sweep.domain import Dense, Parameters, Run
from signs_sweep.tracking.mlflow.found import Record
from signs_sweep.tracking.mlflow.recorder import params_of

def answer(_):
    run = Run(Parameters(momentum=0.75, delay=3), Dense((25, 12)), 0.2, "data")
    params = params_of(run)
    older = {name: text for name, text in params.items() if name not in ("momentum", "delay")}
    found = [
        Record("a", "FINISHED", given, {"signs_sweep.run_id": "x"}, {}).row("toy")
        for given in (params, older)
    ]
    return (
        [params["momentum"], params["delay"]],
        [[one.parameters.momentum, one.parameters.delay] for one in found],
        [one.model for one in found],
    )"""
    texts, numbers, models = ask(code)
    assert texts == ["0.75", "3"]
    assert numbers == [[0.75, 3], [0.5, 0]]
    assert models == [Dense((25, 12)).values] * 2


def test_plans_tables_and_the_spec_of_a_winner_show_it(ask) -> None:
    code = f"""{READ}
from signs_sweep.analysis.table import build_table
from signs_sweep.domain import Row
from signs_sweep.planning.plan import make_plan
from signs_sweep.searching.beginning import meaning

def answer(_):
    experiment = read("grid: {{momentum: [0.25, 0.75]}}\\n")
    (part,) = make_plan([(experiment, "data")]).parts
    rows = [
        Row("x", run.run_id, trial.label, run.parameters, None) for trial, run in part.runs
    ]
    return (
        [trial.title_of(run) for trial, run in part.runs],
        list(build_table(rows)["momentum"]),
        [meaning(read(text), "data")["base"] for text in ("", "base: {{delay: 2}}\\n")],
    )"""
    titles, column, (without, having) = ask(code)
    assert titles == ["momentum=0.25", "momentum=0.75"]
    assert column == [0.25, 0.75]
    assert having == without | {"delay": "2"}
    assert not {"momentum", "delay"} & set(without), "studies of before would be refused"
