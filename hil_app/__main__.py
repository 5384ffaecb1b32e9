"""The command line: ``hil-app COMMAND``, or ``python -m hil_app COMMAND``."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import metadata
from types import FrameType

from configs.errors import HilAppError
from hil_app.cli.commands import find
from hil_app.support.outputs import carry_on, printing, settle
from robots.safety.undisturbed import WAITING

_SOON_S = 0.05  # Python is elsewhere by then


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0, 1 an error, 2 bad options, 130 interrupted."""
    with printing():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["--version"]:
        print(f"hil-app {metadata.version('hil-app')}")
        return 0
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITING)  # whoever started us may have them wait
    if not _has_folder():
        return _fail("the working folder is gone: change to one that is there", 1)
    # Before torch is loaded: its idle threads must sleep, or they starve the control loop.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    before = signal.signal(signal.SIGTERM, _end_in_order)
    otherwise = sys.unraisablehook
    sys.unraisablehook = partial(_once_more, otherwise)
    try:
        return _run(words)
    finally:
        sys.unraisablehook = otherwise
        signal.signal(signal.SIGTERM, before)


def _end_in_order(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
    """Leave what is open as it is left at any end: programs that were started are ended too."""
    raise SystemExit(128 + number)


def _once_more(
    otherwise: Callable[[sys.UnraisableHookArgs], object], ignored: sys.UnraisableHookArgs
) -> None:
    """Have a signal count that came where Python raises nothing, such as a weak reference's end."""
    if isinstance(ignored.exc_value, KeyboardInterrupt):
        number = signal.SIGINT
    elif isinstance(ignored.exc_value, SystemExit):
        number = signal.SIGTERM
    else:
        otherwise(ignored)
        return
    again = threading.Timer(_SOON_S, signal.pthread_kill, (threading.main_thread().ident, number))
    again.daemon = True
    with suppress(RuntimeError):  # the program is over
        again.start()


def _has_folder() -> bool:
    """Whether the working folder is there; libraries fail in many ways where none is."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _run(words: Sequence[str]) -> int:
    try:
        command, argv = find(words)
        return command.run(argv)
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


if __name__ == "__main__":
    sys.exit(main())
