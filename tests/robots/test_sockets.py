"""Local sockets: which folder, who may listen and connect, and whatever a message holds."""

from __future__ import annotations

import json
import os
import selectors
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from hil_app.checks import machine
from robots import sockets
from robots.base import NotConnected, RobotError
from robots.sockets import connect, listen, socket_folder
from robots.virtual.client import VirtualArm, socket_path, virtual_ports
from robots.virtual.control import Control
from teleop.base import TeleopError
from teleop.virtual.remote import PadListener, Remote

HOSTILE = [
    b"nonsense",
    b"[]",
    b"1",
    b"null",
    b'{"ask": "reset", "seed": 1e999}',
    b'{"ask": "reset", "seed": NaN}',
    b'{"ask": "reset", "seed": ' + b"9" * 5000 + b"}",
    b'{"ask": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    b'{"ask": ' + b'{"a":' * 8000 + b"1" + b"}" * 8000 + b"}",
    b'{"ask": ["reset"]}',
    b'{"ask": "reset", "ask": "hello"}',
    b'{"ask": "reset", "seed": "' + b"\\ud800" * 20 + b'"}',
    b"\xff\xfe",
    b"\x00" * 100,
    b"x" * 60_000,
]


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private XDG_RUNTIME_DIR with a short name."""
    with tempfile.TemporaryDirectory(prefix="xdg") as name:
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


class World:
    """An arm's control socket, served in a thread as its loop does."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.selector = selectors.SelectSelector()
        answers: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
            "hello": lambda _: {"arm": "so101", "task": "none", "link": ""},
            "reset": lambda ask: self.seeds.append(int(ask["seed"])),
        }
        self.control = Control(self.selector, answers)
        self.control.move("/dev/pts/77")
        self.start()

    def start(self) -> None:
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def move(self, *ports: str) -> None:
        self.ended.set()
        self.thread.join()
        try:
            for port in ports:
                self.control.move(port)
        finally:
            self.start()

    def run(self) -> None:
        while not self.ended.is_set():
            for key, _ in self.selector.select(0.01):
                key.data()

    def close(self) -> None:
        self.ended.set()
        self.thread.join()
        self.control.close()
        self.selector.close()


@pytest.fixture
def world(runtime: Path) -> Iterator[World]:
    made = World()
    yield made
    made.close()
    assert list((runtime / f"hil-app-{os.getuid()}").iterdir()) == []


def reached(port: str) -> VirtualArm:
    found = VirtualArm.behind(port)
    assert found is not None
    return found


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:40]))
def test_whatever_a_message_holds_is_refused_and_the_arm_lives(world: World, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(10)
        end.connect(str(socket_path("/dev/pts/77")))
        with end.makefile("rwb") as lines:
            lines.write(line + b"\n")
            lines.flush()
            answer = json.loads(lines.readline())
            assert len(answer["error"]) < 500
            lines.write(b'{"ask": "reset", "seed": 7}\n')
            lines.flush()
            assert json.loads(lines.readline()) == {}
    assert world.seeds == [7]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:40]))
def test_a_virtual_device_refuses_whatever_makes_no_sense(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "device"
    with PadListener(path, lambda message: {"heard": message["key"]}):
        with socket.socket(socket.AF_UNIX) as end:
            end.settimeout(10)
            end.connect(str(path))
            with end.makefile("rwb") as lines:
                lines.write(line + b"\n")
                lines.flush()
                assert len(json.loads(lines.readline())["error"]) <= 500
        with Remote(path) as remote:
            assert remote.tell(key="a") == {"heard": "a"}


def is_hung_up(end: socket.socket) -> bool:
    """Send an endless line; whether nobody listens any more."""
    try:
        for _ in range(1000):
            end.sendall(b"x" * 4096)
        return end.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.usefixtures("world")
def test_a_line_without_an_end_and_too_many_connections_are_turned_away() -> None:
    path = str(socket_path("/dev/pts/77"))
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(10)
        end.connect(path)
        assert is_hung_up(end)
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(Path(path), 10))
    until(lambda: is_welcome("/dev/pts/77"))  # once it has seen that the others are gone


def is_welcome(port: str) -> bool:
    try:
        with reached(port) as arm:
            return arm.arm == "so101"
    except NotConnected:
        return False


def test_a_device_hears_no_endless_line(tmp_path: Path) -> None:
    path = tmp_path / "device"
    with PadListener(path, lambda _: None), socket.socket(socket.AF_UNIX) as end:
        end.settimeout(10)
        end.connect(str(path))
        assert is_hung_up(end)
        with Remote(path) as remote:
            assert remote.tell() == {}


@pytest.mark.parametrize("answer", [b"x\n", b"[]\n", b'{"at": 1e999}\n', b"[" * 9000, b"{}"])
@pytest.mark.usefixtures("runtime")
def test_an_answer_that_makes_no_sense_is_a_line(answer: bytes) -> None:
    socket_folder(make=True)
    with listen(socket_path("/dev/pts/8")) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _address = server.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NotConnected) as raised:
            VirtualArm.behind("/dev/pts/8")
        assert "\n" not in str(raised.value)
        with pytest.raises(TeleopError, match="is gone"), Remote(socket_path("/dev/pts/8")) as far:
            far.tell(key="a")
        thread.join()


def test_sockets_and_their_folder_are_this_users_alone(world: World, tmp_path: Path) -> None:
    path = socket_path("/dev/pts/77")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with PadListener(tmp_path / "device", lambda _: None):
        modes = [stat.S_IMODE(one.stat().st_mode) for one in (path, tmp_path / "device")]
    assert modes == [0o600, 0o600]
    assert virtual_ports() == []  # there is no such device
    assert world.seeds == []


def spoil_mode(folder: Path) -> None:
    folder.chmod(0o755)


def spoil_link(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def spoil_file(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.touch()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_mode, "can be entered by other users: remove it, or chmod 700 it."),
        (spoil_link, "is no folder: remove it."),
        (spoil_file, "is no folder: remove it."),
    ],
)
def test_a_folder_that_others_may_enter_is_used_by_nobody(
    runtime: Path, spoil: Callable[[Path], None], said: str
) -> None:
    made = World()
    folder = socket_folder()
    spoil(folder)
    for use in (
        lambda: VirtualArm.behind("/dev/pts/77"),
        virtual_ports,
        lambda: made.move("/dev/pts/10"),
        lambda: socket_folder(make=True),
    ):
        with pytest.raises(RobotError) as raised:
            use()
        assert str(raised.value) == f"{folder} {said}"
    assert runtime in folder.parents
    made.close()


def test_a_folder_or_a_program_of_another_user_is_not_trusted(
    world: World, runtime: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sockets, "is_ours", lambda _: False)
        with pytest.raises(RobotError, match=r"cannot be reached: .*another user's program"):
            VirtualArm.behind("/dev/pts/77")
        with (
            PadListener(tmp_path / "device", lambda _: None),
            pytest.raises(TeleopError, match="another user's program listens there"),
        ):
            Remote(tmp_path / "device").__enter__()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 12345)
        (runtime / "hil-app-12345").mkdir(mode=0o700)
        with pytest.raises(RobotError, match="hil-app-12345 is another user's: set XDG_RUNTIME"):
            socket_folder()
    assert world.seeds == []


def test_an_arm_goes_on_though_its_folder_was_removed(world: World, runtime: Path) -> None:
    for path in (runtime / f"hil-app-{os.getuid()}").iterdir():
        path.unlink()
    (runtime / f"hil-app-{os.getuid()}").rmdir()
    world.move("", "/dev/pts/77")
    with reached("/dev/pts/77") as arm:
        assert arm.task == "none"


@pytest.mark.parametrize(
    "base", ["", "relative", "/nowhere/at/all", "/dev/null", "/tmp/" + "x" * 100]
)
def test_where_the_runtime_folder_does_not_serve_another_does(
    base: str, monkeypatch: pytest.MonkeyPatch, runtime: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(runtime))
    monkeypatch.setenv("XDG_RUNTIME_DIR", base)
    if base.endswith("x"):
        long = runtime / ("x" * 100)
        long.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert socket_folder(make=True) == runtime / f"hil-app-{os.getuid()}"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert socket_folder() == runtime / f"hil-app-{os.getuid()}"


def test_a_path_that_no_socket_can_have_is_a_line(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 200)
    said = "a local socket's path has at most 10[37] bytes: choose a shorter one"
    with pytest.raises(TeleopError, match=said), PadListener(long, lambda _: None):
        pass
    with pytest.raises(TeleopError, match=said), Remote(long):
        pass
    assert VirtualArm.behind("/dev/" + "x" * 200) is None  # none can be there


def test_a_program_that_listens_is_not_pushed_aside_but_a_dead_one_is(tmp_path: Path) -> None:
    path = tmp_path / "device"
    with PadListener(path, lambda _: {"first": True}):
        with pytest.raises(TeleopError, match="a program that runs listens there"):
            PadListener(path, lambda _: None).__enter__()
        with Remote(path) as remote:
            assert remote.tell() == {"first": True}
    listen(path).close()
    assert path.is_socket()
    with PadListener(path, lambda _: {"second": True}), Remote(path) as remote:
        assert remote.tell() == {"second": True}
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TeleopError, match="cannot listen on"):
        PadListener(tmp_path / "file", lambda _: None).__enter__()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif("sys.platform != 'linux'")
def test_a_real_arm_needs_no_folder_for_sockets(runtime: Path) -> None:
    (runtime / f"hil-app-{os.getuid()}").touch()  # somebody has made something else of it
    (runtime / "ttyACM0").symlink_to("/dev/pts/77")
    assert VirtualArm.behind("/dev/ttyACM0") is None
    for port in ("/dev/pts/77", str(runtime / "ttyACM0")):
        with pytest.raises(RobotError, match="is no folder: remove it"):
            VirtualArm.behind(port)
    reported = [finding for finding in machine.ports() if "virtual arms" in finding.fact]
    assert [(finding.mark, finding.remedy) for finding in reported] == [("note", "remove it")]
