"""The model that MLflow serves: it takes prompts and returns texts. MLflow copies this file into each logged model."""

from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from rnn_core.checkpoint import load_record, load_weights
from rnn_core.nets.reading import answer

MAX_CHARACTERS = 100_000
"""The longest continuation of a prompt, in characters."""

MAX_SEED = 2**63 - 1
"""The greatest seed that torch takes."""


class Predictor(PythonModel):
    """Answers prompts with a recorded net. It needs the files of the model alone, not this project."""

    def load_context(self, context: PythonModelContext) -> None:
        """Build the net from the model's config.json and safetensors."""
        record = load_record(Path(context.artifacts["config"]))
        self.net = load_weights(record, Path(context.artifacts["weights"]))
        self.record = record

    def predict(  # type: ignore[override]  # MLflow allows leaving its context out
        self, model_input: list[str], params: dict[str, Any] | None = None
    ) -> list[str]:
        """Return a text for each prompt.

        A net that predicts the next character continues the prompt. The net of a transducer says one symbol after
        each character of the prompt, and writes nothing beyond it.

        Arguments:
            model_input: prompts, each of one or more characters of the alphabet. For a net that was trained on strings,
                a prompt is the beginning of a string and may be empty.
            params: `length`: how many characters to write after each prompt, 0 to 100,000, unused by a transducer;
                `temperature`: 0 takes the likeliest character, above 0 draws; `seed`: of the draws, 0 or above.
                The text for a prompt does not depend on the other prompts.

        Raises:
            MlflowException: a prompt or a param is not allowed. Over HTTP the status is 400, with the same message.
        """
        values = {"length": 30, "temperature": 0.0, "seed": 0} | (params or {})
        length, temperature, seed = int(values["length"]), float(values["temperature"]), int(values["seed"])
        if not 0 <= length <= MAX_CHARACTERS:
            raise _refused(f"length is {length}; allowed: 0 to {MAX_CHARACTERS}")
        if not 0 <= temperature < float("inf"):
            raise _refused(f"temperature is {temperature}; allowed: 0 or above, finite")
        if not 0 <= seed <= MAX_SEED:
            raise _refused(f"seed is {seed}; allowed: 0 to {MAX_SEED}")
        try:
            texts = [answer(self.net, self.record, prompt, length, temperature, seed) for prompt in model_input]
        except ValueError as error:  # raised for any prompt before a text is generated
            raise _refused(f"prompt: {error}") from None
        return ["".join(characters) for characters in texts]


def _refused(message: str) -> MlflowException:
    # MLflow's server sends the message of this kind of error to the client, without a stack trace.
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


set_model(Predictor())
