"""What ends a command is told in one line, whatever the system lacks and whenever it comes."""

from __future__ import annotations

import errno
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from waiting import PATIENCE_S

from hil_app import __main__
from hil_app.cli import commands


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (MemoryError(), 1, "there is no memory left: end other programs"),
        (RuntimeError("can't start new thread"), 1, "can't start new thread: end other .*-u`"),
        (OSError(errno.EMFILE, "Too many open files", "x"), 1, ".*Too many open files.*ulimit -n`"),
        (
            ImportError("libGL.so.1: cannot open shared object file"),
            1,
            r"a library does not load \(libGL\.so\.1: .*\): `hil-app doctor` says what to do",
        ),
        (
            IsADirectoryError(errno.EISDIR, "Is a directory", "run/events.jsonl"),
            1,
            r"cannot go on: Is a directory at run/events\.jsonl",
        ),
        (OSError(errno.ENOSPC, "No space left"), 1, "cannot go on: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
@pytest.mark.parametrize("importing", [True, False])
def test_what_the_system_lacks_and_ctrl_c_are_reported_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
    importing: bool,
) -> None:
    def fail(*_: object) -> SimpleNamespace:
        raise error

    found = fail if importing else lambda _: SimpleNamespace(run=fail)
    monkeypatch.setattr(commands, "import_module", found)
    assert __main__.main(["doctor"]) == status
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert re.fullmatch(f"hil-app: {said}\n", line)


def test_without_another_thread_an_error_is_reported_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(commands, "import_module", none)
    monkeypatch.setattr(__main__, "carry_on", none)
    assert __main__.main(["doctor"]) == 1
    assert "can't start new thread: end other programs" in capfd.readouterr().err


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ConnectionError("a bug")])
def test_a_fault_of_our_own_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(commands, "import_module", fail)
    with pytest.raises(type(error), match="a bug"):
        __main__.main(["doctor"])


IN_A_CALLBACK = """
import signal, sys, time, weakref
import hil_app.__main__ as program

class Command:
    def run(argv):
        thing = Command()
        gone = weakref.ref(thing, lambda _: signal.raise_signal(int(argv[0])))
        del thing
        time.sleep(100)

program.find = lambda words: (Command, words)
sys.exit(program.main())
"""


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "hil-app: interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_a_signal_counts_wherever_it_comes(number: signal.Signals, status: int, said: str) -> None:
    """Python raises nothing out of a callback, and would print that instead."""
    command = [sys.executable, "-c", IN_A_CALLBACK, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (status, said)
