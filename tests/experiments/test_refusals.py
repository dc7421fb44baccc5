"""Bad input: one line that says what came, what is allowed and which flag; exit status 2; no run."""

import json
import os
import socket
import time
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from experiments.generate import main as generate
from experiments.sweep import main as sweep
from experiments.train import main
from rnn_core.nets.cells import CELLS
from tests.conftest import copy_store

CASES = [
    (["--pattern", ""], ["pattern", "''", "--pattern"]),
    (["--pattern", "aaaa"], ["'aaaa'", "two or more distinct", "--pattern"]),
    (["--pattern", "unit:"], ["two or more distinct", "--pattern"]),
    (["--pattern", "untt:abc"], ["'untt:abc'", "did you mean unit?", "--pattern"]),
    (["--pattern", "ab" * 3001], ["6002 characters", "6000", "--pattern"]),
    (["--pattern", "rebber"], ["'rebber'", "did you mean reber?", "unit:rebber", "--pattern"]),
    (["--pattern", "anbm"], ["'anbm'", "did you mean anbn?", "unit:anbm", "--pattern"]),
    (["--pattern", "tomita:8"], ["'tomita:8'", "tomita:1 to tomita:7", "--pattern"]),
    (["--pattern", "tomita"], ["tomita:1 to tomita:7", "--pattern"]),
    (["--pattern", "dyck:0"], ["'dyck:0'", "from 1 to", "--pattern"]),
    (["--pattern", "dyck:2:depth=0"], ["'dyck:2:depth=0'", "depth from 1 to", "--pattern"]),
    (["--pattern", "markov:order=x"], ["'markov:order=x'", "order from 0 to", "'x'", "--pattern"]),
    (["--pattern", "markov:order=9:alphabet=26"], ["at most 1000000", "--pattern"]),
    (["--pattern", "noisy:abc:2"], ["'noisy:abc:2'", "1 - 1e-09", "'2'", "--pattern"]),
    (["--pattern", "noisy:aaa:0.1"], ["two or more distinct", "--pattern"]),
    (["--pattern", "elman:1"], ["'elman:1'", "elman alone", "--pattern"]),
    (["--pattern", "anbn:foo=3"], ["'anbn:foo=3'", "anbn:geometric=0.3", "anbn:uniform=50", "--pattern"]),
    (["--pattern", "anbn:geometric=2"], ["geometric from 0.0001 to below 1", "'2'", "--pattern"]),
    (["--pattern", "parity:longest=1"], ["longest from 2 to", "'1'", "--pattern"]),
    (["--pattern", "parity:longest=4:longest=5"], ["parity:longest=40", "--pattern"]),
    (["--pattern", "flipflop:9"], ["from 1 to 8", "'9'", "--pattern"]),
    (["--pattern", "reber", "--length", "1"], ["length is 1", "2 or more", "--length"]),
    (["--pattern", "reber", "--length", "30", "--batch-size", "9"], ["batch_size is 9", "strings", "--batch-size"]),
    (["--length", "1"], ["1", "3 or more", "--length"]),
    (["--length", "2"], ["2", "3 or more", "--length"]),
    (["--length", "-5"], ["-5", "--length"]),
    (["--length", str(10**12)], ["memory", "GB", "--length"]),
    (["--hidden-size", "0"], ["0", "1 or more", "--hidden-size"]),
    (["--hidden-size", "-3"], ["-3", "1 or more", "--hidden-size"]),
    (["--hidden-size", "abc"], ["hidden_size is 'abc'", "allowed: whole numbers", "--hidden-size"]),
    (["--hidden-size", str(10**9)], ["1000000000", "needs about 16 EB", "--hidden-size"]),
    (["--layers", "0"], ["0", "--layers"]),
    (["--batch-size", "0"], ["0", "--batch-size"]),
    (["--batch-size", "15"], ["15", "1 to 14", "--batch-size"]),
    (["--window", "-1"], ["-1", "--window"]),
    (["--epochs", "0"], ["0", "1 or more", "--epochs"]),
    (["--epochs", "2.5"], ["'2.5'", "--epochs"]),
    (["--learning-rate", "0"], ["0", "above 0", "--learning-rate"]),
    (["--learning-rate", "nan"], ["nan", "above 0", "--learning-rate"]),
    (["--learning-rate", "inf"], ["inf", "above 0", "--learning-rate"]),
    (["--learning-rate", "fast"], ["learning_rate is 'fast'", "allowed: numbers", "--learning-rate"]),
    (["--schedule", "linear"], ["'linear'", "constant, cosine", "--schedule"]),
    (["--weight-decay", "-1"], ["-1", "0 or above", "--weight-decay"]),
    (["--weight-decay", "nan"], ["nan", "0 or above", "--weight-decay"]),
    (["--weight-decay", "much"], ["weight_decay is 'much'", "allowed: numbers", "--weight-decay"]),
    (["--keep", "both"], ["'both'", "last, best", "--keep"]),
    (["--pattern", "ab", "--keep", "best", "--length", "2"], ["length is 2", "more", "keep=best", "--length"]),
    (["--draws", "often"], ["'often'", "once, every-epoch", "--draws"]),
    (["--draws", "every-epoch"], ["'every-epoch'", "once: abc is always the same text", "--draws"]),
    (["--batches", "even"], ["'even'", "drawn, one-length", "--batches"]),
    (["--pattern", "reber", "--batches", "one-length"], ["'one-length'", "no length", "reber", "--batches"]),
    (["--curriculum", "-1"], ["-1", "0 or above", "--curriculum"]),
    (["--pattern", "parity", "--curriculum", "0.1"], ["0.1", "0 with draws=once", "--curriculum"]),
    (
        ["--pattern", "elman", "--draws", "every-epoch", "--keep", "best"],
        ["'best'", "last with draws=every-epoch", "--keep"],
    ),
    (["--clip", "-1"], ["-1", "0 or above", "--clip"]),
    (["--seed", "-1"], ["-1", "--seed"]),
    (["--threads", "0"], ["0", "--threads"]),
    (["--cell", "foo"], ["'foo'", ", ".join(CELLS), "--cell"]),
    (["--encoding", "foo"], ["'foo'", "index, onehot, embedding", "--encoding"]),
    (["--device", "gpu"], ["'gpu'", "cpu, cuda", "--device"]),
    (["--device", "cuda:77"], ["'cuda:77'", "cpu", "--device"]),
    (["--hiden-size", "3"], ["--hiden-size", "--hidden-size"]),
    (["--hidden-size"], ["--hidden-size"]),
    (["extra"], ["extra"]),
    (["--pattern", "text:missing.txt"], ["missing.txt", "No such file", "--pattern"]),
    (["--pattern", "text:"], ["text:", "--pattern"]),
    (["--pattern", "text:empty.txt"], ["empty.txt", "two or more distinct", "--pattern"]),
    (["--pattern", "text:folder"], ["folder", "directory", "--pattern"]),
    (["--pattern", "text:latin.txt"], ["latin.txt", "UTF-8", "byte 3", "--pattern"]),
    (["--pattern", "text:a\x00b"], ["null", "--pattern"]),
    (["--pattern", "text:/dev/zero"], ["/dev/zero: not a file, but a device", "--pattern"]),
    (["--pattern", "text:pipe"], ["pipe: not a file", "--pattern"]),
    (["--pattern", "text:huge.txt"], ["huge.txt: larger than 1,000,000,000 bytes", "--pattern"]),
    (["--pattern", "text:/proc/self/mem"], ["/proc/self/mem", "--pattern"]),
    (["--pattern", "--"], ["--pattern has no value"]),
    (["--epochs", "9" * 5000], ["epochs is '999", "(5000 characters)", "allowed: whole numbers", "--epochs"]),
    (["--clip", "x" * 100_000], ["clip is 'xxx", "(100000 characters)", "--clip"]),
    (["--resume", "x" * 100_000], ["no single run 'xxx", "--resume"]),
    (["--config", "pipe"], ["pipe: not a file", "--config"]),
    (["--config", "/dev/zero"], ["/dev/zero: not a file", "--config"]),
    (["--config", "huge.txt"], ["huge.txt: larger than 100,000,000 bytes", "--config"]),
    (["--config", "folder"], ["folder: Is a directory", "--config"]),
    (["--config", "a\x00b"], ["null", "--config"]),
    (["--config", "twice.json"], ["twice.json", "'config' comes twice", "--config"]),
    (["--config", "digits.json"], ["digits.json", "5000 digits", "--config"]),
    (["--config", "deep.json"], ["deep.json", "nested too deep", "--config"]),
    (["--config", "nan.json"], ["nan.json", "learning_rate is nan", "--config"]),
    (["--config", "missing.json"], ["missing.json", "No such file"]),
    (["--config", "broken.json"], ["broken.json", "not JSON"]),
    (["--config", "list.json"], ["list.json", "config, alphabet"]),
    (["--config", "unknown.json"], ["unknown.json", "'colour'", "hidden_size", "(--config)"]),
    (["--config", "negative.json"], ["negative.json", "hidden_size", "-3", "(--config)"]),
    (["--config", "long.json"], ["6002 characters", "at most 6000", "(--pattern)"]),
    (["--config", "newer.json"], ["version 999", "git_commit"]),
    (["--config", "marked.json"], ["marked.json", "mark is '#'", "one character of the alphabet"]),
]


@pytest.fixture(scope="module")
def files_once(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and files that cannot be used; nothing is recorded there."""
    store = tmp_path_factory.mktemp("refused")
    copy_store(migrated_store, store)
    record: dict[str, object] = {"config": {}, "alphabet": "abc", "data_sha256": "0" * 64, "training_version": 1}
    text = json.dumps(record)
    (store / "twice.json").write_text(text[:-1] + ", " + text[1:])
    (store / "digits.json").write_text(text.replace('"training_version": 1', f'"training_version": {"9" * 5000}'))
    (store / "deep.json").write_text(text.replace("{}", "[" * 100_000))
    (store / "nan.json").write_text(json.dumps(record | {"config": {"learning_rate": float("nan")}}))
    os.mkfifo(store / "pipe")
    with (store / "huge.txt").open("wb") as file:
        file.truncate(10**10)
    (store / "empty.txt").touch()
    (store / "folder").mkdir()
    (store / "latin.txt").write_bytes("caf\xe9 au lait, caf\xe9 au lait".encode("latin-1"))
    (store / "broken.json").write_text('{"config": ')
    (store / "list.json").write_text("[]")
    (store / "unknown.json").write_text(json.dumps(record | {"config": {"colour": 1}}))
    (store / "negative.json").write_text(json.dumps(record | {"config": {"hidden_size": -3}}))
    (store / "newer.json").write_text(json.dumps(record | {"training_version": 999}))
    (store / "long.json").write_text(json.dumps(record | {"config": {"pattern": "ab" * 3001}}))
    (store / "marked.json").write_text(json.dumps(record | {"mark": "#"}))
    return store


@pytest.fixture
def files(files_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files_once)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{files_once / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "words"), CASES, ids=lambda value: " ".join(value)[:40])
def test_bad_input_is_refused_in_one_line(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert len(err) < 1300
    assert out == ""
    for word in words:
        assert word in err
    assert MlflowClient().search_runs(["0"]) == []


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_param_may_be_as_long_as_mlflow_keeps_it(capsys: pytest.CaptureFixture[str]) -> None:
    longest = "ab" * 2999 + "ba"
    small = ["--length", "6000", "--hidden-size", "1", "--epochs", "1"]
    assert main(["--pattern", longest, *small]) == 0
    (run,) = MlflowClient().search_runs(["0"])
    assert run.data.params["pattern"] == longest
    assert sweep(["--patterns", f"abc,{longest}a", "--seeds", "1"]) == 2
    refused = capsys.readouterr().err
    assert "6001 characters" in refused
    assert "allowed: at most 6000 characters" in refused
    assert refused.endswith(" (--patterns)\n")
    assert len(MlflowClient().search_runs(["0"])) == 1


@pytest.mark.usefixtures("store")
def test_a_refusal_says_that_a_recipe_may_be_behind_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pattern", "reber", "--length", "60"]) == 2
    assert capsys.readouterr().err.endswith(" (--batch-size); the value may be a recipe's, which this flag changes\n")
    assert main(["--pattern", "reber", "--length", "60", "--batch-size", "99"]) == 2
    assert capsys.readouterr().err.endswith(" (--batch-size)\n")


@pytest.mark.usefixtures("store")
def test_config_is_no_parameter_of_mlflow_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--epochs", "1"]) == 0
    (done,) = MlflowClient().search_runs(["0"])
    run = MlflowClient().create_run("0")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    path = MlflowClient().download_artifacts(done.info.run_id, "config.json")
    assert main(["--config", path]) == 2
    assert "python -m experiments.train --config" in capsys.readouterr().err
    refused = MlflowClient().get_run(run.info.run_id)
    assert refused.info.status == "FAILED"
    assert refused.data.tags["end_reason"].startswith("refused: config is not a parameter")


def test_a_server_that_is_not_there_is_refused_within_seconds(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as listener:  # a port that nobody listens on, once this is closed
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    begin = time.monotonic()
    assert main([]) == 2
    assert time.monotonic() - begin < 10
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert f"http://127.0.0.1:{port}" in err
    assert "MLFLOW_TRACKING_URI" in err
    assert "epoch" not in out


@pytest.mark.slow  # it waits for five seconds
def test_a_server_that_never_answers_is_refused_within_seconds(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{listener.getsockname()[1]}")
        begin = time.monotonic()
        assert main([]) == 2
        assert time.monotonic() - begin < 20
    assert "MLFLOW_TRACKING_URI" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["sqlite:////dev/null/mlflow.db", "sqlite:////tmp", "gopher://store"])
def test_a_store_that_cannot_be_opened_is_refused(
    address: str, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    mlflow.set_tracking_uri(None)
    begin = time.monotonic()
    assert main([]) == 2
    assert time.monotonic() - begin < 10
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert address.split(":")[0] in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--foo 3", "there is no flag --foo; allowed: the flags that --help lists"),
        ("--epoch 3", "there is no flag --epoch; allowed: the flags that --help lists; did you mean --epochs?"),
        ("--no-clip", "there is no flag --no-clip; allowed: the flags that --help lists; did you mean --clip?"),
        ("-x", "there is no flag -x; allowed: the flags that --help lists"),
        ("--epochs", "--epochs has no value; allowed: --epochs VALUE, as --help says"),
        ("--epochs --cell gru", "--epochs has no value; allowed: --epochs VALUE, as --help says"),
        ("--epochs 3 --epochs=4", "--epochs is given twice; allowed: once"),
        ("--hidden-size 3 --hidden_size 4", "--hidden-size is given twice; allowed: once"),
        ("rubbish", "'rubbish' is not a flag and not the value of one; allowed: the flags that --help lists"),
        ("--epochs 3 4", "'4' is not a flag and not the value of one; allowed: the flags that --help lists"),
        ("--epochs 1.5", "epochs is '1.5'; allowed: whole numbers (--epochs)"),
        ("--cell grru", f"cell is 'grru'; allowed: {', '.join(CELLS)} (--cell)"),
    ],
)
def test_a_wrong_flag_gets_one_sentence(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"error: {message}\n")


def test_under_mlflow_run_a_hyphen_is_named_as_the_trouble(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`mlflow run` passes --hidden-size for its own parameter, and appends what it does not know."""
    monkeypatch.setenv("MLFLOW_RUN_ID", MlflowClient().create_run("0").info.run_id)
    assert main(["--hidden-size", "16", "--hidden-size", "8"]) == 2
    message = "--hidden-size is given twice; allowed: once; under `mlflow run` its name is hidden_size"
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_missing_word_gets_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate([]) == 2
    assert capsys.readouterr().err.startswith("error: RUN is missing; allowed: A run's id, its name")
