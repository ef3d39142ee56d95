"""`deploy/`, docs/server.md, pyproject.toml and the command line agree.

Without Docker, this is what can be held here; the page states what else was checked by hand.
"""

import importlib.util
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML
from typer.main import get_command

from signs_sweep.cli.app import app

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
CONTENT = YAML(typ="safe").load(COMPOSE)
SERVICES = CONTENT["services"]
SERVER = (DEPLOY / "mlflow.Dockerfile").read_text(encoding="utf-8")
IMAGE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = {
    each.name: each.specifier
    for each in map(
        Requirement, [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgresql"]]
    )
}


def version_of_server() -> str:
    found = re.search(r"^ARG MLFLOW_VERSION=([\d.]+)$", SERVER, re.MULTILINE)
    assert found
    return found[1]


def test_versions_are_those_that_the_package_supports() -> None:
    assert NEEDED["mlflow"].contains(version_of_server())
    for text in (SERVER, IMAGE):
        for python in re.findall(r"^FROM python:(\S+)-slim", text, re.MULTILINE):
            assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    tensorflow = re.search(r'"\$\{TENSORFLOW\}(\S+)"', IMAGE)
    assert tensorflow
    assert SpecifierSet(tensorflow[1]) == NEEDED["tensorflow"]
    for requirement in map(Requirement, re.findall(r'"((?:psycopg|sqlalchemy)[^"]+)"', SERVER)):
        assert requirement.specifier == NEEDED[requirement.name]


def test_the_server_without_docker_is_the_same_server() -> None:
    packages = re.findall(r'"([a-z][^" ]+[=>][^"]+)"', SERVER)
    line = next(line for line in PAGE.splitlines() if "pip install" in line and "mlflow[" in line)
    installed = shlex.split(line)[3:]
    assert installed == [
        each.replace("${MLFLOW_VERSION}", version_of_server()) for each in packages
    ]
    unit = re.search(r"^ExecStart=\S+/mlflow (.*)$", PAGE, re.MULTILINE)
    assert unit
    own = {"--host": None, "--artifacts-destination": None}
    assert options(unit[1].split()) | own == options(SERVICES["mlflow"]["command"][1:]) | own


def options(words: list[str]) -> dict[str, str | None]:
    assert words[0] == "server"
    return dict(zip(words[1::2], words[2::2], strict=True))


def test_no_secret_has_a_default() -> None:
    names = set(re.findall(r"\$\{(\w+)", COMPOSE))
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert set(example) == names
    for name in names:
        if re.search("PASSWORD|SECRET", name):
            assert not example[name]
            assert f"${{{name}:?" in COMPOSE
            assert f"${{{name}:-" not in COMPOSE


def test_nothing_but_https_is_published_beyond_the_machine_unless_asked_for() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items()}
    assert published == {
        "postgres": ["${POSTGRES_LISTEN:-127.0.0.1}:5432:5432"],
        "mlflow": ["${MLFLOW_LISTEN:-127.0.0.1}:5000:5000"],
        "caddy": ["443:443"],
    }
    assert SERVICES["caddy"]["profiles"] == ["https"]


def test_ports_volumes_files_and_databases_exist_where_they_are_used() -> None:
    server = options(SERVICES["mlflow"]["command"][1:])
    assert server["--port"] == "5000"
    assert ":5000/health" in SERVICES["mlflow"]["healthcheck"]["test"][-1]
    assert "EXPOSE 5000\n" in SERVER
    assert "mlflow:5000" in (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    mounts = [mount.split(":") for each in SERVICES.values() for mount in each["volumes"]]
    files = [source for source, *_ in mounts if source.startswith("./")]
    assert all((DEPLOY / source).is_file() for source in files)
    assert {source for source, *_ in mounts} - set(files) == set(CONTENT["volumes"])
    assert server["--artifacts-destination"] in [mount[1] for mount in mounts]
    script = (DEPLOY / "databases.sh").read_text(encoding="utf-8")
    addresses = COMPOSE + PAGE + (DEPLOY / "basic_auth.ini").read_text(encoding="utf-8")
    named = set(re.findall(r"postgresql[+\w]*://(\w+)@[\w_]+/([a-z_]+)\b", addresses))
    assert named == {
        (owner, name) for name, owner in re.findall(r"DATABASE (\w+) OWNER (\w+)", script)
    }
    for variable in re.findall(r"\\getenv \w+ (\w+)", script):
        assert variable in SERVICES["postgres"]["environment"]
    subprocess.run(["sh", "-n", DEPLOY / "databases.sh"], check=True)


def test_the_images_do_not_run_as_root_and_copy_what_is_not_ignored() -> None:
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert allowed[0] == "*"
    for line in re.findall(r"^COPY (?!--from)(.*)$", IMAGE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert f"!{source}" in allowed
            assert (ROOT / source).exists()
    for text in (SERVER, IMAGE):
        assert re.findall(r"^USER (\w+)$", text, re.MULTILINE)[-1] in {"mlflow", "sweeps"}
    assert 'ENTRYPOINT ["signs-sweep"]' in IMAGE
    assert next(iter(PROJECT["scripts"])) == "signs-sweep"


def test_every_variable_exists() -> None:
    found = importlib.util.find_spec("mlflow")
    assert found
    assert found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0])
    mlflow = (folder / "environment_variables.py").read_text(encoding="utf-8")
    mlflow += (folder / "cli" / "__init__.py").read_text(encoding="utf-8")
    ours = "".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "src").glob("signs_sweep/**/*.py")
    )
    own = {"MLFLOW_DATABASE_PASSWORD", "MLFLOW_LISTEN", "MLFLOW_ADDRESS", "MLFLOW_VERSION"}
    for name in set(re.findall(r"\bMLFLOW_[A-Z_]*[A-Z]", PAGE + COMPOSE)) - own:
        assert f'"{name}"' in mlflow, name
    for name in set(re.findall(r"\bSIGNS_SWEEP_[A-Z]+", PAGE)):
        assert f'"{name}"' in ours, name


COMMANDS = re.findall(
    r"^(?:\$|   ) (?:docker run .*)?(signs-sweep (?!-).*?)(?:  #.*)?$", PAGE, re.MULTILINE
)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_is_valid(line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    command = get_command(app).commands[name]
    command.make_context(name, arguments).close()


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) >= 4
