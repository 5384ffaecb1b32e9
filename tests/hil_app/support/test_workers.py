"""Every thread that works for a run: whatever it is ended by, whoever asks hears of it."""

from __future__ import annotations

import io
import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from waiting import until

from configs.camera import OpenCVCameraConfig
from configs.manual import GamepadHIDConfig
from hil_app.checks import cameras as camera_check
from hil_app.checks.finding import Check, examine
from hil_app.control.monitor import Monitor
from hil_app.learning.buffer.prefetch import Prefetcher
from hil_app.learning.checkpoint import CheckpointError, Snapshot
from hil_app.operator.screen import Screen
from hil_app.operator.view import View
from hil_app.runs.checkpoints import Checkpoints
from hil_app.support.events import Event, EventLog
from hil_app.support.worker import Worker
from robots.base import CameraError
from robots.camera import cameras
from robots.camera.cameras import _Camera
from robots.safety.watchdog import Watchdog
from robots.sockets import answered
from robots.virtual.streams import _Studio
from teleop.base import TeleopError
from teleop.gamepad import hid as gamepad_hid
from teleop.gamepad.hid import HIDPad
from teleop.gamepad.reader import DeviceReader
from teleop.virtual.remote import PadListener, Remote
from teleop.window import app, client
from teleop.window.client import Window
from teleop.window.shown import Shown

ENDS = [SystemExit("broken"), KeyboardInterrupt("broken"), GeneratorExit("broken")]
Raise = Callable[..., Any]


@pytest.fixture(params=ENDS, ids=lambda end: type(end).__name__)
def end(request: pytest.FixtureRequest) -> Raise:
    """Raises what no thread may be ended by unseen."""

    def fail(*_: object, **__: object) -> Any:
        raise type(request.param)(*request.param.args)

    return fail


def reported(events: EventLog) -> list[Event]:
    heard: list[Event] = []
    events.listeners.append(heard.append)
    return heard


def test_a_camera(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "shots", end)
    camera = _Camera("front", OpenCVCameraConfig(index_or_path="/dev/none"))
    with pytest.raises(CameraError, match="broken"):
        camera.wait_for_image(time.monotonic() + 20)
    camera.join(time.monotonic() + 20)


def test_a_check(end: Raise) -> None:
    found = examine(Check("the moon", end, 20))
    assert [finding.mark for finding in found] == ["problem"]
    assert "broken" in found[0].fact


def test_the_check_of_a_camera(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_check, "shots", end)
    configs = {"front": OpenCVCameraConfig(index_or_path="/dev/none")}
    found = examine(Check("cameras", partial(camera_check.cameras, configs), 20))
    assert "broken" in found[-1].fact


def test_a_pad_that_cannot_be_looked_for(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gamepad_hid, "load", end)
    with pytest.raises(TeleopError, match="broken"), HIDPad(GamepadHIDConfig()):
        pass


def test_a_pad_that_is_read_between_the_polls(end: Raise) -> None:
    with DeviceReader(end) as reader:
        until(lambda: reader._failure is not None)
        with pytest.raises(TeleopError, match=r"The gamepad cannot be read any more .*broken"):
            reader.check()


def test_the_view(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(force_terminal=True, file=io.StringIO(), _environ={})
    events = EventLog()
    heard, view = reported(events), View(console, Monitor(), events)
    monkeypatch.setattr(view._live, "refresh", end)
    with view:
        until(lambda: [event.name for event in heard] == ["view_closed"])
    assert "broken" in heard[0].message


def test_the_news_of_a_window(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    events, monitor = EventLog(), SimpleNamespace(shown=object())
    heard, screen = reported(events), Screen(Window("t", None), monitor, events)  # type: ignore[arg-type]
    monkeypatch.setattr(screen, "shown", end)
    with screen:
        until(lambda: [event.name for event in heard] == ["screen_stopped"])
    assert "broken" in heard[0].message


def test_what_is_sent_to_a_window(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "pack", end)
    window = Window("t", None)
    window.show(Shown("POLICY", "policy"))
    thread = threading.Thread(target=window._send)
    thread.start()
    thread.join(20)
    with pytest.raises(TeleopError, match="broken"):
        window.changes()


def test_what_a_window_is_sent(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "unpack", end)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        window = app.App(theirs, io.BytesIO(), {"title": "t", "keys": None, "virtual": None})
        window._read()
    assert window._over
    assert str(window._broken) == "broken"


def test_a_backlog_and_who_hears_of_its_failure(end: Raise) -> None:
    failures: list[BaseException] = []

    def failed(error: BaseException) -> None:
        failures.append(error)
        end()

    worker = Worker[str]("work", end, most=10, failed=failed, ended=end)
    worker.put("one")
    assert worker.close(20) == 1
    assert [str(error) for error in failures] == ["broken"]


def test_a_socket_answers_whatever_it_is_asked(end: Raise, tmp_path: Path) -> None:
    assert "broken" in json.loads(answered(b"{}", end, repr))["error"]
    replies = iter((end, lambda _: {"fine": 1}))
    listener = PadListener(tmp_path / "pad", lambda message: next(replies)(message))
    with listener, Remote(tmp_path / "pad") as remote:
        with pytest.raises(TeleopError, match="broken"):
            remote.tell(axis="leftx", value=0)
        assert remote.tell(axis="leftx", value=0) == {"fine": 1}


def test_the_images_of_a_virtual_arm(end: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = _Studio(object(), end, {}, 30.0)  # type: ignore[arg-type]
    monkeypatch.setattr(studio, "_draw_all", end)
    studio.start()
    assert studio.newer("front", than=0) is None
    assert "broken" in (studio.failure or "")
    studio.stop()


def test_batches_drawn_ahead(end: Raise) -> None:
    batches = Prefetcher(end, 2)
    with pytest.raises((SystemExit, KeyboardInterrupt, GeneratorExit), match="broken"):
        next(batches)
    batches.close()


def test_checkpoints(end: Raise, tmp_path: Path) -> None:
    events = EventLog()
    heard, checkpoints = reported(events), Checkpoints(tmp_path, 2, events, before=end)
    checkpoints.__enter__()
    checkpoints.keep(Snapshot({}, {}, {}), 1, write=True)
    until(lambda: [event.name for event in heard] == ["checkpoints_died"])
    with pytest.raises(CheckpointError, match="broken"):
        checkpoints.check()
    with pytest.raises(CheckpointError, match="broken"):
        checkpoints.__exit__(None)


def test_a_watchdog_tries_again(end: Raise) -> None:
    trips: queue.Queue[int] = queue.Queue()

    def trip() -> None:
        trips.put(1)
        if trips.qsize() < 3:
            end()

    with Watchdog(0.01, trip):
        until(lambda: trips.qsize() == 3)
        time.sleep(0.05)
    assert trips.qsize() == 3


# who listens to events


class First(Event):
    pass


class Second(Event):
    pass


def test_a_listener_fails_in_a_thread_and_only_it_is_deaf(end: Raise) -> None:
    events, raised = EventLog(), []
    events.listeners.append(end)
    heard = reported(events)

    def emit() -> None:
        try:
            events.emit(First())
            events.emit(Second())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=emit)
    thread.start()
    thread.join(20)
    assert raised == []
    assert sorted(event.name for event in heard) == ["first", "listener_failed", "second"]


def test_a_ctrl_c_that_comes_while_others_listen_is_not_swallowed() -> None:
    events = EventLog()

    def interrupted(_: Event) -> None:
        raise KeyboardInterrupt

    events.listeners.append(interrupted)
    heard = reported(events)
    with pytest.raises(KeyboardInterrupt):
        events.emit(First())
    assert [event.name for event in heard] == ["first"]


def test_a_listener_that_exits_in_the_main_thread_ends_nothing() -> None:
    events = EventLog()

    def leave(_: Event) -> None:
        raise SystemExit("broken")

    events.listeners.append(leave)
    heard = reported(events)
    events.emit(First())
    assert sorted(event.name for event in heard) == ["first", "listener_failed"]
