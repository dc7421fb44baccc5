"""Bad input from a seeded generator: values that no program expects, and valid files that were changed a little."""

import json
import math
from copy import deepcopy
from random import Random
from typing import Any

LONG = "9" * 30
"""A whole number that no field and no machine integer can hold."""

WORDS = [
    *[
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1e-400",
        "-0",
        "0",
        "-1",
        "1",
        "2",
        "7",
        "0x10",
        "1_0",
        "１２",
        "٣",
        "+3",
        "1,2",
        "2.5",
        "True",
        "None",
        "--",
        "-",
        "-x",
        "'",
        '"',
        "\\",
        "%s",
        "{}",
        "💥",
        "*",
        "$(x)",
    ],
    *["../..", "/", "~", "latest", "all", "abc", "ab,cd", "a=b:c=d", "`x`", "a|b", "[a](b)"],
    *(LONG, f"-{LONG}", f"0.{LONG}", "9" * 5000, "a" * 100_000, "<img src=x onerror=x>", "' OR '1'='1", "", " "),
    *("1 ", "\0", "\n", "\x1b[31m", "\x7f", "\u2028", "\ufeff", "\ud800"),
]
"""Words for a command line."""

VALUES: list[Any] = [None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 10**400, 1.5, -0.0, 1e308, math.nan, math.inf]
VALUES += ["", "a", "\0", "\ud800", "abc", "a" * 100_000, [], [1], [None], {}, {"a": 1}, [[[[]]]], ["a", 1]]
"""Values for a file or a call."""

SPECS = [
    *[
        "abc",
        "unit:ab",
        "reber",
        "tomita:4",
        "dyck:2",
        "dyck:2:depth=3",
        "anbn",
        "anbn:uniform=5",
        "markov:order=1:alphabet=3",
        "noisy:abc:0.1",
    ],
    *[
        "elman",
        "parity",
        "parity:longest=9",
        "flipflop:2",
        "reverse",
        "text:tale.txt",
        "text:tale.txt:split=blocks",
        "lines:tale.txt",
        "lines:tale.txt:test=folder",
        "text:pipe",
        "text:folder",
        "text:huge.txt",
    ],
    *["text:/dev/zero", "text:/dev/urandom", "text:/proc/self/mem", "text:/proc/self/pagemap"],
]
"""Specs of patterns, some of which name files that no text can be."""

DEEP = 100_000
"""So many levels no parser goes down."""


def mutated_text(random: Random, text: str) -> str:
    """Return a text in which some characters were replaced, repeated, moved or dropped."""
    for _ in range(random.choice((1, 1, 2, 4))):
        at, end = sorted(random.randrange(len(text) + 1) for _ in range(2))
        middle = random.choice(
            (text[at:end][::-1], "", text[at:end] * 2, random.choice(WORDS), random.choice(":=,.-0"))
        )
        text = text[:at] + middle + text[min(end, at + 8) :]
    return text


def mutated_bytes(random: Random, content: bytes) -> bytes:
    """Return a file that was cut off, or in which some bytes were replaced, repeated or dropped."""
    if random.random() < 0.2:
        return content[: random.randrange(len(content) + 1)]
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(changed) + 1)
        end = at + random.choice((0, 1, 1, 4, 40))
        new = random.choice(
            (random.randbytes(end - at), b"", bytes(changed[at:end]) * 2, b"\xff\x7f", b"\0" * 9, b"nan")
        )
        changed[at:end] = new
    return bytes(changed)


def mutated_json(random: Random, value: Any) -> str:
    """Return JSON in which some values were replaced, or names were added, dropped or given twice."""
    value = json.loads(json.dumps(value))
    for _ in range(random.choice((1, 1, 2, 3))):
        parent = value
        while (
            inner := [each for each in parent.values() if isinstance(each, dict) and each]
        ) and random.random() < 0.7:
            parent = random.choice(inner)
        name = random.choice(list(parent)) if parent else "a"
        way = random.random()
        if way < 0.7:
            parent[name] = deepcopy(random.choice(VALUES))
        elif way < 0.85:
            parent.pop(name, None)
        else:
            parent[random.choice(WORDS)] = deepcopy(random.choice(VALUES))
    # json writes the surrogates as escapes, and nan and inf as names that JSON does not have.
    text = json.dumps(value)
    way = random.random()
    if way < 0.05:
        return text.replace(": ", ": " + "[" * DEEP, 1)
    if way < 0.1:
        return text.replace(": ", ": " + "9" * 5000, 1)
    if way < 0.15:
        return text[:-1] + ", " + text[1:]  # every name twice
    return text


def toml_value(random: Random) -> str:
    """Return a value as TOML writes it, or nearly."""
    plain = (
        "nan -inf true [] '' [['a']] {a=1} 1979-05-27 07:32:00 0x10 1_0 [1,2] [1,'a'] [1.5,2] 0b1 -0 1e400 '1-3' [ # 3"
    )
    huge = ["9" * 5000, "0x" + "f" * 5000, f"[{'9' * 400}]", f"[0x{'f' * 5000}]", LONG, f"[{LONG}]"]
    deep = ["[" * 900 + "]" * 900, "[" * DEEP, "{a=" * 900 + "1" + "}" * 900]
    texts = ["'''a\nb'''", r'"\u0000"', r'"\ud800"', "\0", "'2,4'", "'gru'", json.dumps(random.choice(WORDS))]
    return random.choice([*plain.split(), *huge, *deep, *texts, json.dumps([random.choice(SPECS)])])
