"""Projects of the tests that use them as a user does."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from projects import Project, new_project


@pytest.fixture(scope="session")
def programs(shared_folder: Path) -> Path:
    """Where the processes of this session of pytest keep what XLA compiles."""
    folder = shared_folder / "programs"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def machines(tmp_path: Path, programs: Path) -> Iterator[tuple[Project, Project]]:
    """Two machines: the files in the folder of one are not seen in that of the other."""
    made = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        made.append(new_project(tmp_path / name, programs))
    yield made[0], made[1]
    for project in made:
        project.end()


MakeProject = Callable[..., Project]


@pytest.fixture(scope="session")
def make_project(empty_store: Path, programs: Path) -> Iterator[MakeProject]:
    """Make a project in a folder; its store has been made and is empty."""
    made: list[Project] = []

    def make(folder: Path) -> Project:
        project = new_project(folder, programs)
        (folder / "mlruns").mkdir()
        shutil.copy(empty_store, folder / "mlruns" / "mlflow.db")
        made.append(project)
        return project

    yield make
    for project in made:
        project.end()


@pytest.fixture
def bare_project(tmp_path: Path, programs: Path) -> Iterator[Project]:
    """A project without a store."""
    project = new_project(tmp_path, programs)
    yield project
    project.end()


@pytest.fixture
def project(make_project: MakeProject, tmp_path: Path) -> Iterator[Project]:
    """A project in which nothing has been run."""
    project = make_project(tmp_path)
    yield project
    project.end()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Project:
    """A project whose spec has been run, by a process. Tests look at it and change nothing."""
    project = new_project(tmp_path_factory.mktemp("finished"), programs)
    done = project.finish("run", "toy.yaml", "--workers", "2", "--report")
    assert done.returncode == 0, done.stderr
    (project.folder / "stdout.txt").write_text(done.stdout, encoding="utf-8")
    (project.folder / "stderr.txt").write_text(done.stderr, encoding="utf-8")
    return project
