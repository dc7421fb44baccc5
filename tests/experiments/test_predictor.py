"""The logged model, loaded as MLflow loads it: prompts in, continuations out."""

import copy
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pytest
import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from analysis.runs import load_run
from experiments.train import main
from rnn_core.vocabulary import Vocabulary
from tests.conftest import copy_store


def trained_model(migrated_store: Path, folder: Path, *arguments: str) -> Iterator[tuple[Any, str]]:
    """Train in a store of its own; yield the logged model and the run's id."""
    copy_store(migrated_store, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        assert main(arguments) == 0
        (run,) = MlflowClient().search_runs(["0"])
        yield mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model"), run.info.run_id


@pytest.fixture(scope="module")
def model(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    for trained, _ in trained_model(
        migrated_store, tmp_path_factory.mktemp("model"), "--pattern", "abcd", "--epochs", "150"
    ):
        yield trained


@pytest.fixture(scope="module")
def of_strings(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """A model of short strings, and the run's id."""
    yield from trained_model(
        migrated_store, tmp_path_factory.mktemp("strings"), "--pattern", "reber", "--length", "2000", "--epochs", "12"
    )


def test_prompts_of_any_length_are_continued_greedily(model: Any) -> None:
    prompts = ["abcd", "abcdab", "abcdabcdabc" + "dabc" * 50]
    assert model.predict(prompts, params={"length": 8}) == ["abcdabcd", "cdabcdab", "dabcdabc"]


def test_defaults_are_thirty_characters_and_greedy(model: Any) -> None:
    assert model.predict(["abcd"]) == [("abcd" * 8)[:30]]


def test_a_seed_decides_what_is_drawn(model: Any) -> None:
    hot = {"length": 50, "temperature": 5.0}
    (first,), (again,), (other,) = (model.predict(["ab"], params=hot | {"seed": seed}) for seed in (1, 1, 2))
    assert first == again != other
    assert set(first) == set("abcd")


def test_a_continuation_does_not_depend_on_the_prompts_beside_it(model: Any) -> None:
    hot = {"length": 20, "temperature": 2.0, "seed": 3}
    assert model.predict(["abc", "d"], params=hot)[1:] == model.predict(["d"], params=hot)


def test_low_temperature_approaches_greedy(model: Any) -> None:
    assert model.predict(["abcd"], params={"length": 40, "temperature": 1e-4}) == ["abcd" * 10]


@pytest.mark.parametrize(
    ("prompts", "params", "words"),
    [
        (["abx"], {}, ["'x'", "'abcd'"]),
        (["ab\ud800"], {}, ["'\\ud800'", "'abcd'"]),
        ([""], {}, ["empty", "'abcd'"]),
        (["ab"], {"length": -1}, ["length is -1", "100000"]),
        (["ab"], {"length": 100_001}, ["length is 100001", "100000"]),
        (["ab"], {"length": 10**6}, ["length is 1000000", "100000"]),
        (["ab"], {"temperature": -0.5}, ["temperature is -0.5"]),
        (["ab"], {"temperature": float("inf")}, ["temperature is inf"]),
        (["ab"], {"temperature": float("nan")}, ["temperature is nan"]),
        (["ab"], {"temperature": -1e-12}, ["temperature is -1e-12"]),
        (["ab"], {"seed": -1}, ["seed is -1"]),
        (["ab"], {"seed": 10**30}, [f"seed is {10**30}"]),
        (["ab"], {"length": None}, ["length is None; allowed: a whole number"]),
        (["ab"], {"temperature": None}, ["temperature is None; allowed: a number"]),
        (["ab"], {"seed": None}, ["seed is None; allowed: a whole number"]),
        (["a"] * 10_001, {"length": 0}, ["there are 10001 prompts; allowed: at most 10000"]),
        (
            ["a"] * 101,
            {"length": 1000},
            ["there are 101000 characters to write", "at most 100000"],
        ),
        (["ab" * 60_000], {}, ["there are 120000 characters in all prompts; allowed: at most 100000"]),
    ],
)
def test_what_is_not_allowed_is_said(model: Any, prompts: list[str], params: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(MlflowException) as refused:
        model.predict(prompts, params=params)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    for word in words:
        assert word in refused.value.message


@pytest.mark.parametrize(
    ("params", "length"),
    [
        ({"length": 0}, 0),
        ({"length": 1000}, 1000),
        pytest.param({"length": 100_000}, 100_000, marks=pytest.mark.long),  # the longest that is allowed
        ({"length": 5, "temperature": 0.0}, 5),
        ({"length": 5, "temperature": 1e300, "seed": 2**63 - 1}, 5),  # the greatest seed
        ({"length": 5, "temperature": 1.0, "seed": 0}, 5),
    ],
)
def test_what_lies_at_the_edge_is_allowed(model: Any, params: dict[str, Any], length: int) -> None:
    (continuation,) = model.predict(["ab"], params=params)
    assert len(continuation) == length
    if params.get("temperature", 0) == 0:
        assert continuation == ("cdab" * (length // 4 + 1))[:length]


def test_a_seed_beyond_the_greatest_is_refused() -> None:
    """MLflow itself turns a served seed into 64 bits; whoever calls the model's code is told."""
    from experiments.predictor import Predictor

    with pytest.raises(MlflowException, match=f"seed is {2**63}; allowed: 0 to {2**63 - 1}"):
        Predictor().predict(["ab"], {"seed": 2**63})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"lenght": 5}, "there is no param 'lenght'; allowed: length, temperature, seed"),
        ({"length": True}, "length is True; allowed: a whole number"),
        ({"length": 5.5}, "length is 5.5; allowed: a whole number"),
        ({"temperature": "1"}, "temperature is '1'; allowed: a number"),
        ({"length": 10**5000}, "length is a value too long to be shown"),
    ],
)
def test_what_mlflow_itself_refuses_or_drops_is_refused_by_the_models_code(params: dict[str, Any], words: str) -> None:
    from experiments.predictor import Predictor

    with pytest.raises(MlflowException, match=words):
        Predictor().predict(["ab"], params)


def test_a_call_that_takes_too_long_is_refused(model: Any) -> None:
    predictor = model.unwrap_python_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[type(predictor).__module__], "MAX_SECONDS", -1.0)
        with pytest.raises(MlflowException, match="it takes more than -1 seconds; allowed: a lower length, or fewer"):
            model.predict(["ab"])


def test_a_net_whose_outputs_are_not_finite_is_refused(model: Any) -> None:
    predictor = model.unwrap_python_model()
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        net = copy.deepcopy(predictor.net)
        net.readout.bias[0] = math.inf
        patch.setattr(predictor, "net", net)
        for temperature in (0.0, 1.0):
            with pytest.raises(MlflowException, match="the net's outputs are not finite numbers"):
                model.predict(["ab"], params={"temperature": temperature})


def test_strings_are_continued_from_their_mark_on_and_each_from_a_zero_state(of_strings: tuple[Any, str]) -> None:
    model, run_id = of_strings
    loaded = load_run(run_id)
    net, vocabulary = loaded.net, Vocabulary(loaded.record.alphabet)
    prompts = ["", "#", "B", "#BT", "BTXSE", "BPVVE#B", "#BTXSE##"]
    came = model.predict(prompts, params={"length": 40})
    for prompt, continuation in zip(prompts, came, strict=True):
        written = prompt if prompt.startswith("#") else f"#{prompt}"
        begin = len(written)
        while len(written) < begin + 40:
            string = vocabulary.encode(written[written.rindex("#") :])
            with torch.no_grad():
                logits_tv = net(net.encode(string[None]), net.init_state(1))[0][0]
            written += vocabulary.decode(logits_tv[-1:].argmax(-1))
        assert continuation == written[begin:]
    assert came[0] == came[1], "the empty prompt is the beginning of a string"
    assert "#" in came[0]
    assert came[0].startswith("B")


def test_draws_of_strings_start_with_the_first_letter(of_strings: tuple[Any, str]) -> None:
    (drawn,) = of_strings[0].predict([""], params={"length": 400, "temperature": 1.0, "seed": 4})
    strings = ("#" + drawn).split("#")[1:-1]
    assert len(set(strings)) > 3
    assert sum(string.startswith("B") for string in strings) > 0.8 * len(strings)


def test_a_character_outside_the_strings_is_refused(of_strings: tuple[Any, str]) -> None:
    with pytest.raises(MlflowException, match=r"'x'.*'#BEPSTVX'"):
        of_strings[0].predict(["Bx"])
