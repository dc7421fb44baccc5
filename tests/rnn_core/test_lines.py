"""Lines of a file as strings: how a file is read and divided, what is scored, and what is refused."""

import hashlib
import itertools
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.nets.reading import answer
from rnn_core.patterns import Pattern, parse
from rnn_core.training import train
from tests.rnn_core.test_ngrams import NAMES, witten_bell


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files that hypothesis writes anew for each example."""
    return tmp_path_factory.mktemp("lines")


def written(folder: Path, content: bytes | str, name: str = "own.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parts(pattern: Pattern) -> tuple[list[str], list[str]]:
    """Return the training lines and the test lines of a pattern."""
    training, test = (
        pattern.training_text(pattern.default_length, 0),
        pattern.evaluation(pattern.default_length, 0).text,
    )
    for text in (training, test):
        assert text[0] == text[-1] == "\n"
        assert len(text) > 1
    return training[1:-1].split("\n"), test[1:-1].split("\n")


def refusal(spec: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


lines = st.lists(st.text("ab#é", min_size=1, max_size=4), min_size=2, max_size=60).filter(lambda one: len(set(one)) > 1)


@given(lines)
def test_each_line_is_in_one_part_as_often_as_in_the_file(folder: Path, given: list[str]) -> None:
    training, test = parts(parse(f"lines:{written(folder, chr(10).join(given))}"))
    assert Counter(training) + Counter(test) == Counter(given)
    assert not set(training) & set(test)


@given(lines)
def test_the_order_of_the_file_changes_nothing(folder: Path, given: list[str]) -> None:
    one, other = (written(folder, "\n".join(each)) for each in (given, sorted(given)))
    assert parts(parse(f"lines:{one}")) == parts(parse(f"lines:{other}"))


def is_held_out(line: str) -> bool:
    return int(hashlib.sha256(line.encode()).hexdigest()[:16], 16) % 10 == 0


def test_about_a_tenth_is_held_out_by_a_hash_of_the_line_alone(tmp_path: Path) -> None:
    given = [f"word {number}" for number in range(2000)]
    training, test = parts(parse(f"lines:{written(tmp_path, chr(10).join(given))}"))
    assert set(test) == {line for line in given if is_held_out(line)}
    assert 150 < len(test) < 250
    more = given + [f"further {number}" for number in range(500)]
    training_of_more, test_of_more = parts(parse(f"lines:{written(tmp_path, chr(10).join(more))}"))
    assert set(training) < set(training_of_more)
    assert set(test) < set(test_of_more)


def test_of_few_lines_there_is_a_test_line_and_a_training_line(tmp_path: Path) -> None:
    held, kept = ([line for line in map(str, range(100)) if is_held_out(line) is which] for which in (True, False))
    for few in (held[:2], held[:5], kept[:2], kept[:5], ["a", "b"]):
        training, test = parts(parse(f"lines:{written(tmp_path, chr(10).join(few))}"))
        assert test
        assert training
        assert sorted(training + test) == sorted(few)


def test_the_order_of_training_is_no_order_of_the_lines(tmp_path: Path) -> None:
    given = [f"{number:04}" for number in range(2000)]
    training, _ = parts(parse(f"lines:{written(tmp_path, chr(10).join(given))}"))
    numbers = np.array([int(line) for line in training])
    assert abs(np.corrcoef(numbers, np.arange(len(numbers)))[0, 1]) < 0.1
    copies, _ = parts(parse(f"lines:{written(tmp_path, chr(10).join([*given, *['twice'] * 100]))}"))
    places = [place for place, line in enumerate(copies) if line == "twice"]
    assert len(places) == 100, "this line is not held out"
    assert max(places) - min(places) > 1500, "copies are not side by side"


def test_the_validation_part_is_drawn_like_the_rest(tmp_path: Path) -> None:
    """Of a sorted file, the last tenth would have none but the last initials."""
    given = sorted(a + b + c for a, b, c in itertools.product("abcdefghij", repeat=3))
    path = written(tmp_path, "\n".join(given))
    prepared = prepare(TrainConfig(pattern=f"lines:{path}", keep="best"))
    training, validation = prepared.data.training_and_validation("best")
    assert validation.starts is not None
    first = prepared.vocabulary.decode(validation.target[validation.starts].tolist())
    assert set(first) == set("abcdefghij")
    assert len(validation) == pytest.approx(0.1 * (len(training) + len(validation)), abs=10)


FORMS = {
    "plain": ("ab\ncd\nef\n", ["ab", "cd", "ef"], ""),
    "no newline at the end": ("ab\ncd\nef", ["ab", "cd", "ef"], ""),
    "empty lines": ("\nab\n\n\ncd\nef\n\n", ["ab", "cd", "ef"], "empty lines of own.txt, left out: 4"),
    "returns": ("ab\r\ncd\r\nef", ["ab", "cd", "ef"], "carriage returns at the ends of lines of own.txt, left out: 2"),
    "empty lines with returns": (
        "ab\r\n\r\ncd\r\n",
        ["ab", "cd"],
        "carriage returns at the ends of lines of own.txt, left out: 3; empty lines of own.txt, left out: 1",
    ),
    "a return within": (
        "a\rb\nc\r\r\n",
        ["a\rb", "c\r"],
        "carriage returns at the ends of lines of own.txt, left out: 1",
    ),
    "other line ends": ("a\u2028b\x0bc\x85\ncd\n", ["a\u2028b\x0bc\x85", "cd"], ""),
    "marks of other families": ("#a#\n#\n", ["#a#", "#"], ""),
    "byte order mark": (
        "\ufeffab\n\ufeffcd\n",
        ["ab", "\ufeffcd"],
        "own.txt begins with a byte order mark (U+FEFF), which is left out",
    ),
    "copies": ("ab\ncd\nab\nab\n", ["ab", "ab", "ab", "cd"], "lines of own.txt that repeat an earlier one: 2 of 4"),
    "blanks": (" \n  \n", [" ", "  "], ""),
    "one of each": (f"a\n{'b' * 5000}\n", ["a", "b" * 5000], ""),
    "a tab in some": (
        "a\tb\ncd\nef\n",
        ["a\tb", "cd", "ef"],
        "lines with a tab, of which what follows it is scored: 1; without one: 2",
    ),
    "no question": (
        "\tb\na\tb\n",
        ["\tb", "a\tb"],
        "lines with a tab, of which what follows it is scored: 2; without one: 0",
    ),
    "a tab in all": ("a\tb\ncd\t\n", ["a\tb", "cd\t"], ""),
}


@pytest.mark.parametrize(("content", "expected", "note"), FORMS.values(), ids=FORMS)
def test_what_is_a_line_and_what_is_said(content: str, expected: list[str], note: str, tmp_path: Path) -> None:
    pattern = parse(f"lines:{written(tmp_path, content)}")
    training, test = parts(pattern)
    assert sorted(training + test) == sorted(expected)
    assert pattern.note == note
    assert pattern.alphabet == "".join(sorted(set("\n" + "".join(expected))))


REFUSED = {
    b"": "two or more distinct lines",
    b"\n\n\n": "two or more distinct lines",
    b"alone": "two or more distinct lines",
    b"alone\nalone\r\n": "two or more distinct lines",
    b"ab\nc\xffd\n": "byte 4 is not UTF-8",
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.items())
def test_a_file_that_cannot_be_divided_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    assert reason in refusal(f"lines:{written(tmp_path, content)}")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    good = written(tmp_path, "ab\ncd\n")
    assert "Is a directory" in refusal(f"lines:{tmp_path}")
    assert "absent.txt: No such file" in refusal(f"lines:{tmp_path}/absent.txt")
    assert "absent.txt: No such file" in refusal(f"lines:{good}:test={tmp_path}/absent.txt")
    assert "lines:PATH:test=PATH" in refusal("lines:")
    assert "lines:PATH:test=PATH" in refusal(f"lines:{good}:test=")
    assert "lines:PATH:test=PATH" in refusal(f"lines::test={good}")
    assert "No such file" in refusal(f"lines:{good}:tset={good}")
    empty = written(tmp_path, "\n", "empty.txt")
    assert f"{empty} has no such line" in refusal(f"lines:{good}:test={empty}")
    assert f"{empty} has no such line" in refusal(f"lines:{empty}:test={good}")
    assert f"{good} has no such line" in refusal(f"lines:{good}:test={good}")
    broken = written(tmp_path, b"\xff", "broken.txt")
    assert f"{broken}: byte 0 is not UTF-8" in refusal(f"lines:{good}:test={broken}")


def test_another_file_is_the_test_and_none_of_its_lines_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "ab\ncd\nef\nab\n", "train.txt")
    written(tmp_path, "ab\ngh\ngh\n", "test.txt")
    monkeypatch.chdir(tmp_path)
    pattern = parse("lines:train.txt:test=test.txt")
    training, test = parts(pattern)
    assert (sorted(training), sorted(test)) == (["cd", "ef"], ["ab", "gh", "gh"])
    assert pattern.spec == f"lines:{tmp_path}/train.txt:test={tmp_path}/test.txt"
    assert pattern.short_name == f"lines:{tmp_path.name}/train.txt:test={tmp_path.name}/test.txt"
    assert pattern.note == (
        "lines of train.txt that repeat an earlier one: 1 of 4; lines of test.txt that repeat an earlier one: 1 of 3; "
        "lines of train.txt that are in the test, too, and are not trained on: 2"
    )
    monkeypatch.chdir("/")
    assert parts(parse(pattern.spec)) == (training, test)


def test_options_are_read_from_the_right_and_a_file_of_the_very_name_wins(tmp_path: Path) -> None:
    written(tmp_path, "ab\ncd\n", "a:b.txt")
    written(tmp_path, "ef\ngh\n", "c:d.txt")
    both = f"lines:{tmp_path}/a:b.txt:test={tmp_path}/c:d.txt"
    assert list(map(sorted, parts(parse(both)))) == [["ab", "cd"], ["ef", "gh"]]
    written(tmp_path, "ij\nkl\n", "a:b.txt:test=c")
    for spec in (f"lines:{tmp_path}/a:b.txt:test=c", parse(f"lines:{tmp_path}/a:b.txt:test=c").spec):
        assert sorted(itertools.chain(*parts(parse(spec)))) == ["ij", "kl"]
    training, test = parts(parse(f"lines:{tmp_path}/a:b.txt:test=c:test={tmp_path}/c:d.txt"))
    assert (sorted(training), sorted(test)) == (["ij", "kl"], ["ef", "gh"])


def scored_by_hand(text: str) -> list[bool]:
    """Return what counts of a text with marks, line by line."""
    scored = [False]
    for line in text[1:-1].split("\n"):
        question = line.index("\t") if "\t" in line else -1
        scored += [place > question for place in range(len(line) + 1)]
    return scored


@given(st.lists(st.text("a\t", min_size=1, max_size=5), min_size=1, max_size=8))
def test_of_a_question_only_the_answer_and_its_end_are_scored(folder: Path, given: list[str]) -> None:
    pattern = parse(f"lines:{written(folder, 'a' + chr(9) + 'b' + chr(10) + 'c')}")
    text = "\n" + "\n".join(given) + "\n"
    scored = pattern.scored(text)
    assert scored is not None
    assert scored.tolist() == scored_by_hand(text)
    assert pattern.scored("").shape == (0,)


def slow_ladder(pattern: Pattern) -> dict[str, float]:
    """Return the losses of the n-gram models by the definition, each line apart."""
    training, test = parts(pattern)

    def predicted(line: str) -> list[tuple[str, str]]:
        """Return the characters that count, each with all that comes before it in its line."""
        whole = f"\n{line}\n"
        first = 1 + line.index("\t") if "\t" in line else 0
        return [(whole[:at], whole[at]) for at in range(first + 1, len(whole))]

    counted = [pair for line in training for pair in predicted(line)]

    def probability(context: str, character: str) -> float:
        after = Counter(came for before, came in counted if before.endswith(context))
        shorter = probability(context[1:], character) if context else 1 / len(pattern.alphabet)
        seen, distinct = after.total(), len(after)
        return (after[character] + distinct * shorter) / (seen + distinct) if seen else shorter

    tested = [pair for line in test for pair in predicted(line)]
    losses = {"uniform": math.log(len(pattern.alphabet))}
    for reach, name in enumerate(NAMES[1:]):
        logs = [math.log(probability(before[max(0, len(before) - reach) :], came)) for before, came in tested]
        losses[name] = -math.fsum(logs) / len(logs)
    return losses


@pytest.mark.parametrize("tab", [False, True])
def test_the_ladder_of_ngrams_stays_within_lines(tab: bool, tmp_path: Path) -> None:
    given = [f"{a}{b}{a if a < 'b' else ''}" for a, b in itertools.product("abc", "abcd")]
    given += [f"{line}\t{line[::-1]}" for line in given] if tab else ["abab", "b#"]
    # Several test lines: in the first of all, no context can reach into the line before.
    test = written(tmp_path, chr(10).join(given[::3]), "test.txt")
    pattern = parse(f"lines:{written(tmp_path, chr(10).join(given))}:test={test}")
    assert pattern.separator == ""
    evaluation = pattern.evaluation(10, 0)
    losses = pattern.references(evaluation, pattern.training_text(pattern.default_length, 0))
    assert losses == pytest.approx(slow_ladder(pattern), abs=1e-12)


def test_a_single_line_is_a_stream_but_for_its_marks(tmp_path: Path) -> None:
    """With one training line, the models are those of a stream whose first character is given, too."""
    pattern = parse(f"lines:{written(tmp_path, 'abcab', 'a')}:test={written(tmp_path, 'abca', 'b')}")
    losses = pattern.references(pattern.evaluation(5, 0), pattern.training_text(5, 0))
    assert losses["unigram"] == pytest.approx(
        -sum(math.log(witten_bell("\nabc", "abcab\n", "", came)) for came in "abca\n") / 5, abs=1e-12
    )


def test_smaller_lengths_are_the_first_lines_of_a_longer_training(tmp_path: Path) -> None:
    pattern = parse(f"lines:{written(tmp_path, chr(10).join(str(number) for number in range(100)))}")
    whole = pattern.training_text(pattern.default_length, 0)
    assert len(whole) == pattern.default_length + 1
    for length in (2, 3, 50, pattern.default_length):
        part = pattern.training_text(length, 0)
        assert whole.startswith(part)
        assert length <= len(part) - 1 < length + 3
    with pytest.raises(ConfigError, match=rf"2 to {pattern.default_length}, the training lines"):
        pattern.check_length(pattern.default_length + 1)


def test_a_short_file_can_be_trained_on_by_the_recipe(tmp_path: Path) -> None:
    pattern = parse(f"lines:{written(tmp_path, 'ab' + chr(10) + 'cd')}")
    prepared = prepare(TrainConfig(pattern=pattern.spec, **{**pattern.recipe, "epochs": 1}), pattern)
    *_, last = train(prepared)
    assert math.isfinite(measure(last.net, prepared).metrics["eval_loss"])


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """A net that was trained on the negation of bits, and what it was trained on."""
    given = [f"{number:06b}\t{63 - number:06b}"[:-3] for number in range(64)]
    path = written(tmp_path_factory.mktemp("sums"), "\n".join(given))
    config = TrainConfig(
        pattern=f"lines:{path}", cell="gru", hidden_size=32, encoding="onehot", epochs=40, batch_size=8
    )
    prepared = prepare(config)
    *_, last = train(prepared)
    return last.net, prepared, dict(line.split("\t") for line in given)


def test_a_net_answers_a_question_of_the_test(sums: tuple) -> None:
    net, prepared, answers = sums
    report = measure(net, prepared)
    question = report.sample.question
    assert question[-1] == "\t"
    assert f"\n{question}{answers[question[:-1]]}\n" in prepared.evaluation.text
    assert report.sample.continuation == answers[question[:-1]], "a small net learns to negate three bits"
    assert report.metrics["whole_strings"] == 1
    assert "free_run_length" not in report.metrics
    assert report.example in answers
    assert report.sample.predicted.startswith("·" * 7)
    assert 0 < report.metrics["eval_loss"] < report.metrics["6gram_loss"] < report.metrics["uniform_loss"]


def test_a_question_is_taken_with_and_without_its_tab(sums: tuple) -> None:
    net, prepared, answers = sums
    record = prepared.record
    assert (record.mark, record.separator) == ("\n", "\t")
    for question, expected in list(answers.items())[::9]:
        for prompt in (question, question + "\t", "\n" + question, f"{question}\t{expected}\n{question}"):
            assert "".join(answer(net, record, prompt, 30)) == expected
        assert "".join(answer(net, record, f"{question}\t{expected[0]}", 30)) == expected[1:]
        assert "".join(answer(net, record, question, 2)) == expected[:2]
    with pytest.raises(ValueError, match="the prompt is empty"):
        answer(net, record, "", 30)


def test_the_whole_answer_must_be_right(sums: tuple) -> None:
    _, prepared, _ = sums
    net = prepared.build_net()
    wrong = measure(net, prepared)
    test = [line.split("\t") for line in prepared.evaluation.text[1:-1].split("\n")]
    right = ["".join(answer(net, prepared.record, question, 9)) == expected for question, expected in test]
    assert wrong.metrics["whole_strings"] == sum(right) / len(right) < 1


def test_a_net_of_plain_lines_writes_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join("ab" * number for number in range(1, 30)))
    prepared = prepare(TrainConfig(pattern=f"lines:{path}", epochs=3, encoding="onehot"))
    *_, last = train(prepared)
    report = measure(last.net, prepared)
    assert len(report.sample.continuation) == 60
    assert report.sample.question == ""
    assert prepared.record.separator == ""
    assert "\n" not in report.example
    assert report.example
    assert not report.rows


def test_a_hundred_thousand_lines_take_seconds(tmp_path: Path) -> None:
    given = [f"{number * 7919 % 1000003}\t{number}" for number in range(100_000)]
    path = written(tmp_path, "\n".join(given))
    begin = time.process_time()
    prepared = prepare(TrainConfig(pattern=f"lines:{path}", batch_size=32))
    pattern, evaluation = prepared.pattern, prepared.evaluation
    assert pattern.references(evaluation, prepared.text)["6gram"] > 0
    assert pattern.cases(evaluation, prepared.text, 0)
    assert len(prepared.windows) > 2000
    assert prepared.data.ranges["length"][1] <= 7
    seconds = time.process_time() - begin
    assert seconds < 30, seconds  # ten times as many in ten times as long; quadratic work would take hours
