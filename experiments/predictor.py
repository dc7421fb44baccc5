"""The logged model's face: prompts in, continuations out. MLflow copies this file into each model and runs it there."""

from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from rnn_core.checkpoint import load_record, load_weights
from rnn_core.nets.reading import answer

MAX_CHARACTERS = 100_000
"""The longest continuation that one prompt may ask for."""

MAX_SEED = 2**63 - 1


class Predictor(PythonModel):
    """Continues prompts of any length; serves from the model's own files, without the project."""

    def load_context(self, context: PythonModelContext) -> None:
        """Build the net from the model's config.json and safetensors."""
        record = load_record(Path(context.artifacts["config"]))
        self.net = load_weights(record, Path(context.artifacts["weights"]))
        self.record = record

    def predict(  # type: ignore[override]  # MLflow allows leaving its context out
        self, model_input: list[str], params: dict[str, Any] | None = None
    ) -> list[str]:
        """Return one continuation for each prompt or, of a net that says something else than the next character, one
        answer, with what it says after each character of the prompt.

        Arguments:
            model_input: prompts, one or more characters of the alphabet each; of a net that was trained on strings,
                the beginning of one, which may be empty.
            params: `length`, characters to write for each prompt, 0 to 100,000, which an answer does without;
                `temperature`, 0 for the likeliest character, above 0 to draw; `seed` of the draws, from 0. A prompt's
                continuation does not depend on the prompts beside it.

        Raises:
            MlflowException: a prompt or a param is not allowed; over HTTP its message comes with status 400.
        """
        asked = {"length": 30, "temperature": 0.0, "seed": 0} | (params or {})
        length, temperature, seed = int(asked["length"]), float(asked["temperature"]), int(asked["seed"])
        if not 0 <= length <= MAX_CHARACTERS:
            raise _refused(f"length is {length}; allowed: 0 to {MAX_CHARACTERS}")
        if not 0 <= temperature < float("inf"):
            raise _refused(f"temperature is {temperature}; allowed: 0 or above, finite")
        if not 0 <= seed <= MAX_SEED:
            raise _refused(f"seed is {seed}; allowed: 0 to {MAX_SEED}")
        try:
            said = [answer(self.net, self.record, prompt, length, temperature, seed) for prompt in model_input]
        except ValueError as error:  # before anything is written
            raise _refused(f"prompt: {error}") from None
        return ["".join(characters) for characters in said]


def _refused(message: str) -> MlflowException:
    # The one error whose message MLflow's server passes on, without a stack trace.
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


set_model(Predictor())
