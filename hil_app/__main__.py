"""The command line: ``hil-app COMMAND``, or ``python -m hil_app COMMAND``."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata

from configs.errors import HilAppError
from hil_app.support.outputs import carry_on, printing, settle
from robots.safety.undisturbed import WAITING

COMMANDS = {
    "demo": "the whole loop on the simulated arm; nothing to configure",
    "train": "demonstrate, learn with interventions, evaluate without",
    "eval": "judge a trained policy on its own",
    "teleoperate": "move an arm by hand, and see how it does",
    "record": "record episodes into a dataset, by hand or with a policy's help",
    "dataset": "look at a dataset; replay, crop, repair and share it",
    "train-classifier": "learn from recorded episodes what success looks like",
    "gamepad": "try a gamepad or keyboard, teach an unknown one, see what its controls do",
    "find-port": "find the serial port of an arm",
    "setup-motors": "give new motors their IDs, one at a time",
    "calibrate": "learn where an arm's joints are, by moving it by hand",
    "find-limits": "learn which space an arm may use, by moving it by hand",
    "find-cameras": "list the cameras, save a picture of each, and say how to use them",
    "doctor": "check all that a run needs of this computer, the arm and the cameras",
    "config": "show the configuration that a run would use, or import one of lerobot",
    "bench": "measure the tick, the learner, the servo bus, and what faults lead to",
    "virtual-arm": "an arm that is not there, on a serial port that is",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0, 1 an error, 2 bad options, 130 interrupted."""
    with printing():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    if name == "--version":
        print(f"hil-app {metadata.version('hil-app')}")
        return 0
    if name not in COMMANDS:
        return _fail(f"unknown command {name[:60]!a}; commands: {', '.join(COMMANDS)}", 2)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITING)  # whoever started us may have them wait
    if not _has_folder():
        return _fail("the working folder is gone: change to one that is there", 1)
    # Before torch is loaded: its idle threads must sleep, or they starve the control loop.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return _run(name, rest)


def _has_folder() -> bool:
    """Whether the working folder is there; libraries fail in many ways where none is."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _run(name: str, argv: Sequence[str]) -> int:
    try:
        status: int = import_module(f"hil_app.cli.{name.replace('-', '_')}").run(argv)
        return status
    except HilAppError as error:
        return _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except Exception as error:
        if lack := _lack(error):
            return _fail(lack, 1)
        raise


def _lack(error: Exception) -> str | None:
    """What the system refuses or has no more of, if that is the ``error``."""
    if isinstance(error, MemoryError):
        return "there is no memory left: end other programs"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{error}: end other programs, or allow more files with `ulimit -n`"
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        return f"{error}: end other programs, or allow more threads with `ulimit -u`"
    if isinstance(error, ImportError):
        return f"a library does not load ({error}): `hil-app doctor` says what to do"
    if isinstance(error, OSError) and error.errno is not None:  # the system's, not a program's
        place = "" if error.filename is None else f" at {error.filename}"
        return f"cannot go on: {error.strerror}{place}"
    return None


def _fail(message: str, status: int) -> int:
    settle()
    with suppress(RuntimeError):  # no thread can be started: the reader is waited for
        carry_on()  # to the end, though nobody may read this
    print(f"hil-app: {message}", file=sys.stderr)
    return status


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "Teach an SO100/SO101 robot arm by taking over when it errs.",
            "",
            "usage: hil-app COMMAND [options]",
            "",
            "commands:",
            *lines,
            "",
            "Start with `hil-app demo`; `hil-app COMMAND --help` explains each command's options.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
