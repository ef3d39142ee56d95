"""The folder of a model in MLflow's Keras flavor, written without Keras.

It equals the folder that `mlflow.keras.save_model` writes, with the `.keras` file of a worker.
Keras and TensorFlow would take 5 s and 600 MB of this process only to write that file again.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from signs_sweep.tracking.dataset import DatasetInfo

_REQUIRED = ("tensorflow", "keras", "numpy")


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
    (data / "model.keras").write_bytes(model)
    (data / "keras_module.txt").write_text("keras", encoding="utf-8")
    for name, content in (
        ("input_example.json", dataset.example_text),
        ("serving_input_example.json", f'{{"inputs": {dataset.example_text}}}'),
    ):
        (folder / name).write_text(content, encoding="utf-8")
    _write_requirements(folder, environment)
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
        metadata={"classes": list(dataset.classes)},
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
