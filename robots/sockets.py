"""Local sockets that no other user can reach, and bounded JSON lines over them.

::

    with listening(socket_folder(make=True) / "arm.sock") as listener:
        connection, _ = listener.accept()
        connection.sendall(answered(line, handle, refusal))
"""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from configs.text.reading import LONGEST, parse_json
from robots.base import RobotError

LONGEST_LINE = 65536
"""Bytes of a message."""
LONGEST_ANSWER = LONGEST
"""Bytes of an answer."""
_LONGEST_PATH = 107 if sys.platform == "linux" else 103  # bytes that a local socket's may have
_LONGEST_NAME = 40  # of a socket in our folder

Message = dict[str, Any]


def socket_folder(*, make: bool = False) -> Path:
    """The folder for our sockets, maybe not there yet, that only this user may enter.

    It is in XDG_RUNTIME_DIR, or where that is not set, cannot be written or has too long a name,
    in a folder for temporary files. Raises RobotError if there is none, or others may enter it.
    """
    bases = (os.environ.get("XDG_RUNTIME_DIR", ""), *_temporary())
    for base in filter(os.path.isabs, bases):
        folder = Path(base) / f"hil-app-{os.getuid()}"
        there = os.path.lexists(folder)
        if _fits(folder / ("x" * _LONGEST_NAME)) and (there or os.access(base, os.W_OK | os.X_OK)):
            if make and not there:
                _make(folder)
            if make or there:
                _check(folder)
            return folder
    raise RobotError(
        "No folder for local sockets: set TMPDIR or XDG_RUNTIME_DIR to a folder that you can "
        "write, with a short name."
    )


def listen(path: Path) -> socket.socket:
    """A socket that listens at ``path``, where nothing may be, for this user alone.

    Raises OSError.
    """
    _check_length(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def connect(path: Path, patience_s: float) -> socket.socket:
    """A connection to who listens at ``path``, with a time limit on all that is done with it.

    Raises OSError: PermissionError if that is another user's program.
    """
    _check_length(path)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(patience_s)
        connection.connect(str(path))
        if not is_ours(connection):
            raise PermissionError(errno.EACCES, "another user's program listens there", str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def is_ours(connection: socket.socket) -> bool:
    """Whether the other end is a program of this user, or root's, as far as the system tells."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    user: int = struct.unpack("3i", credentials)[1]
    return user in (0, os.getuid())


def answered(
    line: bytes,
    handle: Callable[[Message], Message | None],
    refusal: Callable[[BaseException], str],
) -> bytes:
    """The line to send back: what ``handle`` returns of the message in ``line``.

    Whatever it raises, and whatever the line holds, is an error in the answer, in the words of
    ``refusal``.
    """
    try:
        message = parse_json(line)
        if not isinstance(message, dict):
            raise ValueError("it is no JSON object")
        answer = handle(message) or {}
        return json.dumps(answer).encode() + b"\n"
    except BaseException as error:  # a server lives on whatever it is asked
        return json.dumps({"error": refusal(error)}).encode() + b"\n"


def parsed(line: bytes) -> Message:
    """The answer in ``line``; raises ConnectionError unless it is a whole one."""
    if not line.endswith(b"\n"):
        raise ConnectionError("it ended")
    try:
        answer = parse_json(line)
    except ValueError as error:
        raise ConnectionError(f"its answer makes no sense: {error}") from None
    if not isinstance(answer, dict):
        raise ConnectionError("its answer makes no sense")
    return answer


def _temporary() -> tuple[str, ...]:
    try:
        return tempfile.gettempdir(), "/tmp"
    except FileNotFoundError:  # none can be written
        return ()


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _LONGEST_PATH


def _check_length(path: Path) -> None:
    if not _fits(path):
        raise OSError(
            errno.ENAMETOOLONG,
            f"a local socket's path has at most {_LONGEST_PATH} bytes: choose a shorter one",
            str(path),
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise RobotError(f"Cannot make {folder} for local sockets: {error.strerror}") from None


def _check(folder: Path) -> None:
    """Raise RobotError unless it is a folder, and this user's alone."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise RobotError(f"{folder} is no folder: remove it.")
    if status.st_uid != os.getuid():
        raise RobotError(f"{folder} is another user's: set XDG_RUNTIME_DIR to a folder of yours.")
    if status.st_mode & 0o077:
        raise RobotError(f"{folder} can be entered by other users: remove it, or chmod 700 it.")
