"""The bus on ports that are not there, are not ours, vanish, come back, or are slow."""

import fcntl
import math
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from pty_servos import MOTORS, PtyServos

from robots.base import NotConnected
from robots.errors import PortInUse
from robots.feetech import wire
from robots.feetech.bus import FeetechBus


@pytest.fixture
def servos():
    with PtyServos() as chain:
        yield chain


@pytest.fixture
def bus(servos):
    """Patient enough for a busy machine."""
    with FeetechBus(servos.port, MOTORS, timeout_s=20, retries=1) as opened:
        yield opened


@contextmanager
def at_once():
    """Whether what is inside waits for nothing: the bus is patient for 20 s."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 15


def test_a_port_that_vanishes_is_not_connected_and_closing_it_is_quiet(servos, bus):
    servos.unplug()
    calls = [
        lambda: bus.read("Lock", "pan"),
        lambda: bus.write("Lock", "pan", 1),
        lambda: bus.sync_read(["Lock"]),
        lambda: bus.sync_write("Lock", {"pan": 1}),
        lambda: bus.ping("pan"),
        bus.scan,
    ]
    for call in calls:
        with at_once(), pytest.raises(NotConnected, match=f"{servos.port} is gone: plug"):
            call()
    bus.close()
    bus.close()
    with pytest.raises(NotConnected):
        bus.reopen()


def test_a_port_that_vanishes_while_waiting_is_noticed_at_once(servos, bus):
    servos.alter = lambda *_: servos.unplug() or []
    with at_once(), pytest.raises(NotConnected, match="is gone"):
        bus.sync_read(["Lock"])


def test_a_port_that_came_back_under_its_link_is_opened_again(tmp_path):
    link = tmp_path / "arm"
    with PtyServos() as first:
        link.symlink_to(first.port)
        bus = FeetechBus(str(link), MOTORS, timeout_s=20)
        bus.open()
        assert bus.ping("pan") == 777
        first.unplug()
        link.unlink()
        with pytest.raises(NotConnected, match="is gone"):
            bus.ping("pan")
        with pytest.raises(NotConnected, match=f"There is no port {link}"):
            bus.reopen()
    with PtyServos() as second:
        link.symlink_to(second.port)
        bus.reopen()
        assert bus.ping("pan") == 777
        bus.close()


def test_a_port_that_takes_no_data_is_given_up_in_time(bus, monkeypatch):
    waited = []

    class Never:
        def register(self, *_):
            pass

        def poll(self, left):
            waited.append(left)
            return []

    monkeypatch.setattr(bus._exchange.wire, "_give", lambda _: 0)
    monkeypatch.setattr(wire, "poll", Never)
    monkeypatch.setattr(wire, "monotonic", lambda: 5.0)
    with pytest.raises(NotConnected, match="takes no data"):
        bus.sync_write("Lock", {"pan": 1})
    assert waited == [pytest.approx(20_000)]  # [ms]


def test_a_system_whose_poll_knows_no_devices_waits_by_select(servos, bus, monkeypatch):
    monkeypatch.setattr("robots.feetech.wire.sys.platform", "darwin")
    monkeypatch.setattr(wire, "poll", lambda: pytest.fail("poll knows no devices there"))
    assert bus.ping("pan") == 777
    bus.write("Lock", "pan", 1)
    servos.unplug()
    with pytest.raises(NotConnected, match="is gone"):
        bus.ping("pan")


def test_bytes_that_another_program_took_first_are_not_a_port_that_is_gone(bus, monkeypatch):
    wire = bus._exchange.wire
    wire._timeout_s = 0.2
    take, thefts = wire._take, [True]

    def robbed():
        content = take()
        return thefts.clear() or b"" if content and thefts else content

    monkeypatch.setattr(wire, "_take", robbed)
    assert bus.ping("pan") == 777
    assert bus.glitches == 1
    monkeypatch.setattr(wire, "_ready", lambda *_, **__: True)  # more comes at once,
    monkeypatch.setattr(wire, "_take", lambda: b"")  # and is taken, too
    assert wire.receive(0.0) == b""


def test_programs_that_look_for_no_lock_are_shut_out_of_a_real_port(bus, monkeypatch):
    exclusive = 0x80045440  # TIOCGEXCL: whether TIOCEXCL is in force

    def shut() -> bool:
        return fcntl.ioctl(bus._exchange.wire._fd, exclusive, bytes(4)) != bytes(4)

    assert not shut()  # a pseudo-terminal's other end would keep the mark
    monkeypatch.setattr("robots.feetech.wire.os.path.realpath", lambda _: "/dev/ttyACM0")
    bus.reopen()
    assert shut()
    assert bus.ping("pan") == 777


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("/dev/ttyACM99", "There is no port /dev/ttyACM99 .*here: .*plug the arm in.*find-port"),
        ("/dev/null", "/dev/null is not a serial port: .*find-port"),
        ("/", "/ cannot be opened"),
    ],
)
def test_a_port_that_cannot_be_opened_says_why(port, message):
    with pytest.raises(NotConnected, match=message) as refusal:
        FeetechBus(port, MOTORS).open()
    assert "\n" not in str(refusal.value)


def test_no_permission_names_the_group_and_the_quick_way(servos, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("serial.serialposix.os.open", refuse)
    expected = f"No permission to use {servos.port}: .*dialout.*sudo chmod a.rw {servos.port}"
    with pytest.raises(NotConnected, match=expected):
        FeetechBus(servos.port, MOTORS).open()


def test_another_process_cannot_open_the_port_too(servos, bus):
    bus.ping("pan")
    script = f"from robots.feetech.bus import FeetechBus; FeetechBus({servos.port!r}, {{}}).open()"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"{servos.port} is in use: another program has it open" in other.stderr


def test_a_port_that_another_program_is_about_to_close_is_waited_for(servos, bus):
    """Such as a deadman that lets an arm down which a killed program has left."""
    second = FeetechBus(servos.port, MOTORS)
    threading.Timer(0.3, bus.close).start()
    with second:
        assert second.ping("pan")


def test_a_lost_port_is_looked_for_without_waiting(servos, bus, monkeypatch):
    """The control loop does so at every tick."""
    bus.ping("pan")
    monkeypatch.setattr("robots.feetech.bus._MOMENT_S", math.nan)  # no sleep takes it
    with pytest.raises(PortInUse):
        FeetechBus(servos.port, MOTORS).reopen()


def test_a_port_that_takes_a_few_bytes_at_once_gets_them_all(bus, monkeypatch):
    wire = bus._exchange.wire
    give = wire._give
    monkeypatch.setattr(wire, "_give", lambda content: give(content[:3]))
    assert bus.ping("pan") == 777
    assert bus.glitches == 0


def test_a_port_opened_in_a_program_with_thousands_of_files_works(servos):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200:
        pytest.skip("this system allows too few files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    bus = FeetechBus(servos.port, MOTORS, timeout_s=20)
    try:
        bus.open()
        assert bus.fileno() >= 1024
        assert bus.ping("pan") == 777
        bus.write("Goal_Position", "pan", 1234)
        assert bus.read("Goal_Position", "pan") == 1234
        servos.unplug()
        with pytest.raises(NotConnected, match="is gone"):
            bus.ping("pan")
    finally:
        bus.close()
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_port_is_ours_alone_from_open_to_close(servos, bus):
    with pytest.raises(NotConnected, match="another program has it open"):
        FeetechBus(servos.port, MOTORS).open()
    bus.close()
    with FeetechBus(servos.port, MOTORS, timeout_s=20) as other:
        assert other.ping("pan") == 777
