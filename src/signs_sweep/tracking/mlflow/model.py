"""The folder of a model in MLflow's Keras flavor, written and read without Keras.

It equals the folder that `mlflow.keras.save_model` writes, with the `.keras` file of a worker.
Keras and TensorFlow would take 5 s and 600 MB of this process only to write that file again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from signs_sweep.data import Preparation
from signs_sweep.errors import StoreError
from signs_sweep.tracking.dataset import DatasetInfo

MODEL = "model"
"""Name of the artifact."""

_FILE, _NOVELTY = Path("data", "model.keras"), "novelty.bin"

_REQUIRED = ("tensorflow", "keras", "numpy")


@dataclass(frozen=True)
class StoredModel:
    """A model in the store.

    Attributes:
        location: the record that it belongs to.
        file: a `.keras` file.
        classes: names of its classes; their labels for a model of an earlier version.
        preparation: how a picture becomes an image as the model takes it. For a model whose data
            were images from the start, it is the centre of the picture.
        takes_pixels: whether it takes uint8 images; else float32, scaled to [0, 1].
        novelty: content of the file with the rule for unfamiliar images; None without.
        keras: the version of Keras that saved it; empty if it is not known.
    """

    location: str
    file: Path
    classes: tuple[str, ...]
    preparation: Preparation
    takes_pixels: bool
    novelty: bytes | None
    keras: str


def write_model(
    folder: Path,
    model: bytes,
    dataset: DatasetInfo,
    environment: Mapping[str, str],
) -> None:
    """Write a model for `mlflow.keras.load_model` and `mlflow.pyfunc.load_model`.

    Args:
        folder: the folder to create.
        model: content of a `.keras` file.
        dataset: has an example of an input, and as many classes as the model has outputs.
        environment: versions of Python and of the libraries that trained it, by name.
    """
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    data = folder / "data"
    data.mkdir(parents=True)
    (folder / _FILE).write_bytes(model)
    (data / "keras_module.txt").write_text("keras", encoding="utf-8")
    for name, content in (
        ("input_example.json", dataset.example_text),
        ("serving_input_example.json", f'{{"inputs": {dataset.example_text}}}'),
    ):
        (folder / name).write_text(content, encoding="utf-8")
    _write_requirements(folder, environment)
    if dataset.novelty_bytes is not None:
        (folder / _NOVELTY).write_bytes(dataset.novelty_bytes)
    metadata: dict[str, object] = {"classes": list(dataset.classes)}
    if (how := dataset.preparation) is not None:
        metadata["preparation"] = asdict(how) | {"fit": how.fit.value}
    description = Model(
        signature=ModelSignature(
            inputs=Schema([TensorSpec(dataset.example.dtype, (-1, *dataset.example.shape[1:]))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(dataset.classes)))]),
        ),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "type": "ndarray",
            "serving_input_path": "serving_input_example.json",
        },
        metadata=metadata,
    )
    description.add_flavor(
        "keras",
        data="data",
        keras_version=environment.get("keras", ""),
        keras_backend="tensorflow",
        save_exported_model=False,
    )
    pyfunc.add_to_model(
        description,
        loader_module="mlflow.keras",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
    )
    description.save(str(folder / "MLmodel"))


def read_model(folder: Path, location: str) -> StoredModel:
    """Return what the folder of a model says about it.

    Args:
        folder: the folder.
        location: the record that it belongs to.

    Raises:
        StoreError: the folder is damaged.
    """
    from pydantic import TypeAdapter
    from ruamel.yaml import YAML, YAMLError

    novelty = folder / _NOVELTY
    try:
        described = YAML(typ="safe").load(folder / "MLmodel")
        signature = described["signature"]
        ((taken,), (given,)) = (json.loads(signature[name]) for name in ("inputs", "outputs"))
        _, height, width, channels = taken["tensor-spec"]["shape"]
        labels = map(str, range(given["tensor-spec"]["shape"][-1]))
        metadata = described.get("metadata") or {}
        how = Preparation(height, width, channels)
        if "preparation" in metadata:
            kept = TypeAdapter(Preparation).validate_python(metadata["preparation"])
            # The data may have been changed after they were made from pictures.
            how = replace(how, fit=kept.fit)
        if not (folder / _FILE).is_file():
            raise ValueError(f"it has no {_FILE}")  # noqa: TRY301 - handled like other damage
        return StoredModel(
            location=location,
            file=folder / _FILE,
            classes=tuple(metadata.get("classes", labels)),
            preparation=how,
            takes_pixels=taken["tensor-spec"]["dtype"] == "uint8",
            novelty=novelty.read_bytes() if novelty.is_file() else None,
            keras=described["flavors"]["keras"].get("keras_version", ""),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, YAMLError) as error:
        raise StoreError(
            f"the model of the MLflow run {location} is damaged ({error}). Delete that run in "
            "MLflow and train it again."
        ) from error


def _write_requirements(folder: Path, environment: Mapping[str, str]) -> None:
    from importlib.metadata import version

    packages = [f"mlflow=={version('mlflow')}"]
    packages += [f"{name}=={environment[name]}" for name in _REQUIRED if name in environment]
    lines = "".join(f"{package}\n" for package in packages)
    python = environment.get("python", "3.11")
    (folder / "requirements.txt").write_text(lines, encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        f"python: {python}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n",
        encoding="utf-8",
    )
    listed = "".join(f"  - {package}\n" for package in packages)
    (folder / "conda.yaml").write_text(
        f"name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n"
        f"- pip:\n{listed}",
        encoding="utf-8",
    )
