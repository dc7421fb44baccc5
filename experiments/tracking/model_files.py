"""Writes the files of a logged model. Files that all models share are made once and copied."""

import atexit
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
from mlflow.entities import LoggedModel
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

import experiments
import rnn_core
from analysis.runs.schema import CONFIG_FILE, MODEL_FOLDER, MODEL_NAME, WEIGHTS_FILE

REQUIRED = ("mlflow", "numpy", "safetensors", "torch")
"""The packages that a served model needs."""

_shared_files: dict[str, Path] = {}
"""The folders of shared files made so far, by the example that they hold."""


def write_model(folder: Path, model: LoggedModel, run_id: str, example: str) -> Path:
    """Write the files of a logged model.

    Arguments:
        folder: the folder that holds the net's config.json and model.safetensors; the files are written below it.
        model: MLflow's record of the model.
        run_id: the run that trained the net.
        example: a prompt that MLflow shows as the example input.

    Returns:
        The folder of the files.
    """
    home = folder / MODEL_NAME
    shutil.copytree(_make_shared_files(folder, example), home)
    about = Model.load(str(home))
    size = about.model_size_bytes or 0
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        copied = home / MODEL_FOLDER / name  # of the first net for which the shared files were made
        size += (folder / name).stat().st_size - copied.stat().st_size
        shutil.copy(folder / name, copied)
    about.model_size_bytes = size
    about.model_id = about.model_uuid = model.model_id
    about.artifact_path, about.run_id = model.artifact_location, run_id
    about.utc_time_created = str(Model().utc_time_created)
    about.save(str(home / MLMODEL_FILE_NAME))
    return home


def _make_shared_files(folder: Path, example: str) -> Path:
    """Return a folder with all files of a model, made once for each example.

    Its config.json and model.safetensors are those of `folder` at the first call; the caller replaces them.
    """
    if example not in _shared_files:
        home = Path(tempfile.mkdtemp(prefix="rnn-patterns-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        mlflow.pyfunc.save_model(
            path=home / MODEL_NAME,
            python_model=str(Path(experiments.__file__).with_name("predictor.py")),
            artifacts={"config": str(folder / CONFIG_FILE), "weights": str(folder / WEIGHTS_FILE)},
            code_paths=[str(Path(rnn_core.__file__).parent)],
            # Without them MLflow takes seconds to guess the requirements.
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in REQUIRED],
            input_example=([example], {"length": 30, "temperature": 0.0, "seed": 0}),
        )
        _shared_files[example] = home / MODEL_NAME
    return _shared_files[example]
