"""What devices and local sockets send, as subjects of torture."""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from hil_app.bench.torture.mutations import NEVER, ODD, damaged
from hil_app.bench.torture.subjects import Subject
from teleop.device import Latch
from teleop.gamepad.hid_reports import PADS, parse
from teleop.gamepad.mappings import check_mapping, saved_mappings
from teleop.virtual.remote import PadListener

_MAPPING = "03000000790000000600000010010000,Twin USB Joystick,a:b2,b:b1,leftx:a0,dpup:h0.1,"
_LINES = 4  # of each kind, to a socket in one try


class HIDReport(Subject):
    """Reports of gamepads of every layout, of any length and content: none may do harm."""

    name = "HID reports"

    def make(self, folder: Path) -> None:
        (folder / "report").write_bytes(bytes(range(64)))

    def hurt(self, folder: Path, draw: Random) -> str:
        report = draw.randbytes(draw.choice((0, 1, 2, 7, 8, 10, 16, 49, 64, 78, 547, 4096)))
        (folder / "report").write_bytes(report)
        return f"{len(report)} bytes"

    def read(self, folder: Path) -> Any:
        report = (folder / "report").read_bytes()
        found = []
        for layout in PADS.values():
            latch = Latch()
            parse(layout, report, latch)
            taken = latch.take()
            found += [float(value) for value in taken.axes.values()]
        return found

    def wrong(self, good: Any, found: Any) -> str | None:  # noqa: ARG002 - as its kind has it
        bad = [value for value in found if not (math.isfinite(value) and -1 <= value <= 1)]
        return f"an axis at {bad[0]}" if bad else None


class PadMapping(Subject):
    """A line of the file of gamepad mappings."""

    name = "gamepad mapping"

    def make(self, folder: Path) -> None:
        (folder / "gamepads.txt").write_text(_MAPPING)

    def hurt(self, folder: Path, draw: Random) -> str:
        done, content = damaged(draw, _MAPPING.encode())
        (folder / "gamepads.txt").write_bytes(content)
        return done

    def read(self, folder: Path) -> Any:
        os.environ["XDG_CONFIG_HOME"] = str(folder)
        (folder / "hil-app").mkdir(exist_ok=True)
        (folder / "gamepads.txt").replace(folder / "hil-app" / "gamepads.txt")
        return saved_mappings()

    def wrong(self, good: Any, found: Any) -> str | None:  # noqa: ARG002 - as its kind has it
        try:
            for line in found:
                check_mapping(line)
        except ValueError as error:
            return str(error)
        return None


class SocketLines(Subject):
    """Lines to the local socket that moves a virtual device; a good one must still be answered."""

    name = "virtual device's socket"

    def make(self, folder: Path) -> None:
        (folder / "lines").write_bytes(b"")

    def hurt(self, folder: Path, draw: Random) -> str:
        lines = []
        for _ in range(_LINES):
            token = draw.choice((*NEVER, *ODD)).replace("1.0e+999", "1e999").replace(".nan", "NaN")
            lines += [f'{{"axis": 0, "value": {token}}}'.encode(errors="replace"), token.encode()]
            lines += [damaged(draw, b'{"axis": 0, "value": 0.5}')[1].replace(b"\n", b" ")]
        (folder / "lines").write_bytes(b"\n".join(lines) + b"\n")
        return f"{len(lines)} lines"

    def read(self, folder: Path) -> Any:
        path, taken = folder / "pad", list[float]()
        with PadListener(path, _takes(taken)):
            for line in (folder / "lines").read_bytes().split(b"\n"):
                _say(path, line)
            _say(path, b'{"axis": 0, "value": 0.25}')
        return taken

    def wrong(self, good: Any, found: Any) -> str | None:  # noqa: ARG002 - as its kind has it
        if found[-1:] != [0.25]:
            return "a good line is not answered any more"
        return None if all(map(math.isfinite, found)) else "a number that is none"


def _say(path: Path, line: bytes) -> None:
    """Send a line; an answer is JSON, or the connection is closed."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        with suppress(ConnectionError):  # it hung up on a line of this kind
            connection.sendall(line + b"\n")
            if answer := connection.makefile("rb").readline():
                json.loads(answer)


def _takes(taken: list[float]) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    def handle(message: dict[str, Any]) -> None:
        taken.append(float(message["value"]))

    return handle
