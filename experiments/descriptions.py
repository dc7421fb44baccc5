"""What is said of a run in words: its name, its main numbers, its texts, and the description of its page."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import accumulate, zip_longest
from typing import TYPE_CHECKING, Any

from analysis.credentials import redacted
from rnn_core.config import TrainConfig
from rnn_core.patterns import Pattern
from rnn_core.vocabulary import visible

if TYPE_CHECKING:  # commands name a run, and start, without torch
    from rnn_core.measures.report import Sample


ALWAYS_NAMED = ("pattern", "cell", "hidden_size", "layers", "epochs", "seed")
"""The fields of TrainConfig that the name of every run holds."""

NEVER_NAMED = ("device", "threads")
"""Fields that say where a run is trained, and not what it is."""


AT_WORK = "still at work as of"
"""With these words begins the description of a sweep that is at work, in bold."""

MAX_REASON = 1000
"""The most characters of a reason that a description shows; escaped, it may become five times as long."""


def changed_fields(config: TrainConfig, pattern: Pattern, earlier: TrainConfig | None = None) -> list[str]:
    """Return the fields that tell a run from others of its pattern, cell, size and epochs.

    They are the fields whose values are neither the default nor the recipe's, except those that every name holds.

    Arguments:
        config: the config as it was asked for.
        pattern: its pattern.
        earlier: the config of the run that is trained again; None for a new run. It is resolved, so that its length
            and window are not 0 even if nobody changed them; the window counts as changed if it differs from this one.
    """
    usual = vars(TrainConfig()) | dict(pattern.recipe)
    if earlier is not None:
        usual |= {"length": usual["length"] or pattern.default_length, "window": earlier.window}
    unnamed = (*ALWAYS_NAMED, *NEVER_NAMED)
    return [name for name, value in vars(config).items() if name not in unnamed and value != usual[name]]


def run_name(config: TrainConfig, pattern: str, also_named: Sequence[str] = ()) -> str:
    """Return the name of a run: pattern, cell with hidden size (and layers), epochs, further fields, and seed.

    Arguments:
        config: the config of the run, resolved.
        pattern: the short name of its pattern; the first 60 characters are shown.
        also_named: the further fields of the config, by name.
    """
    layers = f"x{config.layers}" if config.layers > 1 else ""
    further = "".join(f" {name}={getattr(config, name)}" for name in also_named)
    return f"{visible(pattern)[:60]} {config.cell}{config.hidden_size}{layers} e{config.epochs}{further} s{config.seed}"


def fields_in_words(fields: Mapping[str, Any]) -> str:
    """Return fields of a config with their values, such as "cell=gru epochs=20"."""
    return " ".join(f"{name}={value}" for name, value in fields.items())


def key_numbers(metrics: Mapping[str, float], references: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the main numbers of a run, each with its name, as texts.

    Arguments:
        metrics: the metrics of the trained net, by name.
        references: the losses on the test of what the net is compared with, by name.
    """
    loss = f"{metrics['eval_loss']:.4g} nats per character"
    if "floor_loss" in metrics:
        loss += f" (floor {metrics['floor_loss']:.4g})"
    numbers = [
        ("final train loss", f"{metrics['final_train_loss']:.4g} nats per character"),
        ("eval loss", loss),
        ("eval accuracy", f"{metrics['eval_accuracy']:.1%}"),
    ]
    # Without an oracle, only the text of the test would count as right, which a net that runs free need not write.
    if "free_run_correct" in metrics and "floor_loss" in metrics:
        free = (
            f"{metrics['free_run_correct']:.0f} of {metrics['free_run_length']:.0f} characters before the first error"
        )
        numbers.append(("free running", free))
    if "whole_strings" in metrics:
        numbers.append(("whole strings", f"{metrics['whole_strings']:.1%} right within the trained range"))
    if "beyond_strings" in metrics:
        steps = f", {metrics['beyond_accuracy']:.1%} of their decidable steps" if "beyond_accuracy" in metrics else ""
        numbers.append(("beyond it", f"{metrics['beyond_strings']:.1%} of the strings right{steps}"))
    shares = [name for name in metrics if name.endswith(("_right", "_beyond")) and name != "longest_right"]
    numbers += [(name.replace("_", " "), f"{metrics[name]:.1%}") for name in shares]
    if "longest_right" in metrics:
        numbers.append(("all right", f"up to {metrics['longest_right']:.0f}"))
    if "false_accepts" in metrics:
        wrong = f"{metrics['false_accepts']:.0f} wrongly accepted, {metrics['false_rejects']:.0f} wrongly rejected"
        numbers.append(("all strings", wrong))
    if references:
        numbers.append(("to compare with", ", ".join(f"{name} {loss:.4g}" for name, loss in references.items())))
    return numbers


def side_by_side(sample: "Sample") -> list[tuple[str, str]]:
    """Return the target, the predicted and the free-running text, each with its name and in visible characters.

    In place of the free-running text, a net that was trained on questions has a question and its answer to it.

    Each predicted character stands below its target.
    """
    target, predicted = aligned(visible(sample.target), visible(sample.predicted))
    texts = [("target", target), ("predicted", predicted)]
    if sample.question:
        texts += [("question", visible(sample.question)), ("answer", visible(sample.continuation))]
    else:
        texts.append(("goes on", visible(sample.continuation)))
    return [(name, text) for name, text in texts if text]


def columns(character: str) -> int:
    """Return how many columns of a terminal a character takes: 0 for a mark upon the one before it, 1 or 2."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def aligned(*texts: str) -> list[str]:
    """Return texts with blanks after characters that take fewer columns than another text's at the same place."""
    rooms = [max(columns(character) for character in place if character) for place in zip_longest(*texts, fillvalue="")]
    lines = []
    for text in texts:
        line, blanks = "", 0
        for character, room in zip(text, rooms, strict=False):
            if width := columns(character):
                line, blanks = f"{line}{' ' * blanks}{character}", room - width
            else:  # no blank may come between a mark and its character
                line, blanks = line + character, blanks + room
        lines.append(line)
    return lines


def first_line(error: BaseException) -> str:
    """Return an error's type and the first line of its message, without passwords and tokens."""
    lines = redacted(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def description(
    finished: bool,
    end_reason: str,
    links: str,
    metrics: Mapping[str, float],
    sample: "Sample | None",
    references: Mapping[str, float] | None = None,
) -> str:
    """Return the Markdown of a run's page, which says in a few lines what matters; MLflow hides all after the third.

    Arguments:
        finished: whether the run finished.
        end_reason: the reason why it did not.
        links: links to its pictures, in Markdown.
        metrics: the metrics of the trained net, by name; empty if it was not measured.
        sample: its texts; None if it was not measured.
        references: the losses on the test of what the net is compared with, by name; None if it was not measured.
    """
    lines = [] if finished else [f"**{escaped(end_reason[:MAX_REASON])}**", ""]
    lines += [links, ""]
    if metrics:
        lines += [", ".join(f"{name} **{value}**" for name, value in key_numbers(metrics, references or {})), ""]
    if sample:
        # Indented, so that no character of the text ends the block or is taken for Markdown.
        lines += [f"    {name:<10} {text}" for name, text in side_by_side(sample)]
    return "\n".join(lines)


def model_description(name: str, run_id: str, example: str) -> str:
    """Return the Markdown that describes the logged model of a run: the run that trained it, and an example call."""
    call = f"mlflow.pyfunc.load_model('runs:/{run_id}/model').predict([{example!r}], params={{'length': 30}})"
    return f"The net of run {escaped(name)} ({run_id}).\n\n    {call}"


def fitting(lines: Sequence[str], room: int, rest: str) -> list[str]:
    """Return the first lines that fit into a number of characters, and a last line that says how many do not.

    Arguments:
        lines: the lines.
        room: the number of characters, line ends included; at least 10 more than `rest` has.
        rest: the last line if some are left out; {} stands for their number.
    """
    ends = list(accumulate(len(line) + 1 for line in lines))
    if not ends or ends[-1] <= room:
        return list(lines)
    kept = sum(end <= room - len(rest) - 10 for end in ends)  # the number has less than ten digits
    return [*lines[:kept], rest.format(len(lines) - kept)]


def escaped(text: str) -> str:
    """Return Markdown that shows any text as it is, in one line.

    MLflow shows Markdown by showdown, which takes no backslash before `<`, `&` or `@`, and makes links of addresses.
    """
    text = re.sub(r"([\\`*_\[\]#|~])", r"\\\1", visible(text).strip())
    text = re.sub(r"^([-+=]|\d+(?=[.)]))", lambda start: f"{start[0][:-1]}&#{ord(start[0][-1])};", text)  # lists, rules
    return re.sub(r"&(?!#\d+;)|[<>@]|:(?=\S)|(?<=www)\.", lambda sign: f"&#{ord(sign[0])};", text)
