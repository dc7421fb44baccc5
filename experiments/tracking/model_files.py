"""Writes the files of a logged model. Files that all models share are made once."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow.entities import LoggedModel
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

import experiments
import rnn_core
from analysis.runs.schema import CONFIG_FILE, MODEL_FOLDER, MODEL_NAME, WEIGHTS_FILE
from rnn_core.checkpoint import save_record, save_weights
from rnn_core.record import Record

REQUIRED = ("mlflow", "numpy", "safetensors", "torch")
"""The packages that a served model needs."""

ARCHIVE = "rnn_core.zip"
"""The name of the archive of code; the model's predictor.py makes Python import from it."""

NOT_SERVED = ("compiled", "measures", "patterns", "training")
"""The folders of rnn_core that a served model does not need."""

_OWN = ("artifact_path", "model_id", "model_uuid", "run_id", "utc_time_created")
"""The texts in MLmodel that each model has for itself; its size is a number."""

_SIZE = 1_000_000_007
"""What stands in the shared MLmodel for the size."""


@dataclass(frozen=True)
class SharedFiles:
    """What the models of one example have in common.

    Attributes:
        contents: the files that are alike for all of them, by path.
        about: the text of MLmodel, in which each of _OWN is a placeholder, and the size is _SIZE.
        size: the size of a model without its config.json and its weights, in bytes, as MLflow counts it.
    """

    contents: dict[str, bytes]
    about: str
    size: int


_shared_files: dict[str, SharedFiles] = {}
"""The shared files made so far, by the example that they hold."""


def write_model(
    folder: Path, model: LoggedModel, run_id: str, record: Record, weights: Mapping[str, np.ndarray], example: str
) -> None:
    """Write the files of a logged model.

    Arguments:
        folder: the folder of the model.
        model: MLflow's record of the model.
        run_id: the run that trained the net.
        record: what identifies the run.
        weights: the weights of the net, by name.
        example: a prompt that MLflow shows as the example input.
    """
    own = folder / MODEL_FOLDER
    own.mkdir(exist_ok=True)
    save_record(record, own / CONFIG_FILE)
    save_weights(weights, own / WEIGHTS_FILE)
    if example not in _shared_files:
        _shared_files[example] = _make_shared_files(own, example)
    shared = _shared_files[example]
    for path, content in shared.contents.items():
        file = folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    size = shared.size + sum((own / name).stat().st_size for name in (CONFIG_FILE, WEIGHTS_FILE))
    created = str(Model().utc_time_created)
    about = shared.about.replace(str(_SIZE), str(size))
    for name, value in zip(
        _OWN, (model.artifact_location, model.model_id, model.model_id, run_id, created), strict=True
    ):
        # JSON's form of a text is one of YAML's, too.
        about = about.replace(_placeholder(name), json.dumps(value, ensure_ascii=False))
    (folder / MLMODEL_FILE_NAME).write_text(about, encoding="utf-8")


def _make_shared_files(own: Path, example: str) -> SharedFiles:
    """Make the files that the models of an example share.

    Arguments:
        own: the folder of the config.json and the model.safetensors of some net, which MLflow wants to see.
        example: a prompt.
    """
    with tempfile.TemporaryDirectory() as work:
        write_archive(Path(work, ARCHIVE))
        home = Path(work, MODEL_NAME)
        mlflow.pyfunc.save_model(
            path=home,
            python_model=str(Path(experiments.__file__).with_name("predictor.py")),
            artifacts={"config": str(own / CONFIG_FILE), "weights": str(own / WEIGHTS_FILE)},
            code_paths=[str(Path(work, ARCHIVE))],
            # Without them MLflow takes seconds to guess the requirements.
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in REQUIRED],
            input_example=([example], {"length": 30, "temperature": 0.0, "seed": 0}),
        )
        about = Model.load(str(home))
        size = about.model_size_bytes or 0
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            size -= (home / MODEL_FOLDER / name).stat().st_size
        shutil.rmtree(home / MODEL_FOLDER)
        (home / MLMODEL_FILE_NAME).unlink()
        files = [path for path in home.rglob("*") if path.is_file()]
        contents = {path.relative_to(home).as_posix(): path.read_bytes() for path in files}
    for name in _OWN:
        setattr(about, name, _placeholder(name))
    about.model_size_bytes = _SIZE
    return SharedFiles(contents, about.to_yaml(), size)


def _placeholder(name: str) -> str:
    return f"THE-{name.upper()}-"


def write_archive(path: Path) -> None:
    """Write the code that a served model needs as a zip from which Python imports; the same code gives the same bytes.

    Arguments:
        path: the file to write.
    """
    package = Path(rnn_core.__file__).parent
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(package.rglob("*.py")):
            name = file.relative_to(package)
            if name.parts[0] not in NOT_SERVED:
                archive.writestr(
                    zipfile.ZipInfo(f"{package.name}/{name.as_posix()}"), file.read_bytes(), zipfile.ZIP_DEFLATED
                )
