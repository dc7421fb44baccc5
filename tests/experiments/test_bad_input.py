"""Bad input of many kinds: each ends in one line and with the right exit status, in time, and leaves nothing."""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import mlflow
import mlflow.pyfunc
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

import experiments.checkpoints
import experiments.delete
import experiments.generate
import experiments.patterns
import experiments.sweep
import experiments.train
from analysis.commands import PLURALS
from analysis.runs import curves, find_runs, load_net, load_run
from analysis.runs.store import get_run, model_address
from rnn_core.config import TrainConfig
from tests.conftest import recording_in
from tests.judging import Place, call, changed_file, judge
from tests.mutations import SPECS, VALUES, WORDS, mutated_bytes, mutated_json, mutated_text, toml_value

LONG = 50
"""The cases of each kind in the long tier; the slow tier has a tenth."""

RUN = "abc rnn4 e3 s42"
SMALL = {"hidden_size": "4", "epochs": "3"}
TINY = ["--hidden-size", "2", "--epochs", "1", "--batch-size", "1", "--layers", "1", "--cell", "rnn"]


@pytest.fixture(scope="module")
def place(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with recording_in(migrated_store, tmp_path_factory.mktemp("bad")) as folder:
        flags = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", value)]
        with contextlib.redirect_stdout(io.StringIO()):
            assert experiments.train.main(flags) == 0
        run = get_run(load_run(RUN).run_id)
        artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
        paths = {name: artifacts / name for name in ("curves.csv", "config.json", "training_state.safetensors")}
        paths["model.safetensors"] = Path(
            f"{model_address(run)}".removeprefix("file://"), "artifacts/model.safetensors"
        )
        (folder / "folder").mkdir()
        (folder / "tale.txt").write_text("to be or not to be, that is the question. " * 3)
        os.mkfifo(folder / "pipe")
        with (folder / "huge.txt").open("wb") as file:
            file.truncate(10**10)
        with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(folder):
            listener.bind("socket")
        model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
        yield Place(folder, run.info.run_id, {name: (path, path.read_bytes()) for name, path in paths.items()}, model)


def flags_of_train(random: Random, place: Place) -> None:
    """Some fields with a word that is mostly no value; the others small, so that what is valid ends soon."""
    given = dict(zip(TINY[::2], TINY[1::2], strict=True)) | {"--length": "20"}
    for name in random.sample(list(vars(TrainConfig())), random.choice((1, 1, 2, 3))):
        given[f"--{name.replace('_', '-')}"] = random.choice(WORDS)
    if random.random() < 0.4:
        spec = random.choice(SPECS)
        given |= {"--pattern": mutated_text(random, spec) if random.random() < 0.7 else spec, "--length": "30"}
    words = [word for pair in given.items() for word in pair]
    if random.random() < 0.2:
        words.insert(random.randrange(len(words)), random.choice(WORDS))
    judge(place, "train", words, {0, 1, 2})


def flags_of_sweep(random: Random, place: Place) -> None:
    given = {"--patterns": "ab", "--hidden-sizes": "2", "--epochs": "1", "--seeds": "2"}
    names = [*PLURALS.values(), "workers", "scheduler", "grid"]
    for name in random.sample(names, random.choice((1, 2, 3))):
        given[f"--{name.replace('_', '-')}"] = random.choice(
            [*WORDS, "1,,2", "2,", ",", "3-", "9-1", "1000000", "0-99999999"]
        )
    if given.get("--scheduler"):  # that nobody answers at an address takes Dask ten seconds
        given["--scheduler"] = random.choice(("", "\0", "foo", "://"))
    judge(place, "sweep", [word for pair in given.items() for word in pair] + ["--dry-run"], {0, 2})


def flags_of_other_programs(random: Random, place: Place) -> None:
    word = random.choice([*WORDS, mutated_text(random, RUN)])
    program = random.choice(("generate", "delete", "checkpoints", "patterns", "resume", "continue"))
    if program == "generate":
        words = [random.choice((RUN, RUN, word)), "--prompt", random.choice(("ab", "a", *WORDS))]
        words += ["--length", random.choice(("3", *(word for word in WORDS if not word.isdecimal() or len(word) < 9)))]
        words += ["--temperature", random.choice(("0", "1", *WORDS)), "--seed", random.choice(("0", *WORDS))]
        judge(place, "generate", words, {0, 2})
    elif program in ("resume", "continue"):
        judge(place, "train", [f"--{program}={word}", *TINY, "--pattern", "ab"], {0, 2})
    elif program == "patterns":
        spec = mutated_text(random, random.choice(SPECS))
        judge(place, "patterns", [random.choice((word, spec))], {0, 2})
    else:
        judge(place, program, ["--delete", word] if program == "checkpoints" else [word], {0, 1, 2})


def config_files(random: Random, place: Place) -> None:
    _, content = place.files["config.json"]
    path = place.folder / "changed.json"
    if random.random() < 0.3:
        path.write_bytes(mutated_bytes(random, content))
    else:
        path.write_text(mutated_json(random, json.loads(content)))
    judge(
        place,
        "train",
        ["--config", random.choice((*["changed.json"] * 9, "pipe", "folder", "/dev/zero", "huge.txt"))],
        {0, 1, 2},
    )


def configs_of_runs(random: Random, place: Place) -> None:
    _, content = place.files["config.json"]
    changed = mutated_json(random, json.loads(content)).encode()
    with changed_file(place, "config.json", changed if random.random() < 0.7 else mutated_bytes(random, content)):
        judge(place, "generate", [place.run_id, "--prompt", "a", "--length", "2"], {0, 2})
        judge(place, "train", ["--continue", place.run_id, "--epochs", "3"], {2})
        call(place, "find_runs with a changed config.json", lambda: find_runs(finished=False))


def grids(random: Random, place: Place) -> None:
    rows = {"patterns": "['ab']", "hidden_sizes": "[2]", "epochs": "1", "seeds": "1"}
    for name in random.sample([*PLURALS.values(), "a", "", "a.b", "[a]"], random.choice((1, 1, 2))):
        rows[name] = toml_value(random)
    text = "".join(f"{name} = {value}\n" for name, value in rows.items()).encode("utf-8", "surrogatepass")
    (place.folder / "grid.toml").write_bytes(mutated_bytes(random, text) if random.random() < 0.3 else text)
    judge(
        place,
        "sweep",
        ["--grid", random.choice((*["grid.toml"] * 9, "pipe", "folder", "/dev/zero", "socket")), "--dry-run"],
        {0, 2},
    )


def texts(random: Random, place: Place) -> None:
    content = (place.folder / "tale.txt").read_bytes()
    (place.folder / "changed.txt").write_bytes(mutated_bytes(random, content))
    names = (
        "pipe",
        "folder",
        "socket",
        "huge.txt",
        "/dev/zero",
        "/dev/urandom",
        "/dev/null",
        "/proc/self/mem",
        "\0",
        "~x/y",
    )
    name = "changed.txt" if random.random() < 0.7 else random.choice(names)
    judge(place, "train", ["--pattern", f"text:{name}", *TINY, "--length", "15"], {0, 2})


def curve_files(random: Random, place: Place) -> None:
    _, content = place.files["curves.csv"]
    cells = [row.split(",") for row in content.decode().splitlines()]
    wrong = ("", "nan", "inf", "x", "True", "1e400", "9" * 400, '"', "1,1", "-1")
    for _ in range(random.choice((0, 1, 2))):
        row = random.choice(cells)
        row[random.randrange(len(row))] = random.choice(wrong)
    rows = random.choice((cells, cells[1:], cells[:-1], [*cells, cells[-1]], cells[::-1], cells))
    changed = "\n".join(map(",".join, rows)).encode()
    if random.random() < 0.3:
        changed = mutated_bytes(random, changed)
    with changed_file(place, "curves.csv", changed):
        came = call(place, f"the curves {changed!r}", lambda: load_run(place.run_id).curves)
        if came is not None and (came["epoch"].tolist() != [0, 1, 2] or came.isna().to_numpy().any()):
            place.faults.append(f"{changed!r} was taken for curves")
        call(place, f"the table of {changed!r}", lambda: curves(find_runs(pattern="abc", hidden_size=4)))
        judge(place, "generate", [place.run_id, "--prompt", "a", "--length", "2"], {0})


def weight_files(random: Random, place: Place) -> None:
    _, content = place.files["model.safetensors"]
    if random.random() < 0.5:  # numbers only
        begin, changed = 8 + int.from_bytes(content[:8], "little"), bytearray(content)
        at = begin + random.randrange((len(content) - begin) // 4) * 4
        changed[at : at + 4] = random.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f"))
        content_now = bytes(changed)
    else:
        content_now = mutated_bytes(random, content)
    with changed_file(place, "model.safetensors", content_now):
        words = [place.run_id, "--prompt", "a", "--length", "5", "--temperature", random.choice("01")]
        judge(place, "generate", words, {0, 2})
        call(place, "load_net of changed weights", lambda: load_net(place.run_id))


def training_states(random: Random, place: Place) -> None:
    """What a training goes on from: its tensors, or the values beside them."""
    path, content = place.files["training_state.safetensors"]
    with safe_open(path, framework="pt") as file:
        state = json.loads(file.metadata()["state"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dict)
    way = random.random()
    if way < 0.3:
        changed = mutated_bytes(random, content)
    else:
        name = random.choice(list(tensors))
        if way < 0.6:
            tensors[name] = random.choice((torch.zeros(7), torch.full_like(tensors[name], -1), tensors[name].double()))
        changed = save(tensors, {"state": mutated_json(random, state)})
    saved = place.folder / "checkpoints" / f"{place.run_id}.safetensors"
    saved.parent.mkdir(exist_ok=True)
    saved.write_bytes(changed)
    with changed_file(place, "training_state.safetensors", changed):
        judge(place, "checkpoints", [], {0})
        judge(place, "train", ["--continue", place.run_id, "--epochs", "4"], {0, 1, 2})


def prompts(random: Random, place: Place) -> None:
    """What reaches the served model."""
    listed = random.choice(
        (["ab"], ["a"] * 20_000, ["ab" * 60_000], [random.choice(WORDS)], ["a", random.choice(VALUES)], [], ["c"] * 40)
    )
    given = {
        name: random.choice((*VALUES, 3, 10**5, "3"))
        for name in random.sample(("length", "temperature", "seed", "x"), 2)
    }
    call(place, f"predict {str(listed)[:60]} {str(given)[:200]}", lambda: place.model.predict(listed, params=given))


def queries(random: Random, place: Place) -> None:
    """Arguments of `find_runs` and of what takes a run's name."""
    fields = random.sample([*vars(TrainConfig()), "sweep", "finished", "x"], random.choice((1, 1, 2)))
    value = random.choice((*VALUES, range(10**6), iter(int, 1), object(), b"a", 1 + 2j, {1, 2}, random.choice(WORDS)))
    query = dict.fromkeys(fields, value)
    call(place, f"find_runs {fields} {type(value)}", lambda: find_runs(**query))
    call(place, f"load_run {type(value)}", lambda: load_run(value))


KINDS = [
    *(
        flags_of_train,
        flags_of_sweep,
        flags_of_other_programs,
        config_files,
        configs_of_runs,
        grids,
        texts,
        curve_files,
    ),
    *(weight_files, training_states, prompts, queries),
]


@pytest.mark.parametrize(
    "count", [pytest.param(LONG, marks=pytest.mark.long), pytest.param(LONG // 10, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of runs that are left out, and the like
def test_bad_input_ends_in_one_line_and_leaves_nothing(
    kind: Callable[[Random, Place], None], count: int, place: Place
) -> None:
    place.faults.clear()
    for seed in range(count):
        random = Random(f"{kind.__name__} {seed}")
        found = len(place.faults)
        kind(random, place)
        place.faults[found:] = [f"seed {seed}: {fault}" for fault in place.faults[found:]]
    assert not place.faults, "\n".join([f"{len(place.faults)} faults", *place.faults])


@pytest.mark.long
@pytest.mark.parametrize(
    "command",
    [
        "python -m experiments.train --pattern text:/dev/zero",
        "python -m experiments.train --config pipe",
        "python -m experiments.sweep --grid pipe --dry-run",
        f"python -m experiments.generate {RUN!r} --prompt a --length {'9' * 30}",
        "python -m experiments.patterns text:huge.txt",
    ],
)
def test_a_program_ends_as_its_entry_point_does(command: str, place: Place) -> None:
    limited = f"ulimit -v 8000000; exec {command}"
    ended = subprocess.run(
        ["bash", "-c", limited],
        cwd=place.folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
