"""The one reader of YAML and JSON: values, or one short line, in bounded time and memory."""

from __future__ import annotations

import json
import os
import socket
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.text.reading import (
    LONGEST,
    Unreadable,
    content_of,
    parse_json,
    parse_yaml,
    read_json,
    read_yaml,
    shown,
    text_of,
)

Parse = Callable[[str | bytes], Any]
both = pytest.mark.parametrize("parse", [parse_json, parse_yaml])


def refusal(parse: Callable[[Any], Any], source: Any) -> str:
    """The clause that says why ``source`` is refused: short, printable, and at once."""
    began = time.process_time()
    with pytest.raises(Unreadable) as caught:
        parse(source)
    assert time.process_time() - began < 5
    message = str(caught.value)
    assert message.isprintable()
    assert 0 < len(message) < 250
    return message


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "more than 200,000 values"),
        ("a: &a [*a]", "the alias *a stands in what it repeats (line 1, column 8)"),
        ("[" * 3000, "more than 50 blocks inside each other"),
        ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 900)), "more than 50 blocks"),
        ("a: " + "9" * 5000, "a number of 5,000 digits (line 1, column 4)"),
        ("a: 0." + "9" * 5000, "a number of 5,002 digits"),
        ("a: 1\nb: 2\na: 3", "the key 'a' stands twice in one block (line 3, column 1)"),
        ("a: !!python/object/apply:os.system [ls]", "the tag tag:yaml.org,2002:python/object/app"),
        ("a: !!binary x", "the tag tag:yaml.org,2002:binary; only plain values are read"),
        ("a: !!timestamp x", "the tag "),
        ("? [1, 2]\n: 3", "a key that is no plain text (line 1, column 3)"),
        ("{{a: 1}: 2}", "a key that is no plain text (line 1, column 2)"),
        ("&a a: 1\n*a : 2", "a key that is no plain text"),
        ("a: *b", "found undefined alias (line 1, column 4)"),
        ("a: 1\n\tb: 2", "a tab, where only spaces can stand (line 2, column 1)"),
        ("a: 1\n---\nb: 2", "but found another document (line 2, column 1)"),
        ("<<: 5", "expected a mapping or list of mappings for merging"),
        ('a: "\\0"', "holds what is no character"),
        ('a: "\\ud800"', ""),
        ("a: \ud800", ""),
        ("a: \x07", "control characters are not allowed"),
        ("a: [1", "(line "),
        (", x", ""),
        ("a" * (LONGEST + 1), "longer than 1,048,576 characters"),
        ("[" + "x," * 300_000 + "]", "more than 200,000 values"),
        ("a" * 1000 + ": 1\n" + "a" * 1000 + ": 1\n", "stands twice"),
    ],
)
def test_yaml_that_is_not_to_be_built_is_refused_in_one_short_line(text: str, said: str) -> None:
    assert said in refusal(parse_yaml, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 3000 + "]" * 3000, "more than 50 blocks inside each other"),
        ("[" * 60 + "]" * 60, "more than 50 blocks inside each other"),
        ('{"a":' * 500_000, ""),
        ("9" * 5000, "a number of 5,000 digits"),
        ("1e999", "1e999 is not a finite number"),
        ("[NaN]", "NaN is not a finite number"),
        ("-Infinity", "-Infinity is not a finite number"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice in one block"),
        ('{"a": 1,}', "(line 1, column 9)"),
        ("", "Expecting value (line 1, column 1)"),
        ("1 2", "Extra data (line 1, column 3)"),
        ('"\\ud800"', "holds what is no character"),
        ('{"\\u0000": 1}', "holds what is no character"),
        ('"\x07"', "Invalid control character"),
        ("[" + "0," * 300_000 + "0]", "more than 200,000 values"),
        ("0" * (LONGEST + 1), "longer than 1,048,576 characters"),
    ],
)
def test_json_that_is_not_to_be_used_is_refused_in_one_short_line(text: str, said: str) -> None:
    assert said in refusal(parse_json, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2001-12-14", "2001-12-14"),
        ("2001-99-99", "2001-99-99"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("0x_", "0x_"),
        ("0b_", "0b_"),
        ("=", "="),
        ("1:30", "1:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("0x1f", 31),
        ("007", "007"),
        ("-010", "-010"),
        ("00.5", "00.5"),
        ("0", 0),
        ("0.5", 0.5),
        ("1_000", 1000),
        ("-1.5e+3", -1500.0),
        ("yes", True),
        ("~", None),
        ("", None),
        ("{1: a, on: b, null: c}", {"1": "a", "on": "b", "null": "c"}),
        ("{a: &x {b: 1, c: 2}, d: {<<: *x, c: 3}}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("[&x 5, *x]", [5, 5]),
        ("--- \na: ü€🙂\n...\n", {"a": "ü€🙂"}),
    ],
)
def test_yaml_comes_out_as_plain_values(text: str, value: object) -> None:
    assert parse_yaml(text) == value
    assert type(parse_yaml(text)) is type(value)


@both
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_unicode_file_is_read(parse: Parse, coding: str, tmp_path: Path) -> None:
    content = '{"greeting": "grüezi 🙂"}\r\n'.encode(coding)
    assert parse(content) == {"greeting": "grüezi 🙂"}
    (tmp_path / "it").write_bytes(content)
    assert read_yaml(tmp_path / "it") == read_json(tmp_path / "it") == parse(content)


def test_the_other_order_of_bytes_is_read_too() -> None:
    assert text_of(b"\xfe\xff" + "é".encode("utf-16-be")) == "é"


@both
@pytest.mark.parametrize("content", [b"\x80\x02}q", b"caf\xe9", b"\xff\xfea", b"\x89PNG\r\n"])
def test_what_is_no_text_is_said_to_be_none(parse: Parse, content: bytes) -> None:
    assert refusal(parse, content).startswith("not text: byte ")


def test_only_files_are_read_and_nothing_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert refusal(content_of, tmp_path / "pipe") == "a pipe, not a file"
        assert refusal(content_of, tmp_path / "socket") == "a socket, not a file"
        assert refusal(content_of, Path("/dev/zero")) == "a device, not a file"
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        content_of(tmp_path)
    with pytest.raises(FileNotFoundError):
        content_of(tmp_path / "nowhere")


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    tracemalloc.start()
    try:
        assert refusal(content_of, tmp_path / "sparse") == "longer than 1,048,576 bytes"
        assert tracemalloc.get_traced_memory()[1] < 8 * LONGEST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", [BOMB, "[" * 900_000, "[" + "0," * 500_000 + "0]", "- " * 500_000])
@both
def test_memory_stays_small(parse: Parse, text: str) -> None:
    tracemalloc.start()
    try:
        refusal(parse, text)
        assert tracemalloc.get_traced_memory()[1] < 150 * LONGEST
    finally:
        tracemalloc.stop()


def test_a_value_is_shown_on_one_line_and_cut() -> None:
    assert shown("plain words, ü") == "plain words, ü"
    assert shown("a\nb\x1b[2J\x00\ud800") == r"a\nb\x1b[2J\x00\ud800"
    assert shown(["x" * 500]) == "['" + "x" * 117 + "…"
    assert shown(ValueError("two\n   lines")) == "two lines"


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(value=plain)
def test_what_python_writes_is_read_back(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_yaml(yaml.safe_dump(value)) == value


SPARKS = ["[", "]", "{", "}", ":", ": ", ",", "&a ", "*a", "<<: ", "- ", "\n", " ", "\t", '"', "'"]
SPARKS += [
    "!!int ",
    "!x ",
    "? ",
    "0x",
    "_",
    "1e9",
    ".nan",
    "2001-01-01",
    "|",
    ">",
    "#",
    "%YAML 9\n",
]
SPARKS += [
    "%YAML 9\n",
    "---",
    "...",
    "~",
    "\\u",
    "d800",
    "\0",
    "\ud800",
    "é",
    "9" * 600,
    "=",
    "@",
    "\x85",
]


def check_outcome(parse: Parse, source: str | bytes) -> None:
    """Check that the outcome is a value that can be written, or a clause that can be printed."""
    try:
        value = parse(source)
    except Unreadable as error:
        clause = str(error)
    else:
        clause = shown(json.dumps(value).encode())
    assert clause.isprintable()
    assert len(clause) < 250


@both
@settings(max_examples=300)
@given(pieces=st.lists(st.sampled_from(SPARKS) | st.text(max_size=3), max_size=60))
def test_whatever_stands_in_a_text_only_the_typed_error_comes_out(
    parse: Parse, pieces: list[str]
) -> None:
    text = "".join(pieces)
    for source in (text, text.encode("utf-8", "surrogatepass"), text.encode("utf-8", "replace")):
        check_outcome(parse, source)


@both
@given(content=st.binary(max_size=60))
def test_whatever_bytes_there_are_only_the_typed_error_comes_out(
    parse: Parse, content: bytes
) -> None:
    check_outcome(parse, content)
