"""The model that MLflow serves: it takes prompts and returns texts. MLflow copies this file into each logged model."""

import sys
import time
from collections.abc import Iterator
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

# A logged model holds the code of rnn_core as an archive; in the project itself there is no such folder.
sys.path[:0] = map(str, (Path(__file__).parent / "code").glob("*.zip"))

from rnn_core.checkpoint import load_record, load_weights  # noqa: E402  # only now can they be found
from rnn_core.config import shown  # noqa: E402
from rnn_core.nets.reading import OutputError, answer  # noqa: E402

MAX_CHARACTERS = 100_000
"""The most characters that a call reads in all its prompts together, and the most that it writes after them."""

MAX_PROMPTS = 10_000
"""The most prompts of a call."""

MAX_SECONDS = 60.0
"""The longest that a call writes: a large net may need hours for MAX_CHARACTERS."""

MAX_SEED = 2**63 - 1
"""The greatest seed that torch takes."""

DEFAULTS = {"length": 30, "temperature": 0.0, "seed": 0}


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
        each character of the prompt, and writes nothing beyond it. A net that was trained on questions with answers
        takes a question, without the tab after it, and returns its answer.

        Arguments:
            model_input: prompts, each of one or more characters of the alphabet. For a net that was trained on strings,
                a prompt is the beginning of a string and may be empty.
            params: `length`: how many characters to write after each prompt (of an answer: at most), 0 to 100,000,
                unused by a transducer;
                `temperature`: 0 takes the likeliest character, above 0 draws; `seed`: of the draws, 0 or above.
                The text for a prompt does not depend on the other prompts. All prompts together have at most 100,000
                characters, and at most 100,000 are written after them, within 60 seconds.

        Raises:
            MlflowException: a prompt or a param is not allowed. Over HTTP the status is 400, with the same message.
        """
        length, temperature, seed = _checked(params or {})
        prompts = list(model_input)
        read = sum(map(len, prompts))
        written = length * len(prompts) if self.record.predicts_next else read
        for came, what, most in (
            (len(prompts), "prompts", MAX_PROMPTS),
            (read, "characters in all prompts", MAX_CHARACTERS),
            (written, "characters to write after all prompts", MAX_CHARACTERS),
        ):
            if came > most:
                raise _refused(f"there are {came} {what}; allowed: at most {most} a call")
        end = time.monotonic() + MAX_SECONDS
        try:
            texts = [answer(self.net, self.record, prompt, length, temperature, seed) for prompt in prompts]
            return ["".join(_until(end, characters)) for characters in texts]
        except (ValueError, OutputError) as error:  # a ValueError comes for any prompt before a text is generated
            raise _refused(f"prompt: {error}") from None


def _checked(params: dict[str, Any]) -> tuple[int, float, int]:
    """Return length, temperature and seed; raise MlflowException for what is not allowed."""
    for name in params:
        if name not in DEFAULTS:
            raise _refused(f"there is no param {shown(name)}; allowed: {', '.join(DEFAULTS)}")
    values = DEFAULTS | params
    for name, default in DEFAULTS.items():
        kind = Integral if isinstance(default, int) else Real
        if not isinstance(values[name], kind) or isinstance(values[name], bool):
            raise _refused(f"{name} is {shown(values[name])}; allowed: a {'whole ' * (kind is Integral)}number")
    length, temperature, seed = values["length"], values["temperature"], values["seed"]
    if not 0 <= length <= MAX_CHARACTERS:
        raise _refused(f"length is {shown(length)}; allowed: 0 to {MAX_CHARACTERS}")
    if not 0 <= temperature < float("inf"):
        raise _refused(f"temperature is {shown(temperature)}; allowed: 0 or above, finite")
    if not 0 <= seed <= MAX_SEED:
        raise _refused(f"seed is {shown(seed)}; allowed: 0 to {MAX_SEED}")
    return int(length), float(temperature), int(seed)


def _until(end: float, characters: Iterator[str]) -> Iterator[str]:
    """Yield characters; raise MlflowException if that takes longer than to a point of time.monotonic."""
    for character in characters:
        if time.monotonic() > end:
            raise _refused(f"it takes more than {MAX_SECONDS:.0f} seconds; allowed: a lower length, or fewer prompts")
        yield character


def _refused(message: str) -> MlflowException:
    # MLflow's server sends the message of this kind of error to the client, without a stack trace.
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


set_model(Predictor())
