"""What is printed, for readers that are slow, gone, full, or know no Unicode."""

import os
import pty
import shutil
import sys
import time

import pytest
from waiting import PATIENCE_S, until

from hil_app.bench.torture.surroundings import stalled_terminal
from hil_app.support import outputs
from hil_app.support.outputs import Output


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def output(number, encoding="utf-8"):
    """An output that takes itself for the standard output, wherever it goes."""
    made = Output(1, encoding)
    made._number = number
    return made


def test_text_arrives_as_it_is(pipe):
    text = output(pipe[1])
    print("98 % → done", file=text, flush=True)
    assert os.read(pipe[0], 100) == "98 % → done\n".encode()


def test_what_an_encoding_cannot_say_is_replaced(pipe):
    text = output(pipe[1], encoding="ascii")
    print("78 °C, \udce9", file=text)
    assert os.read(pipe[0], 100) == b"78 ?C, ?\n"


def test_it_is_a_terminal_where_there_is_one(pipe):
    operator, program = pty.openpty()
    assert output(program).isatty()
    assert not output(pipe[1]).isatty()
    os.close(operator)
    os.close(program)


@pytest.fixture
def gone():
    """The number of a pipe that nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    yield writes
    os.close(writes)


def test_a_reader_that_is_gone_ends_a_command_once_and_quietly(gone):
    made = Output(1, "utf-8")
    saved = os.dup(1)
    os.dup2(gone, 1)
    try:
        with pytest.raises(SystemExit) as end:
            print("hello", file=made)
        print("on the way out", file=made)
    finally:
        os.dup2(saved, 1)
        os.close(saved)
    assert end.value.code == 141


def test_standard_error_ends_nothing(capfd):
    made = Output(2, "utf-8")
    saved = os.dup(2)
    with open("/dev/full", "w") as full:
        os.dup2(full.fileno(), 2)
    try:
        print("hello", file=made)
    finally:
        os.dup2(saved, 2)
        os.close(saved)
    assert capfd.readouterr() == ("", "")


def test_nobody_waits_for_a_terminal_that_takes_nothing(monkeypatch):
    monkeypatch.setattr(outputs, "_PATIENCE", 0.1)
    with stalled_terminal() as terminal:
        made = Output(1, "utf-8")
        saved = os.dup(1)
        os.dup2(terminal, 1)
        try:
            made.carry_on()
            began = time.monotonic()
            for _ in range(10_000):
                print("." * 100, file=made)
            assert time.monotonic() - began < PATIENCE_S
            assert 0 < made.waiting < 5_000
            assert not made.drain()
        finally:
            os.dup2(saved, 1)
            os.close(saved)


def test_what_was_too_much_for_a_reader_is_reported_where_it_is_missing(pipe, monkeypatch):
    monkeypatch.setattr(outputs, "_MOST", 5)
    text = output(pipe[1])
    text.carry_on()
    text.write("." * 200_000)  # more than a pipe holds
    until(lambda: text.waiting == 1 and not text._backlog._waiting)
    for _ in range(7):
        text.write("!")
    read = b""
    while not read.endswith(b"took them]\n"):
        read += os.read(pipe[0], 65536)
    assert read.count(b".") == 200_000
    assert read.endswith(b"!!!!!\n[2 pieces of text are left out here: nobody took them]\n")


@pytest.mark.parametrize(
    ("given", "columns"),
    [
        ({}, None),
        ({"COLUMNS": "100"}, 100),
        ({"COLUMNS": "0"}, None),
        ({"COLUMNS": "1", "LINES": "0"}, 20),
        ({"COLUMNS": "²"}, None),
        ({"COLUMNS": "-5"}, None),
        ({"COLUMNS": "9" * 5000}, None),
        ({"COLUMNS": "99999"}, 1000),
        ({"LINES": "many"}, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_terminal_of_any_size_can_be_drawn_for(given, columns, monkeypatch):
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, "7")  # restored at the end, whatever becomes of it
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    outputs._see_to_size()
    size = shutil.get_terminal_size()
    assert 20 <= size.columns <= 1000
    assert columns is None or size.columns == columns
    assert "LINES" not in os.environ


def test_whoever_listens_instead_is_left_alone(capsys):
    listens = sys.stdout
    with outputs.printing():
        assert sys.stdout is listens
        outputs.carry_on()
        print("heard")
    assert capsys.readouterr().out == "heard\n"
