"""A gamepad, read report by report through hidapi, for where SDL does not serve."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self

from configs.manual import GamepadHIDConfig
from configs.text.paths import typed
from configs.text.reading import shown
from teleop.base import TeleopError
from teleop.device import DeviceState, Latch
from teleop.gamepad.hid_reports import PADS, Layout, parse

_DESKTOP, _PADS, _UNTOLD = 1, (4, 5), (0, 0)  # usage page, usages of joysticks and pads
_LONGEST = 1024  # bytes of a report
_BATCH = 64  # reports that are read at once: as many as a system keeps
_BREATH_S = 0.002  # after a full batch, so that a flood leaves the others their share
_WAIT_MS = 20  # for a report, before looking whether something else is to be done
_AGAIN_S = 0.7  # from one look for a lost pad to the next
_PATIENCE_S = 10.0  # for the first look
_CLOSING_S = 2.0  # for a look that is under way at the end

_FAILURES = (OSError, ValueError)  # what hidapi raises: ValueError for a device that is closed
_RULES = "/etc/udev/rules.d/70-gamepad.rules"


class HidPad(NamedTuple):
    """A pad that is connected; ``layout`` is None if its reports are unknown."""

    vendor: int
    product: int
    name: str
    path: bytes
    wired: bool
    layout: Layout | None

    @property
    def ids(self) -> str:
        """Vendor and product, as ``teleop.pad`` takes them."""
        return f"{self.vendor:04x}:{self.product:04x}"

    def is_called(self, wanted: str) -> bool:
        """Whether ``wanted`` is part of a name of it, or its ids."""
        model = "" if self.layout is None else self.layout.name
        return any(wanted.lower() in one.lower() for one in (self.name, model, self.ids))

    @property
    def permitted(self) -> bool:
        """Whether this user may use it, as far as its path says."""
        path = os.fsdecode(self.path)
        return not path.startswith("/dev/") or os.access(path, os.R_OK | os.W_OK)

    @property
    def rule(self) -> str:
        """How to get the permission to use it, on Linux."""
        rule = f'KERNEL=="hidraw*", KERNELS=="*:{self.ids.upper()}.*", MODE="0666"'
        write = f"echo '{rule}' | sudo tee {_RULES} && sudo udevadm control --reload"
        return f"{write}, then plug it in again"


class HIDPad:
    """A pad of which every report counts.

    A thread of its own reads the reports as they come and looks for a pad that is lost, so that
    :meth:`poll` never waits, and no press between two polls is lost, however late the next one is:
    systems keep only some 30 to 64 reports, a quarter of a second of some pads. A poll that read
    them itself would wait for the interpreter once a report while other threads are busy.

    The pad rumbles where its motors are simply set: a DualShock 4 or a DualSense over USB, an Xbox
    pad over Bluetooth; the others take no notice. A wireless pad that falls asleep or out of range
    while its receiver stays plugged in is not seen to be lost: it stays as it was reported last.
    """

    def __init__(self, config: GamepadHIDConfig) -> None:
        self._config = config
        self._pad: HidPad | None = None
        self._latch = Latch()
        self._lock = threading.Lock()  # over the latch and what follows
        self._there = self._missed = False  # the pad; a loss that no poll has told yet
        self._refusal: TeleopError | None = None  # of the first look
        self._wish: tuple[float, float] | None = None  # strength of a rumble, and its length [s]
        self._looked, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="gamepad", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._looked.wait(_PATIENCE_S):
            self._closing.set()
            raise TeleopError(
                f"The gamepads could not be looked for within {_PATIENCE_S:g} s: unplug what is "
                "plugged in, and plug it in again"
            )
        if self._refusal is not None:
            self._thread.join()
            raise self._refusal
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._thread.join(_CLOSING_S)

    @property
    def name(self) -> str:
        """What people call it."""
        return "the gamepad" if self._pad is None else self._pad.name

    def poll(self) -> DeviceState | None:
        """Its state now; None while it is lost, and at least once after it was. Never waits."""
        with self._lock:
            missed, self._missed = self._missed, False
            return self._latch.take() if self._there and not missed else None

    def rumble(self, strength: float, seconds: float) -> None:
        """Let the hand feel something, if it can; ``strength`` in [0, 1]."""
        with self._lock:
            self._wish = strength, seconds

    def _work(self) -> None:
        """Find the pad and read it, and find it again when it was lost, until the end."""
        library = device = None
        try:
            library = load()
            device = self._open(library)
        except TeleopError as error:
            self._refusal = error
        except BaseException as error:
            self._refusal = TeleopError(f"The gamepads cannot be looked for: {error!r}")
        self._looked.set()
        while self._refusal is None:
            with suppress(BaseException):  # it is lost, whatever the library raises
                self._serve(device or self._open(library))
            device = None
            if self._closing.wait(_AGAIN_S):
                return

    def _open(self, library: Any) -> Any:
        """The pad, opened; raises TeleopError with the remedy if there is none that can be used."""
        try:
            pads = usable(connected(library), self._config.pad)
            device = library.device()
        except _FAILURES as error:
            raise TeleopError(f"The gamepads cannot be looked for: {error}") from None
        pad = self._start(device, pads)
        with self._lock:
            self._pad, self._there, self._wish = pad, True, None
        return device

    def _start(self, device: Any, pads: Sequence[HidPad]) -> HidPad:
        """Open the first of ``pads`` that opens; raises the TeleopError of the first if none."""
        problems = []
        for pad in pads:
            try:
                device.open_path(pad.path)
                device.set_nonblocking(True)
                return pad
            except _FAILURES as error:
                problems.append(_closed(pad, error))
        raise problems[0]

    def _serve(self, device: Any) -> None:
        """Read ``device`` and let it rumble, until it is lost or the end."""
        assert self._pad is not None
        assert self._pad.layout is not None
        motor = _Motor(device, self._pad)
        try:
            while not self._closing.is_set():
                self._read(device, self._pad.layout)
                with self._lock:
                    wish, self._wish = self._wish, None
                motor.turn(wish)
            motor.stop()
        finally:
            with self._lock:
                self._latch.release()
                self._there, self._missed = False, True
            with suppress(*_FAILURES):
                device.close()

    def _read(self, device: Any, layout: Layout) -> None:
        """Wait for a report, and take all that there are, up to a batch."""
        wait = _WAIT_MS
        for _ in range(_BATCH):
            report = device.read(_LONGEST, wait)
            if not report:
                return
            with self._lock:
                parse(layout, bytes(report), self._latch)
            wait = 0
        time.sleep(_BREATH_S)


class _Motor:
    """A pad's motors, which are told to start and, later, to stop."""

    def __init__(self, device: Any, pad: HidPad) -> None:
        rumble = pad.layout.rumble if pad.layout is not None else None
        able = rumble is not None and (pad.wired or not rumble.wired)
        self._device, self._rumble = device, rumble if able else None
        self._until: float | None = None

    def turn(self, wish: tuple[float, float] | None) -> None:
        """Do what is wished, a strength and a length [s]; stop what has lasted long enough."""
        if self._rumble is None:
            return
        if wish is not None:
            strength, seconds = wish
            self._device.write(self._rumble.bytes_for(strength))
            self._until = time.monotonic() + seconds
        elif self._until is not None and time.monotonic() >= self._until:
            self.stop()

    def stop(self) -> None:
        """Let them stand still."""
        if self._rumble is not None and self._until is not None:
            self._device.write(self._rumble.bytes_for(0.0))
            self._until = None


def load() -> Any:
    """The module of hidapi; raises TeleopError if it cannot be loaded."""
    # On Linux its package has two: hid goes through libusb, which takes a pad away from the system
    # and knows no Bluetooth.
    names = ("hidraw", "hid") if sys.platform == "linux" else ("hid",)
    problem: ImportError | None = None
    for name in names:
        try:
            library = importlib.import_module(name)
        except ImportError as error:
            problem = error
            continue
        if hasattr(library, "device"):
            return library
        problem = ImportError(f"another package has the name {name}: pip uninstall {name}")
    raise TeleopError(
        f"The library that reads gamepads cannot be loaded ({problem}): "
        "pip install --force-reinstall hidapi"
    )


def connected(library: Any) -> list[HidPad]:
    """What is connected and looks like a pad, known ones first, each once."""
    found: dict[bytes, HidPad] = {}
    for info in library.enumerate():
        usage = (info.get("usage_page", 0), info.get("usage", 0))
        ids = (info["vendor_id"], info["product_id"])
        layout = PADS.get(ids)
        is_pad = usage[0] == _DESKTOP and usage[1] in _PADS
        if is_pad or (layout is not None and usage == _UNTOLD):
            name = shown(info.get("product_string") or (layout.name if layout else "a gamepad"))
            wired = info.get("interface_number", -1) >= 0
            found.setdefault(info["path"], HidPad(*ids, name, info["path"], wired, layout))
    return sorted(found.values(), key=lambda pad: pad.layout is None)


def usable(pads: Sequence[HidPad], wanted: str | None) -> list[HidPad]:
    """The known pads that are ``wanted``, by their ids or a part of a name; None is any.

    Those that this user may use come first; TeleopError if there is none at all.
    """
    if wanted is not None:
        pads = _named(pads, wanted)
    if not pads:
        raise TeleopError(
            "No gamepad is connected: plug one in, or wake it and pair it; `hil-app doctor` shows "
            "which ones are seen"
        )
    known = [pad for pad in pads if pad.layout is not None]
    if not known:
        raise TeleopError(_unknown(pads[0]))
    return sorted(known, key=lambda pad: not pad.permitted)


def _closed(pad: HidPad, error: Exception) -> TeleopError:
    """Why a pad does not open, and what to do."""
    if pad.permitted:
        return TeleopError(
            f"{pad.name} ({pad.ids}) does not open ({error}): end the other program that uses it, "
            "or unplug it and plug it in again"
        )
    where = os.fsdecode(pad.path)
    return TeleopError(f"No permission to use {pad.name} on {where}: {pad.rule}")


def _named(pads: Sequence[HidPad], wanted: str) -> list[HidPad]:
    """The pads that are ``wanted``, at least one."""
    found = [pad for pad in pads if pad.is_called(wanted)]
    if not found:
        there = ", ".join(f"{pad.name} ({pad.ids})" for pad in pads) or "none"
        raise TeleopError(
            f"No gamepad {wanted} is connected (there is {there}): plug it in, or name another "
            "with teleop.pad"
        )
    return found


def _unknown(pad: HidPad) -> str:
    """What to do about a pad whose reports are unknown."""
    path = os.fsdecode(pad.path)
    look = f"; `sudo hexdump -v {typed(path)}` shows its bytes" if path.startswith("/dev/") else ""
    return (
        f"The reports of {pad.name} ({pad.ids}) are unknown: try --teleop.type=gamepad, which "
        "`hil-app gamepad test --teleop.type=gamepad` shows, or add one entry for it to PADS in "
        f"teleop/gamepad/hid_reports.py{look}"
    )
