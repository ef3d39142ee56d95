"""Checks of an installation, a store and a machine, each with what to do if it is not right."""

import os
import platform
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.metadata import PackageNotFoundError, distributions, metadata, requires, version
from pathlib import Path

from signs_sweep.commands.store import Store
from signs_sweep.data import find_doubts, find_source, photo_folder
from signs_sweep.domain import State
from signs_sweep.domain.formats import count
from signs_sweep.domain.masking import mask
from signs_sweep.errors import SignsSweepError
from signs_sweep.executors import choose_devices, default_workers, find_gpus
from signs_sweep.process.memory import available_memory, gigabytes
from signs_sweep.process.processor import processor, vectors
from signs_sweep.project import FileClaims, PostgresClaims
from signs_sweep.project.databases import is_server, shown, sqlite_path
from signs_sweep.project.tracking_store import OTHERWISE, store_exists
from signs_sweep.searching.study.storage import studies_in
from signs_sweep.trainer.runtime import training_environment

_PATIENCE = 10.0
"""Seconds after which a check is abandoned."""

_LARGEST_READ = 500e6
"""Bytes of a dataset that is read; a larger one takes many seconds."""

_LITTLE_MEMORY = 1e9
_LITTLE_DISK = 1e9
_LEAST_DISK = 50e6

_EXTRAS = {
    "gp": "the sampler gp of a search",
    "huggingface": "data download from Hugging Face",
    "onnx": "export to ONNX",
    "postgresql": "a store or studies in PostgreSQL",
    "ray": "training on a Ray cluster",
}
"""By extra, what its packages are for."""

_SPEED = {
    "avx512f": "512-bit vectors, the fastest",
    "avx2": "256-bit vectors; with 512, the same processor would be 5 % faster",
    "avx": "256-bit vectors without fused multiplication, so slower than avx2",
}
"""By vector instructions, what they mean for speed."""

_RECORDED = "changes speed, and may change results; recorded with each run"
_CHANGES = "may change results, and is not recorded with runs"
_VARIABLES = {
    r"XLA_FLAGS": _RECORDED,
    r"TF_CPP_\w+|TF_NUM_\w+|\w+_NUM_THREADS": "",
    r"TF_(CUDNN|DETERMINISTIC|DISABLE|ENABLE|USE|XLA)_\w+": _CHANGES,
    r"NVIDIA_TF32\w+|KERAS_BACKEND": _CHANGES,
    r"CUDA_VISIBLE_DEVICES|SIGNS_\w+|MLFLOW_\w+|RAY_\w+|XDG_CACHE_HOME|TMPDIR": "",
}
"""By pattern of an environment variable, its effect on results; empty if it has none."""


class Status(StrEnum):
    """Whether something is right."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Check:
    """What was found out about a part of the installation.

    Secrets are masked in its texts, and the home folder is written as `~`.

    Attributes:
        name: the part.
        status: whether it is right.
        found: what was found.
        advice: what to do; empty if there is nothing to do.
    """

    name: str
    status: Status
    found: str
    advice: str = ""

    def __post_init__(self) -> None:
        for field in ("found", "advice"):
            object.__setattr__(self, field, _without_home(mask(getattr(self, field))))


def _without_home(text: str) -> str:
    try:
        home = str(Path.home())
    except RuntimeError:  # The user of a container may have none.
        return text
    return text if home == "/" else re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)


def examine(tracking_uri: str | None = None, data_dir: Path | None = None) -> Iterator[Check]:
    """Check the installation, the machine, the store and the data; change none of them.

    Each check is independent of the others, and is abandoned after ten seconds.

    Args:
        tracking_uri: as written by the user, or None.
        data_dir: the value of `--data`, or None.
    """
    general: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("libraries", _libraries),
        ("processor", _processor),
        ("executor", _executor),
        ("Ray cluster", _cluster),
        ("environment", _environment),
        ("temporary folder", _temporary),
        ("data", partial(_data, data_dir)),
    )
    for name, check in general:
        yield from _guarded(name, check)
    try:
        store = Store(tracking_uri)
    except SignsSweepError as error:
        yield Check("store", Status.ERROR, str(error))
        return
    of_store = _guarded("store", partial(_store, store))
    yield from of_store
    is_usable = all(each.status is Status.OK for each in of_store) and not store.index.is_empty
    yield from _guarded("records", partial(_records, store))
    if is_usable:
        yield from _guarded("artifacts", partial(_artifacts, store))
        yield from _guarded("runs", partial(_runs, store))
    yield from _guarded("study", partial(_study, store))
    yield from _guarded("checkpoints", partial(_checkpoints, store, is_usable=is_usable))
    yield from _guarded("locks", partial(_locks, store))
    if isinstance(store.claims.remote, PostgresClaims):
        yield from _guarded("claims", partial(_claims, store.claims.remote))
    yield from _guarded("folder", partial(_folder, store))
    store.claims.close()


def _guarded(name: str, check: Callable[[], Iterator[Check]]) -> list[Check]:
    """Return what a check yields; one that fails or does not end is an error of its own."""
    found: list[Check] = []

    def carry_out() -> None:
        try:
            found.extend(check())
        except SignsSweepError as error:
            found.append(Check(name, Status.ERROR, str(error)))
        except Exception as error:  # noqa: BLE001 - the other checks continue
            what = f"{type(error).__name__}: {error}"
            found.append(Check(name, Status.ERROR, what, "This check failed: report it."))

    thread = threading.Thread(target=carry_out, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if thread.is_alive():
        what = f"no answer within {_PATIENCE:.0f} s"
        return [Check(name, Status.ERROR, what, "Is a disk, the network or a server slow?")]
    return found


def _libraries() -> Iterator[Check]:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    python, needed = platform.python_version(), metadata("signs-sweep")["Requires-Python"]
    fits = SpecifierSet(needed).contains(python, prereleases=True)
    advice = "" if fits else f"Use a Python {needed}."
    yield Check("Python", Status.OK if fits else Status.ERROR, python, advice)
    requirements = [Requirement(text) for text in requires("signs-sweep") or []]
    own = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    versions = {each.name: _version(each.name) for each in own}
    wrong = [
        each
        for each in own
        if not (found := versions[each.name])
        or not each.specifier.contains(found, prereleases=True)
    ]
    named = ("tensorflow", "keras", "mlflow", "optuna", "numpy")
    found = ", ".join(f"{name} {versions.get(name) or 'missing'}" for name in named)
    yield Check("libraries", Status.OK, f"{found}; {len(own)} required")
    for each in wrong:
        what = f"{each.name} {versions[each.name] or 'is missing'}; needed is {each.specifier}"
        yield Check("library", Status.ERROR, what, f"pip install '{each}'")
    for extra, purpose in _EXTRAS.items():
        names = [
            each.name
            for each in requirements
            if each.marker and each.marker.evaluate({"extra": extra}) and each not in own
        ]
        parts = ", ".join(f"{name} {_version(name) or 'not installed'}" for name in names)
        if names:
            yield Check(f"extra {extra}", Status.OK, f"{parts}; for {purpose}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> Iterator[Check]:
    widest, flags = vectors(), training_environment(os.environ).get("XLA_FLAGS", "none")
    found = f"{processor()[0]} ({platform.system()} {platform.machine()}), {widest}"
    if widest == "baseline" and platform.machine() in ("x86_64", "AMD64"):
        advice = "TensorFlow's packages need AVX; use another machine."
        yield Check("processor", Status.ERROR, f"{found}: no AVX", advice)
    else:
        meaning = _SPEED.get(widest, "the standard vectors of this kind of processor")
        found += f": {meaning}. Other vectors may give other last digits"
        yield Check("processor", Status.OK, found)
    yield Check("XLA flags", Status.OK, f"{flags}; of the workers, recorded with each run")


def _executor() -> Iterator[Check]:
    gpus, cores = find_gpus(os.environ), default_workers()
    workers = len(choose_devices(None, gpus, 1))
    quota = _quota()
    found = f"{count(cores, 'core')}: at most {count(workers, 'worker')}"
    if quota and quota < cores and not gpus:
        advice = f"Use --workers {max(1, int(quota))}: more compete for the same time."
        found += f", but the container may use {quota:g}"
        yield Check("executor", Status.WARNING, found, advice)
    else:
        yield Check("executor", Status.OK, f"{found} on {'GPUs' if gpus else 'CPU cores'}")
    has_cuda = not gpus or any(
        (each.metadata["Name"] or "").startswith("nvidia-cudnn") for each in distributions()
    )
    advice = "" if has_cuda else "Unless CUDA is installed: pip install 'tensorflow[and-cuda]'"
    what = ", ".join(gpus) or "none"
    if not has_cuda:
        what += "; TensorFlow's CUDA packages are not installed"
    yield Check("GPUs", Status.OK if has_cuda else Status.WARNING, what, advice)
    free = available_memory()
    is_little = free is not None and free < _LITTLE_MEMORY
    what = "unknown" if free is None else f"{gigabytes(free)} available; a worker takes about 0.6"
    advice = "Use --workers 1, and close other programs." if is_little else ""
    yield Check("memory", Status.WARNING if is_little else Status.OK, what, advice)


def _cluster() -> Iterator[Check]:
    """Check that the head of the cluster in RAY_ADDRESS answers; nothing if there is no address."""
    if not (address := os.environ.get("RAY_ADDRESS")):
        return
    from signs_sweep.executors.cluster.joining import RefusedError, address_here, check_address

    head = address_here() if address == "auto" else address
    if head is None and platform.system() != "Linux":
        yield Check("Ray cluster", Status.OK, "RAY_ADDRESS=auto, which is only checked on Linux")
        return
    if head is None:
        what = "RAY_ADDRESS=auto, but no Ray was found on this machine"
        yield Check("Ray cluster", Status.WARNING, what, "Start it: ray start --head")
        return
    try:
        check_address(head)
    except RefusedError as error:
        yield Check("Ray cluster", Status.WARNING, str(error))
        return
    if _version("ray"):
        where = f" at {head}" if address == "auto" else ""
        yield Check("Ray cluster", Status.OK, f"RAY_ADDRESS={address}: a head answers{where}")
    else:
        advice = "To train there: pip install 'signs-sweep[ray]'"
        what = f"RAY_ADDRESS={address}, but ray is not installed"
        yield Check("Ray cluster", Status.WARNING, what, advice)


def _quota() -> float | None:
    """Return how many cores a container may use, or None without a limit."""
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return int(quota) / int(period)
    return None


def _environment() -> Iterator[Check]:
    for name, value in sorted(os.environ.items()):
        effects = (effect for kind, effect in _VARIABLES.items() if re.fullmatch(kind, name))
        effect = next(effects, None)
        if effect is None:
            continue
        is_secret = re.search("PASSWORD|USERNAME|TOKEN|SECRET|_KEY", name) is not None
        found = f"{name}={'***' if is_secret else value}"
        if effect:
            advice = f"unset {name}, unless you have set it on purpose."
            yield Check("environment", Status.WARNING, f"{found}: {effect}", advice)
        else:
            yield Check("environment", Status.OK, found)


def _temporary() -> Iterator[Check]:
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError as error:
        yield Check("temporary folder", Status.ERROR, str(error), "Set TMPDIR to a folder.")
        return
    yield from _writable("temporary folder", Path(folder), "Set TMPDIR to a different folder.")


def _folder(store: Store) -> Iterator[Check]:
    advice = f"Name a store in a different folder {OTHERWISE}."
    yield from _writable("folder", store.folder, advice)
    if store.paths.shared_checkpoints is not None:
        advice = "Name a different folder in SIGNS_SWEEP_CHECKPOINTS."
        yield from _writable("shared checkpoints", store.checkpoints.folder, advice)


def _writable(name: str, folder: Path, advice: str) -> Iterator[Check]:
    """Check that a folder can be written, with a file without a name, and has free space."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Check(name, Status.ERROR, f"{folder} cannot be written: {error.strerror}", advice)
        return
    free = shutil.disk_usage(folder).free
    status = Status.WARNING if free < _LITTLE_DISK else Status.OK
    if free < _LEAST_DISK:
        status = Status.ERROR
    what = f"{folder} is writable; {gigabytes(free)} free"
    yield Check(name, status, what, "" if status is Status.OK else f"Free some space. {advice}")


def _data(data_dir: Path | None) -> Iterator[Check]:
    folder = photo_folder(data_dir)
    if folder is None:
        advice = "With photos, set SIGNS_DATA or --data to their folder."
        yield Check("data", Status.OK, "no photos: `signs` means the drawn images", advice)
        return
    source = find_source("signs", data_dir=data_dir, spec_folder=Path())
    size = source.train.stat().st_size + source.test.stat().st_size
    if size > _LARGEST_READ:
        what = f"{folder}: {gigabytes(size)}, not read"
        yield Check("data", Status.OK, what, "To read it: signs-sweep data info")
        return
    dataset = source.load()
    sizes = f"{len(dataset.train_labels):,} + {len(dataset.test_labels):,} images"
    yield Check("data", Status.OK, f"{folder}: {sizes}, fingerprint {dataset.fingerprint}")
    for doubt in find_doubts(dataset):
        yield Check("data", Status.WARNING, doubt, "Look at it: signs-sweep data info")


def _store(store: Store) -> Iterator[Check]:
    where = shown(store.uri)
    if not store_exists(store.uri):
        yield Check("store", Status.OK, f"{where} does not exist yet; the first run creates it")
        return
    path = sqlite_path(store.uri)
    if path is not None and not path.stat().st_size:
        advice = "Delete it; the next run creates it."
        yield Check("store", Status.ERROR, f"{where} is an empty file", advice)
        return
    found = store.index.inspect() or "empty: the first run creates MLflow's tables"
    kind = "answers" if is_server(store.uri) else "can be opened"
    kind += " and written" if path is not None else ""
    yield Check("store", Status.OK, f"{where} {kind}; {found}")


def _records(store: Store) -> Iterator[Check]:
    if sweeps := store.waiting():
        what = f"those of {count(sweeps, 'sweep')} are not in the store yet"
        yield Check("records", Status.WARNING, what, "The next `run` or `search` writes them.")
    if refused := store.refused():
        yield Check("records", Status.WARNING, *refused)


def _artifacts(store: Store) -> Iterator[Check]:
    if problems := store.index.unwritable():
        others = f" The same with {count(len(problems) - 1, 'other experiment')}."
        what = problems[0] + others * (len(problems) > 1)
        yield Check("artifacts", Status.WARNING, what, "`run` refuses to record to them.")


def _runs(store: Store) -> Iterator[Check]:
    rows = store.rows()
    states = [row.result.state for row in rows if row.result is not None]
    running, dead = states.count(State.RUNNING), 0
    for sweep_id, origin, claims in store.index.running():
        dead += store.is_dead(sweep_id, origin, claims)
    what = f"{count(len(rows), 'run')}, {running:,} marked RUNNING"
    if dead:
        what += f"; {count(dead, 'sweep')} marked RUNNING, whose process has ended"
        advice = "The same command as before resumes them."
        yield Check("runs", Status.WARNING, what, advice)
    else:
        yield Check("runs", Status.OK, what)


def _study(store: Store) -> Iterator[Check]:
    path = sqlite_path(store.paths.studies)
    if path is None or not path.exists():
        yield Check("study", Status.OK, "no search has been run here")
    elif not path.stat().st_size:
        yield Check("study", Status.ERROR, f"{path} is an empty file", "Delete it.")
    else:
        names = studies_in(store.paths.studies)
        found = "1 study" if len(names) == 1 else f"{len(names):,} studies"
        yield Check("study", Status.OK, f"{path} can be opened; {found}")


def _checkpoints(store: Store, *, is_usable: bool) -> Iterator[Check]:
    files = store.checkpoints
    names = files.trajectories()
    sizes = [file.stat().st_size for name in names for file in files.files(name)]
    outdated = store.outdated() if names and is_usable else set()
    freed = [
        file
        for name in names
        for file in files.unneeded(name, ends=False, is_outdated=name in outdated)
    ]
    damaged = sum(file.suffix == ".damaged" for file in freed)
    what = f"{count(len(sizes), 'file')}, {gigabytes(sum(sizes))}"
    if freed:
        what += f"; `clean` frees {gigabytes(sum(file.stat().st_size for file in freed))}"
    if damaged:
        what += f"; {count(damaged, 'file')} damaged"
        advice = "Check the disk. Training resumes from earlier ones; `clean` removes them."
        yield Check("checkpoints", Status.WARNING, what, advice)
    else:
        yield Check("checkpoints", Status.OK, what)


def _locks(store: Store) -> Iterator[Check]:
    held = []
    for folder in (store.paths.root, store.paths.claims):
        claims = FileClaims(folder)
        for file in folder.glob("*.lock"):
            if claims.take(file.stem):
                claims.release(file.stem)
            else:
                held.append(file.stem)
    if held:
        what = f"{len(held)} held: another process trains or writes here"
        yield Check("locks", Status.OK, what, "A lock ends with its process; delete no file.")
    else:
        yield Check("locks", Status.OK, "none held")


def _claims(claims: PostgresClaims) -> Iterator[Check]:
    held, sessions = claims.count()
    what = f"{claims.place} can be opened; {count(held, 'claim')}"
    what += f" of {count(sessions, 'session')}" if held else " held"
    yield Check("claims", Status.OK, what)
