"""A gamepad read through hidapi: what is chosen, every press, loss and return, and the remedies."""

from __future__ import annotations

import importlib
import itertools
import os
import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE_S, until

from configs.manual import GamepadHIDConfig
from teleop.base import TeleopError
from teleop.device import DeviceState
from teleop.gamepad import hid as gamepad_hid
from teleop.gamepad.hid import HIDPad
from teleop.gamepad.hid_reports import PADS

F710, DUALSHOCK, SERIES = (0x046D, 0xC219), (0x054C, 0x09CC), (0x045E, 0x0B13)
REST = bytes.fromhex("01 80 80 80 80 08 00 06")
A_DOWN = bytes.fromhex("01 80 80 80 80 28 00 06")
TAKE_OVER = bytes.fromhex("01 80 80 80 80 08 02 06")
LEFT = bytes.fromhex("01 00 80 80 80 08 00 06")
Info = dict[str, Any]


def info(ids: tuple[int, int], name: str, path: str = "/dev/hidraw7", **more: Any) -> Info:
    vendor, product = ids
    facts = {"usage_page": 1, "usage": 5, "interface_number": 0, "product_string": name}
    return {"vendor_id": vendor, "product_id": product, "path": path.encode(), **facts, **more}


class Bus:
    """What stands in for hidapi's module: the pads that are plugged in, and what they send."""

    def __init__(self) -> None:
        self.pads: list[Info] = []
        self.refused: str | None = None
        self.busy: set[bytes] = set()  # paths that do not open
        self.queue: deque[bytes] = deque()
        self.flood: Iterator[bytes] | None = None
        self.written: list[bytes] = []
        self.looks = 0
        self.free = threading.Event()  # the system answers
        self.free.set()
        self.changed = threading.Condition()
        self.idle = False  # all has been read
        self.open = 0

    def plug(self, *pads: Info) -> None:
        with self.changed:
            self.pads = list(pads)
            self.changed.notify_all()

    def send(self, *reports: bytes) -> None:
        """Have them all wait to be read, and wait until they are."""
        with self.changed:
            self.queue.extend(reports)
            self.idle = False
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.idle, PATIENCE_S)

    def enumerate(self) -> list[Info]:
        self.looks += 1
        assert self.free.wait(PATIENCE_S)
        return self.pads

    def device(self) -> Device:
        return Device(self)


class Device:
    """One that was opened; it is dead when its pad is unplugged."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._path = bus, b""

    def open_path(self, path: bytes) -> None:
        if self._bus.refused is not None or path in self._bus.busy:
            raise OSError(self._bus.refused or "busy")
        self._path = path
        self._bus.open += 1

    def set_nonblocking(self, on: bool) -> None:
        assert on

    def read(self, longest: int, timeout_ms: int = 0) -> list[int]:
        bus = self._bus
        if bus.flood is not None:
            return list(next(bus.flood))
        with bus.changed:
            if timeout_ms and not bus.queue:
                bus.idle = True
                bus.changed.notify_all()
                bus.changed.wait(timeout_ms / 1000)
            if self._path not in [pad["path"] for pad in bus.pads]:
                raise OSError("read error")
            return list(bus.queue.popleft())[:longest] if bus.queue else []

    def write(self, report: bytes) -> int:
        with self._bus.changed:
            self._bus.written.append(bytes(report))
            self._bus.changed.notify_all()
        return len(report)

    def close(self) -> None:
        self._bus.open -= 1


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    made = Bus()
    made.plug(info(F710, "Cordless RumblePad 2"))
    for name in ("hid", "hidraw"):
        monkeypatch.setitem(sys.modules, name, made)
    monkeypatch.setattr(gamepad_hid, "_AGAIN_S", 0.01)
    return made


def entered(**options: Any) -> HIDPad:
    return HIDPad(GamepadHIDConfig(**options))


def refusal(**options: Any) -> str:
    with pytest.raises(TeleopError) as caught, entered(**options):
        pass
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_sticks_and_buttons_are_as_the_newest_report_says(bus: Bus) -> None:
    with entered() as pad:
        assert pad.poll() == DeviceState()
        bus.send(LEFT, REST, TAKE_OVER)
        state = pad.poll()
        assert state is not None
        assert state.axes["leftx"] == 0.0
        assert state.held == {"rightshoulder"}
        bus.send(LEFT)
        state = pad.poll()
        assert state is not None
        assert (state.axes["leftx"], state.held) == (-1.0, set())
        assert pad.name == "Cordless RumblePad 2"
    assert bus.open == 0


def test_no_press_is_lost_however_many_there_are_between_two_polls(bus: Bus) -> None:
    with entered() as pad:
        total = 0
        for count in (1, 7, 300, 2, 90):
            bus.send(*[A_DOWN, REST] * count)
            state = pad.poll()
            assert state is not None
            assert state.pressed == ("a",) * count
            assert state.held == set()
            total += count
        assert total == 400
        state = pad.poll()
        assert state is not None
        assert state.pressed == ()


def test_what_is_no_report_of_the_pad_changes_nothing(bus: Bus) -> None:
    with entered() as pad:
        bus.send(TAKE_OVER, b"\x02\xff", b"\xff" * 64, b"\x01")
        state = pad.poll()
        assert state is not None
        assert state.held == {"rightshoulder"}


def test_a_pad_that_is_lost_is_none_and_works_again_when_it_is_back(bus: Bus) -> None:
    with entered() as pad:
        bus.send(TAKE_OVER)
        bus.plug()
        until(lambda: pad.poll() is None)
        assert pad.name == "Cordless RumblePad 2"
        looks = bus.looks
        until(lambda: bus.looks > looks + 3)
        assert pad.poll() is None
        bus.plug(info(F710, "Cordless RumblePad 2", "/dev/hidraw9"))
        assert until(pad.poll) == DeviceState()  # nothing is held that was held before
        bus.send(A_DOWN)
        state = pad.poll()
        assert state is not None
        assert state.pressed == ("a",)
    assert bus.open == 0


def test_a_loss_between_two_polls_is_reported_once(bus: Bus) -> None:
    with entered() as pad:
        bus.send(TAKE_OVER)
        looks = bus.looks
        bus.plug()
        until(lambda: bus.looks > looks)
        bus.plug(info(F710, "Cordless RumblePad 2", "/dev/hidraw9"))
        bus.send(REST)
        assert pad.poll() is None
        assert pad.poll() is not None


def test_a_pad_whose_library_fails_otherwise_is_lost_and_found_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with entered() as pad:
        with monkeypatch.context() as patch:
            patch.setattr(Device, "read", lambda *_: 1 / 0)
            until(lambda: pad.poll() is None)
        until(pad.poll)
        with monkeypatch.context() as patch:
            patch.setattr(bus, "enumerate", lambda: [{}])
            bus.plug()
            until(lambda: pad.poll() is None)
        bus.plug(info(F710, "Cordless RumblePad 2"))
        until(pad.poll)


def test_no_poll_waits_while_the_system_is_looked_at(bus: Bus) -> None:
    with entered() as pad:
        bus.free.clear()
        looks = bus.looks
        bus.plug()
        until(lambda: bus.looks > looks)
        assert [pad.poll() for _ in range(100)] == [None] * 100  # or it would wait for the event
        assert not bus.free.is_set()
        pad.rumble(1.0, 1.0)
        bus.plug(info(F710, "Cordless RumblePad 2"))
        bus.free.set()
        assert until(pad.poll) is not None


def test_a_flood_leaves_the_others_their_time_and_ends_with_the_pad(bus: Bus) -> None:
    flood = itertools.cycle([A_DOWN, REST])
    bus.flood = flood
    pad = entered()
    with pad:
        state = until(lambda: (state := pad.poll()) and state.pressed)
        assert set(state) == {"a"}
        pad._thread.join(0.05)
        seen = pad.poll()
        assert seen is not None
    assert not pad._thread.is_alive()
    assert bus.open == 0


def test_at_most_a_batch_is_read_before_others_have_their_turn(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaths: list[float] = []
    monkeypatch.setattr(gamepad_hid, "time", type("Time", (), {"sleep": breaths.append}))
    counted = itertools.count()
    bus.flood = (REST for _ in counted)
    entered()._read(bus.device(), PADS[F710])
    assert next(counted) == gamepad_hid._BATCH
    assert breaths == [gamepad_hid._BREATH_S]


@pytest.mark.parametrize(
    ("pad", "report", "stopped"),
    [
        (info(DUALSHOCK, "Wireless Controller"), "0501000080 80", "05010000 0000"),
        (info(SERIES, "Xbox", interface_number=-1), "030300003232ff0000", "030300000000ff0000"),
    ],
)
def test_a_pad_with_simple_motors_rumbles_and_stops(
    bus: Bus, pad: Info, report: str, stopped: str
) -> None:
    bus.plug(pad)
    with entered() as it:
        it.rumble(0.5, 0.05)
        until(lambda: len(bus.written) == 2)
        first, last = bus.written
        assert first.startswith(bytes.fromhex(report))
        assert last.startswith(bytes.fromhex(stopped))
        it.rumble(0.5, 3600.0)
        until(lambda: len(bus.written) == 3)
    assert bus.written[3:] == [last]  # at the end it stops, too


@pytest.mark.parametrize(
    "pad",
    [
        info(F710, "Cordless RumblePad 2"),
        info(DUALSHOCK, "Wireless Controller", interface_number=-1),  # over Bluetooth
    ],
)
def test_a_pad_without_simple_motors_takes_no_notice(bus: Bus, pad: Info) -> None:
    bus.plug(pad)
    with entered() as it:
        it.rumble(1.0, 1.0)
        until(lambda: it._wish is None)
        bus.send(REST)
        assert it.poll() is not None
    assert bus.written == []


def test_what_was_to_be_felt_while_it_was_lost_is_not_felt_later(bus: Bus) -> None:
    pad = info(DUALSHOCK, "Wireless Controller")
    bus.plug(pad)
    with entered() as it:
        bus.plug()
        until(lambda: it.poll() is None)
        it.rumble(1.0, 1.0)
        bus.plug(pad)
        until(it.poll)
        bus.send(REST)
        bus.send(REST)
    assert bus.written == []


def test_the_first_that_is_known_is_chosen_or_the_one_that_is_named(bus: Bus) -> None:
    bus.plug(
        info((0x1234, 0xABCD), "Strange Pad", "/dev/hidraw1"),
        info(F710, "a keyboard of the same receiver", "/dev/hidraw2", usage=6),
        info(DUALSHOCK, "Wireless Controller", "/dev/hidraw3"),
        info(F710, "", "/dev/hidraw4"),
        info(F710, "", "/dev/hidraw4", usage=4),
    )
    with entered() as pad:
        assert pad.name == "Wireless Controller"
    for named in ("046D:C219", "f710"):
        with entered(pad=named) as pad:
            assert pad.name == "Logitech F710 or Cordless RumblePad 2"


@pytest.mark.parametrize("forbidden", [False, True])
def test_a_pad_that_cannot_be_used_does_not_keep_another_from_being_found(
    forbidden: bool, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = "/dev/hidraw1", "/dev/hidraw2"
    bus.plug(
        info((0x1234, 0xABCD), "Strange Pad", "/dev/hidraw0"),
        info(F710, "Mine", first),
        info(DUALSHOCK, "Spare", second),
    )
    bus.busy = {first.encode()}
    monkeypatch.setattr(os, "access", lambda path, _: path != first or not forbidden)
    with entered() as pad:
        assert pad.name == "Spare"
    bus.busy.add(second.encode())
    monkeypatch.setattr(os, "access", lambda *_: not forbidden)
    assert refusal().startswith("No permission to use Mine" if forbidden else "Mine (046d:c219)")


def test_pads_may_come_and_go_in_any_order(bus: Bus) -> None:
    pads = [info(F710, "One", "/dev/hidraw1"), info(DUALSHOCK, "Two", "/dev/hidraw2")]
    strange = info((0x1234, 0xABCD), "Strange Pad", "/dev/hidraw0")
    rng = random.Random(2)
    bus.plug(pads[0])
    with entered() as pad:
        for _ in range(12):
            there = [one for one in pads if rng.random() < 0.6]
            lost = pad.name not in [one["product_string"] for one in there]
            bus.plug(*there, strange)
            if lost:
                until(lambda: pad.poll() is None)
            if there:
                until(pad.poll)
                assert pad.name in [one["product_string"] for one in there]
    assert bus.open == 0


def test_a_system_that_tells_no_usages_is_believed_about_known_pads_only(bus: Bus) -> None:
    bus.plug(
        info((0x1234, 0xABCD), "Mouse", usage_page=0, usage=0),
        info(F710, "Pad", usage_page=0, usage=0),
    )
    assert [pad.name for pad in gamepad_hid.connected(bus)] == ["Pad"]


def test_without_a_pad_the_remedy_is_reported(bus: Bus) -> None:
    bus.plug(info((0x046D, 0xC31C), "Keyboard", usage=6))
    assert refusal() == (
        "No gamepad is connected: plug one in, or wake it and pair it; `hil-app doctor` shows "
        "which ones are seen"
    )


def test_a_pad_that_is_named_and_not_there_is_reported_with_those_that_are(bus: Bus) -> None:
    reported = refusal(pad="054c:0ce6")
    assert reported == (
        "No gamepad 054c:0ce6 is connected (there is Cordless RumblePad 2 (046d:c219)): plug it "
        "in, or name another with teleop.pad"
    )
    bus.plug()
    assert refusal(pad="054c:0ce6").startswith(
        "No gamepad 054c:0ce6 is connected (there is none): plug"
    )
    assert refusal(pad="blue").startswith("No gamepad blue is connected (there is none): plug")


@pytest.mark.parametrize("named", [None, "1234:abcd"])
def test_an_unknown_pad_is_reported_with_its_ids_and_how_to_add_it(
    bus: Bus, named: str | None
) -> None:
    bus.plug(info((0x1234, 0xABCD), "Strange Pad", "/dev/hidraw1", usage=4))
    assert refusal(pad=named) == (
        "The reports of Strange Pad (1234:abcd) are unknown: try --teleop.type=gamepad, which "
        "`hil-app gamepad test --teleop.type=gamepad` shows, or add one entry for it to PADS in "
        "teleop/gamepad/hid_reports.py; `sudo hexdump -v /dev/hidraw1` shows its bytes"
    )


def test_a_pad_that_may_not_be_used_is_reported_with_the_rule_that_permits_it(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.refused = "open failed"
    monkeypatch.setattr(os, "access", lambda path, _: path != "/dev/hidraw7")
    assert refusal() == (
        'No permission to use Cordless RumblePad 2 on /dev/hidraw7: echo \'KERNEL=="hidraw*", '
        'KERNELS=="*:046D:C219.*", MODE="0666"\' | sudo tee /etc/udev/rules.d/70-gamepad.rules && '
        "sudo udevadm control --reload, then plug it in again"
    )


def test_a_pad_that_does_not_open_though_it_may_is_reported(bus: Bus) -> None:
    bus.refused = "open failed"
    bus.plug(info(F710, "Pad", "DevSrvsID:4294971"))
    assert refusal() == (
        "Pad (046d:c219) does not open (open failed): end the other program that uses it, or "
        "unplug it and plug it in again"
    )


def test_a_system_that_does_not_answer_is_reported(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gamepad_hid, "_PATIENCE_S", 0.02)
    bus.free.clear()
    assert refusal().startswith("The gamepads could not be looked for within 0.02 s: unplug")
    bus.free.set()


def test_a_system_that_refuses_to_look_is_reported(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[Any]:
        raise OSError("no bus")

    monkeypatch.setattr(bus, "enumerate", broken)
    assert refusal() == "The gamepads cannot be looked for: no bus"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write modules that are found before those that are installed."""
    for name in ("hid", "hidraw"):
        monkeypatch.setitem(sys.modules, name, None)  # so that what was there comes back
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    return write


def test_a_library_that_does_not_load_is_reported(modules: Callable[[str, str], None]) -> None:
    for name in ("hid", "hidraw"):
        modules(name, "raise ImportError('libusb is missing')")
    assert refusal() == (
        "The library that reads gamepads cannot be loaded (libusb is missing): "
        "pip install --force-reinstall hidapi"
    )


def test_another_package_of_the_same_name_is_reported(modules: Callable[[str, str], None]) -> None:
    for name in ("hid", "hidraw"):
        modules(name, "class Device: ...")
    assert "(another package has the name hid: pip uninstall hid)" in refusal()


@pytest.mark.parametrize(("system", "name"), [("linux", "hidraw"), ("darwin", "hid")])
def test_on_linux_the_module_that_leaves_the_pad_to_the_system_is_taken(
    system: str,
    name: str,
    modules: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for each in ("hid", "hidraw"):
        modules(each, "device = enumerate = None")
    monkeypatch.setattr(sys, "platform", system)
    assert gamepad_hid.load().__name__ == name


def test_where_only_the_other_module_is_it_serves(
    modules: Callable[[str, str], None],
) -> None:
    modules("hid", "device = enumerate = None")
    modules("hidraw", "raise ImportError")
    assert gamepad_hid.load().__name__ == "hid"


def test_the_real_library_can_be_asked_and_finds_its_way_out() -> None:
    found = gamepad_hid.connected(gamepad_hid.load())
    if not found:
        assert refusal().startswith("No gamepad is connected")
