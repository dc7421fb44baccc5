"""The files of a logged model: those that are the same for every net are made once, the net's own are laid beside."""

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
"""What a served model needs to be installed."""

_made: dict[str, Path] = {}
"""The files made so far, by their example."""


def write_model(folder: Path, model: LoggedModel, run_id: str, example: str) -> Path:
    """Write the files that MLflow keeps of a model.

    Arguments:
        folder: where the net's config.json and safetensors lie; the model's files are written below it.
        model: what MLflow knows of the model so far.
        run_id: the run that trained it.
        example: a prompt, shown to those who serve the model.

    Returns:
        The folder of the model's files.
    """
    home = folder / MODEL_NAME
    shutil.copytree(_common_files(folder, example), home)
    about = Model.load(str(home))
    size = about.model_size_bytes or 0
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        laid_over = home / MODEL_FOLDER / name
        size += (folder / name).stat().st_size - laid_over.stat().st_size
        shutil.copy(folder / name, laid_over)
    about.model_size_bytes = size
    about.model_id = about.model_uuid = model.model_id
    about.artifact_path, about.run_id = model.artifact_location, run_id
    about.utc_time_created = str(Model().utc_time_created)
    about.save(str(home / MLMODEL_FILE_NAME))
    return home


def _common_files(folder: Path, example: str) -> Path:
    """Return a folder with all files of a model; those of the net are the first one's, to be laid over."""
    if example not in _made:
        home = Path(tempfile.mkdtemp(prefix="rnn-patterns-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        mlflow.pyfunc.save_model(
            path=home / MODEL_NAME,
            python_model=str(Path(experiments.__file__).with_name("predictor.py")),
            artifacts={"config": str(folder / CONFIG_FILE), "weights": str(folder / WEIGHTS_FILE)},
            code_paths=[str(Path(rnn_core.__file__).parent)],
            # Given, or MLflow takes seconds to guess them.
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in REQUIRED],
            input_example=([example], {"length": 30, "temperature": 0.0, "seed": 0}),
        )
        _made[example] = home / MODEL_NAME
    return _made[example]
