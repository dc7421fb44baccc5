"""Prompts continued from recorded runs, through the real entry point."""

import re
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import torch
from mlflow import MlflowClient

from analysis.runs import RunError, find_run_id, load_run
from experiments.generate import main
from experiments.train import main as train_main
from rnn_core.nets.reading import generate
from rnn_core.vocabulary import Vocabulary


def newest() -> str:
    return str(MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])[0].info.run_id)


def trained(*arguments: str) -> str:
    assert train_main([*arguments, "--epochs", "20"]) == 0
    return newest()


def test_a_prompt_goes_on_by_id_by_name_and_for_the_latest(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = trained("--pattern", "abc")
    trained("--pattern", "xy")
    for run, prompt, written in (
        (first, "abca", "bcabca"),
        ("abc rnn16 e20 s42", "c", "abcabc"),
        ("latest", "x", "yxyxyx"),
    ):
        capsys.readouterr()
        assert main([run, "--prompt", prompt, "--length", "6"]) == 0
        out, err = capsys.readouterr()
        assert out == f"{prompt}{written}\n"
        assert err.startswith(first if run != "latest" else find_run_id("latest"))


def test_draws_are_the_nets_own_and_follow_the_seed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = load_run(trained("--pattern", "abc", "--learning-rate", "0.0001"))
    texts = []
    for seed in (0, 0, 1):
        capsys.readouterr()
        arguments = ["latest", "--prompt", "ab", "--length", "40", "--temperature", "0.8", "--seed", str(seed)]
        assert main(arguments) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    vocabulary = Vocabulary(run.record.alphabet)
    running = generate(run.net, vocabulary.encode("ab"), 0.8, torch.Generator().manual_seed(0))
    assert texts[0] == "ab" + vocabulary.decode([next(running) for _ in range(40)]) + "\n"


def test_strings_begin_at_their_mark_without_a_prompt(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained("--pattern", "reber", "--length", "3000")
    capsys.readouterr()
    assert main(["latest", "--length", "30"]) == 0
    written = capsys.readouterr().out
    assert written.startswith("B")
    assert main(["latest", "--prompt", "#", "--length", "30"]) == 0
    assert capsys.readouterr().out == f"#{written}"


def test_a_question_is_answered_and_no_more_is_written(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "signs.txt").write_text("".join(f"{sign * count}\t{sign}\n" for sign in "ab" for count in range(1, 20)))
    trained("--pattern", "lines:signs.txt", "--hidden-size", "16", "--cell", "rnn")
    said = capsys.readouterr().out
    assert re.search(r"^question +[ab]+⇥$", said, flags=re.MULTILINE)
    assert re.search(r"^answer +[ab]$", said, flags=re.MULTILINE)
    for prompt in ("aaa", "aaa\t"):
        assert main(["latest", "--prompt", prompt]) == 0
        assert capsys.readouterr().out == "aaa\ta\n"
    model = mlflow.pyfunc.load_model(f"runs:/{newest()}/model")
    assert model.predict(["bbb", "aa\t"]) == ["b", "a"]
    assert main(["latest"]) == 2
    assert "prompt is ''" in capsys.readouterr().err


@pytest.mark.slow
def test_characters_come_as_they_are_written(store: Path) -> None:
    trained("--pattern", "abc")
    command = [sys.executable, "-m", "experiments.generate", "latest", "--prompt", "a", "--length", str(10**9)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=store) as process:
        assert process.stdout is not None
        assert process.stdout.read(7) == b"abcabca"
        process.stdout.close()  # whoever reads has seen enough
        assert process.stderr is not None
        assert process.stderr.read().decode().count("\n") == 1, "the run's name, and no error"
        assert process.wait(timeout=30) == 0


REFUSED = [
    (["nobody"], ["'nobody'", "'abc rnn16 e20 s42'"]),
    (["0" * 32], ["0" * 32]),
    (["latest"], ["prompt is ''", "'abc'", "--prompt"]),
    (["latest", "--prompt", "abd"], ["'d'", "'abc'", "--prompt"]),
    (["latest", "--prompt", "a", "--length", "-1"], ["length is -1", "--length"]),
    (["latest", "--prompt", "a", "--length", "9" * 30], ["length is 999", "0 to 1000000000000", "--length"]),
    (["latest", "--prompt", "a", "--temperature", "-1"], ["temperature is -1", "--temperature"]),
    (["latest", "--prompt", "a", "--seed", "-1"], ["seed is -1", "--seed"]),
    ([], ["RUN"]),
]


def test_bad_input_is_refused_in_one_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained("--pattern", "abc")
    for arguments, words in REFUSED:
        capsys.readouterr()
        assert main(arguments) == 2, arguments
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert all(word in err for word in words), err


def test_the_latest_run_is_one_that_recorded_a_net(store: Path) -> None:
    run = trained("--pattern", "abc")
    assert train_main(["--learning-rate", "1e37", "--epochs", "50", "--hidden-size", "64"]) == 1
    MlflowClient().create_run("0", run_name="someone else's")
    assert newest() != run
    assert find_run_id("latest") == run
    with pytest.raises(RunError, match='no run "someone else\'s"'):
        find_run_id("someone else's")


def test_a_store_without_nets_and_a_folder_without_a_store_say_so(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["latest"]) == 2
    assert "holds no trained net; train one first" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/absent.db")
    assert main(["latest"]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert not (store / "absent.db").exists()


@pytest.mark.parametrize("asked", ["latest", "0" * 32])
@pytest.mark.parametrize("address", ["sqlite:///garbage.db", "http://127.0.0.1:1"])
def test_a_store_that_cannot_be_read_is_refused_in_one_line(
    asked: str, address: str, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (store / "garbage.db").write_bytes(b"no database " * 1000)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)  # it is generate that is impatient
    mlflow.set_tracking_uri(None)
    assert main([asked]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert address in err
