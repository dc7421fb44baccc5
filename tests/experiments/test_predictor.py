"""The logged model, loaded as MLflow loads it: prompts in, continuations out."""

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments.train import main


@pytest.fixture(scope="module")
def model(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.conftest import copy_store

    folder = tmp_path_factory.mktemp("model")
    copy_store(migrated_store, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        assert main(["--pattern", "abcd", "--epochs", "150"]) == 0
        (run,) = MlflowClient().search_runs(["0"])
        yield mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")


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
        (["ab"], {"length": 10**6}, ["length is 1000000", "100000"]),
        (["ab"], {"temperature": -0.5}, ["temperature is -0.5"]),
        (["ab"], {"temperature": float("inf")}, ["temperature is inf"]),
        (["ab"], {"seed": -1}, ["seed is -1"]),
    ],
)
def test_what_is_not_allowed_is_said(model: Any, prompts: list[str], params: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(MlflowException) as refused:
        model.predict(prompts, params=params)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    for word in words:
        assert word in refused.value.message
