"""The package as it is built and installed elsewhere, without its source and without a network."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HIDDEN = {"PYTHONPATH", "SIGNS_DATA", "MLFLOW_TRACKING_URI"}


def execute(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in HIDDEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as `make dist` does it."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=left_out)
    execute(sys.executable, "-m", "build", "--no-isolation", folder=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    source = ROOT / "src"
    files = {path for path in source.joinpath("signs_sweep").rglob("*") if path.is_file()}
    expected = {str(path.relative_to(source)) for path in files if path.suffix != ".pyc"}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_it_works_where_only_the_wheel_is_installed(
    wheel: Path, tmp_path: Path, empty_store: Path
) -> None:
    """The environment sees the libraries of this one, but not the project."""
    execute(sys.executable, "-m", "venv", "--without-pip", "clean", folder=tmp_path)
    clean = tmp_path / "clean"
    places = {"base": str(clean), "platbase": str(clean)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=places))
    # Paths in a .pth file are searched; .pth files below them, as of an editable install, are not.
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "libraries.pth").write_text("\n".join(libraries) + "\n", encoding="utf-8")
    python = clean / "bin" / "python"
    # Among the libraries is the project of this environment; it must not count as installed.
    install = ("install", "--quiet", "--no-deps", "--no-index", "--ignore-installed")
    execute(sys.executable, "-m", "pip", "--python", python, *install, wheel, folder=tmp_path)

    code = "import signs_sweep; print(signs_sweep.__file__)"
    found = execute(python, "-c", code, folder=tmp_path).strip()
    assert Path(found).is_relative_to(packages)

    (tmp_path / "experiments").mkdir()
    shutil.copy(ROOT / "experiments" / "smoke.yaml", tmp_path / "experiments")
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_store, tmp_path / "mlruns")
    program, spec = clean / "bin" / "signs-sweep", "experiments/smoke.yaml"
    assert execute(program, "--version", folder=tmp_path).startswith("signs-sweep ")
    assert "l2" in execute(program, "plan", spec, folder=tmp_path)
    fast = ("--set", "epochs=1", "--set", "l2=0", "--set", "keep_prob=1", "--workers", "1")
    execute(program, "run", spec, *fast, folder=tmp_path)
    assert "FINISHED" in execute(program, "compare", "smoke", "--format", "csv", folder=tmp_path)
    assert list((tmp_path / "mlruns").rglob("report.html")), "its templates are installed"
