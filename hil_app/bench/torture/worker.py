"""The process that reads hurt inputs of one kind: it may crash, hang or run out of memory.

``python -m hil_app.bench.torture.worker SUBJECT SEED FIRST COUNT FOLDER`` writes a line of JSON
before each try and one after it.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

from configs.errors import HilAppError
from hil_app.bench.torture import devices, recorded, subjects
from hil_app.bench.torture.subjects import Subject, copy

LIMIT_S = 10.0  # that reading a small input may take, on a busy machine
MEMORY = 2 << 30  # bytes that it may take beyond what the process has
LONGEST = 1000  # characters of a message
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_TEXTS = (
    subjects.ConfigFile,
    subjects.Options,
    subjects.LerobotConfig,
    subjects.CalibrationFile,
    subjects.VirtualEEPROM,
)
_DEVICES = (devices.PadMapping, devices.HIDReport, devices.SocketLines)
SUBJECTS: dict[str, Subject] = {
    subject.name: subject
    for subject in (*(kind() for kind in (*_TEXTS, *_DEVICES)), *recorded.all_of())
}
"""Every kind of input by name."""


class _Hang(BaseException):
    """Reading takes too long."""


def serve(subject: Subject, seed: int, first: int, count: int, folder: Path) -> None:
    """Hurt and read ``count`` inputs, and say what came of each."""
    good, tried = folder / "good", folder / "tried"
    good.mkdir(exist_ok=True)
    subject.make(good)
    copy(good, tried)
    expected = subject.read(tried)
    signal.signal(signal.SIGALRM, _hang)
    _limit_memory()
    for number in range(first, first + count):
        copy(good, tried)
        done = subject.hurt(tried, Random(f"{seed} {subject.name} {number}"))
        _say({"try": number, "done": done})
        before = _peak()
        outcome, message = _outcome(subject, tried, expected)
        grown = _peak() - before
        _say({"try": number, "outcome": outcome, "message": message[:300], "grown": grown})


def _outcome(subject: Subject, folder: Path, expected: Any) -> tuple[str, str]:
    """What came of reading it, in a word, and the message or the fault."""
    try:
        signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
        try:
            with (
                redirect_stdout(StringIO()),
                redirect_stderr(StringIO()),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")
                found = subject.read(folder)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except HilAppError as error:
        message = str(error)
        bad = len(message) > LONGEST or _ODD.search(message)
        return ("unclear" if bad else "refused"), repr(message) if bad else message
    except MemoryError:
        return "memory", "out of memory"
    except _Hang:
        return "hang", f"over {LIMIT_S:g} s"
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {error}"
    fault = subject.wrong(expected, found)
    return ("accepted", fault) if fault else ("good", "")


def _hang(*_: object) -> None:
    raise _Hang


def _limit_memory() -> None:
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, most))


def _peak() -> int:
    """The most memory that the process has had [KiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _say(what: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(what, default=str) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    _name, _seed, _first, _count, _folder = sys.argv[1:]
    serve(SUBJECTS[_name], int(_seed), int(_first), int(_count), Path(_folder))
