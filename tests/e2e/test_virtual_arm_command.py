"""The virtual arm as users start it: the servos' own SDK on its port, OpenCV on its cameras."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scservo_sdk as sdk
import serial
from virtual_arms import Running, virtual_arm
from waiting import PATIENCE_S, until

from hil_app.__main__ import main
from robots.base import JOINTS, NotConnected, RobotError
from robots.feetech.registers import REGISTERS
from robots.safety.urgent import LOOP, USUAL, urgent
from robots.virtual.client import VirtualArm, socket_path, virtual_ports
from robots.virtual.servos.packets import checksum

PRESENT, GOAL = (REGISTERS[f"{name}_Position"].address for name in ("Present", "Goal"))
TORQUE, LOCK, ID = (REGISTERS[name].address for name in ("Torque_Enable", "Lock", "ID"))
PING_1 = bytes.fromhex("FF FF 01 02 01 FB")
PONG_1 = bytes.fromhex("FF FF 01 02 00 FC")


class Patient(sdk.PortHandler):  # type: ignore[misc]  # the SDK has no types
    """A port of the SDK that waits longer for an answer than its 34 ms: machines are busy."""

    def setPacketTimeout(self, packet_length: int) -> None:  # noqa: N802  # the SDK's name
        super().setPacketTimeout(packet_length)
        self.packet_timeout = 1000 * PATIENCE_S


class Client:
    """The servos' own SDK."""

    def __init__(self, port: str) -> None:
        self.port = Patient(port)
        self.packets = sdk.PacketHandler(0)
        self.port.openPort()

    def ping(self, number: int) -> tuple[int, int, int]:
        self.port.ser.reset_input_buffer()
        self.port.is_using = False
        return self.packets.ping(self.port, number)

    def silent(self, number: int, arm: VirtualArm) -> bool:
        """Whether a ping has reached the motors, and none has answered."""
        self.port.ser.reset_input_buffer()
        before, robot = arm.report()["packets"], bytes((number, 2, 1))
        self.port.ser.write(b"\xff\xff" + robot + bytes((checksum(robot),)))
        until(lambda: arm.report()["packets"] > before)
        time.sleep(0.01)  # what was sent arrives
        return self.port.ser.in_waiting == 0

    def read(self, number: int, address: int, size: int = 2) -> int:
        self.port.ser.reset_input_buffer()
        content, result, _ = self.packets.readTxRx(self.port, number, address, size)
        assert result == sdk.COMM_SUCCESS
        return int.from_bytes(bytes(content), "little")

    def write(self, number: int, address: int, value: int, size: int = 1) -> None:
        content = list(value.to_bytes(size, "little"))
        done = self.packets.writeTxRx(self.port, number, address, size, content)
        assert done == (sdk.COMM_SUCCESS, 0)


@contextmanager
def client(port: str) -> Iterator[Client]:
    one = Client(port)
    try:
        yield one
    finally:
        one.port.closePort()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with virtual_arm() as one:
        yield one


@pytest.fixture
def arm(running: Running) -> Iterator[VirtualArm]:
    """The virtual arm that all tests share, in order again after each."""
    before = running.arm.fault_settings()
    running.arm.set(power_cycle=True)
    yield running.arm
    running.arm.hand(None)
    running.arm.set(**before)


class Said(NamedTuple):
    """How a command ended that did not begin to serve."""

    status: int
    out: str
    errors: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """``hil-app virtual-arm`` in this process, for commands that end on their own."""

    def run(*arguments: str) -> Said:
        status = main(["virtual-arm", *arguments])
        return Said(status, *capsys.readouterr())

    return run


def test_the_ready_line_names_the_port_and_its_link(running: Running) -> None:
    device = os.path.realpath(running.port)
    assert running.ready == f"virtual so101 ready: port {device}, link {running.port}\n"
    assert Path(device).is_char_device()
    assert device in virtual_ports()


@pytest.mark.usefixtures("arm")
def test_the_sdk_pings_reads_and_writes(running: Running) -> None:
    with client(running.port) as bus:
        assert [bus.ping(number)[0] for number in range(1, 7)] == [777] * 6
        assert bus.silent(7, running.arm)
        assert bus.read(3, PRESENT) == 3014
        bus.write(3, GOAL, 2900, size=2)
        bus.write(3, TORQUE, 1)
        until(lambda: bus.read(3, PRESENT) == 2900)
        bus.write(3, GOAL, 3014, size=2)
        until(lambda: bus.read(3, PRESENT) == 3014)


@pytest.mark.usefixtures("arm")
def test_the_sdk_registers_writes_and_sets_them_off_together(running: Running) -> None:
    with client(running.port) as bus:
        for number in (1, 2):
            done = bus.packets.regWriteTxRx(bus.port, number, GOAL, 2, [0, 8])
            assert done == (sdk.COMM_SUCCESS, 0)
        assert [bus.read(number, GOAL) for number in (1, 2)] == [2047, 932]
        assert bus.packets.action(bus.port, sdk.BROADCAST_ID) == sdk.COMM_SUCCESS
        until(lambda: [bus.read(number, GOAL) for number in (1, 2)] == [2048, 2048])


@pytest.mark.usefixtures("arm")
def test_the_sdk_writes_and_reads_all_motors_at_once(running: Running) -> None:
    with client(running.port) as bus:
        write = sdk.GroupSyncWrite(bus.port, bus.packets, GOAL, 2)
        read = sdk.GroupSyncRead(bus.port, bus.packets, GOAL, 2)
        for number in range(1, 7):
            write.addParam(number, [number, 8])
            read.addParam(number)
        assert write.txPacket() == sdk.COMM_SUCCESS
        for _ in range(50):
            assert read.txRxPacket() == sdk.COMM_SUCCESS
            assert [read.getData(n, GOAL, 2) for n in range(1, 7)] == [
                2048 + n for n in range(1, 7)
            ]


@pytest.mark.usefixtures("arm")
def test_the_port_never_echoes_and_answers_after_garbage(running: Running) -> None:
    before = running.arm.report()["bad_packets"]
    with serial.Serial(running.port, 1_000_000, timeout=PATIENCE_S) as port:
        for garbage in (b"", b"hello", b"\xff", b"\xff\xff\x01\xf0", bytes(range(256))):
            port.write(garbage + PING_1)
            assert port.read(len(PONG_1)) == PONG_1
        port.write(PING_1[:-1] + b"\x00")  # damaged: nobody answers
        port.write(PING_1)
        assert port.read(len(PONG_1)) == PONG_1
        assert port.in_waiting == 0
    assert running.arm.report()["bad_packets"] > before


@pytest.mark.usefixtures("arm")
def test_noise_never_ends_it(running: Running) -> None:
    random = np.random.default_rng(0)
    with serial.Serial(running.port, 1_000_000, timeout=PATIENCE_S) as port:
        for _ in range(100):
            noise = random.integers(0, 256, 400) * (random.random(400) < 0.6)  # with many FF FF
            port.write((noise.astype(np.uint8) ^ 0xFF).tobytes())
        heard = -1
        while heard != (heard := running.arm.report()["bad_packets"]):
            time.sleep(0.1)  # until all has come
        port.reset_input_buffer()
        port.write(PING_1)
        assert port.read(len(PONG_1)) == PONG_1


@pytest.mark.usefixtures("arm")
@pytest.mark.parametrize("code", range(5))
def test_a_motor_answers_at_the_speed_that_it_was_set_to(running: Running, code: int) -> None:
    speeds = (1_000_000, 500_000, 250_000, 128_000, 115_200)
    with client(running.port) as bus:
        bus.write(1, REGISTERS["Baud_Rate"].address, code)  # locked: until the next power cycle
        for speed in speeds:
            bus.port.setBaudRate(speed)
            if speed == speeds[code]:
                assert bus.ping(1)[1] == sdk.COMM_SUCCESS
            else:
                assert bus.silent(1, running.arm)


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are Linux's")
def test_it_waits_for_no_other_program_where_that_is_allowed(running: Running) -> None:
    with urgent(LOOP) as allowed:
        pass
    found = os.sched_getparam(running.process.pid).sched_priority
    assert found == (LOOP if allowed else USUAL)


def test_lost_late_and_damaged_answers(running: Running, arm: VirtualArm) -> None:
    """The answer that goes wrong, and the next one, which does not, behind it."""
    with serial.Serial(running.port, 1_000_000, timeout=PATIENCE_S) as port:

        def twice(**fault_settings: float) -> bytes:
            arm.set(**fault_settings)
            port.write(PING_1 + PING_1)
            return bytes(port.read_until(PONG_1))

        done = arm.report()["faults"]
        arm.set(drop_next=1)
        assert arm.fault_settings()["drop_next"] == 1
        assert twice() == PONG_1
        assert arm.fault_settings()["drop_next"] == 0
        cut = twice(truncate_next=1)
        assert PONG_1.startswith(cut.removesuffix(PONG_1))
        assert len(cut) < 2 * len(PONG_1)
        hurt = twice(corrupt_next=1)
        assert (len(hurt), hurt[-len(PONG_1) :]) == (2 * len(PONG_1), PONG_1)
        assert len(twice(garbage_next=1)) > len(PONG_1)
        assert port.read(len(PONG_1)) == PONG_1
        start = time.monotonic()
        assert twice(delay_next=1, delay_ms=150) == PONG_1
        assert port.read(len(PONG_1)) == PONG_1
        assert time.monotonic() - start >= 0.15
        now = arm.report()["faults"]
    kinds = ("drop", "truncate", "corrupt", "garbage", "delay")
    assert [now[kind] - done.get(kind, 0) for kind in kinds] == [1] * 5


def test_answers_take_the_simulated_latency(running: Running, arm: VirtualArm) -> None:
    with serial.Serial(running.port, 1_000_000, timeout=PATIENCE_S) as port:
        took = []
        arm.set(latency_ms=20)
        for _ in range(5):
            start = time.monotonic()
            port.write(PING_1)
            assert port.read(len(PONG_1)) == PONG_1
            took.append(time.monotonic() - start)
    assert min(took) >= 0.02


def test_the_port_vanishes_and_comes_back_behind_its_link(
    running: Running, arm: VirtualArm
) -> None:
    device = os.path.realpath(running.port)
    with client(running.port) as bus:
        arm.set(gone_s=600)
        assert not os.path.lexists(running.port)
        assert not Path(device).exists()
        assert VirtualArm.behind(running.port) is None
        assert VirtualArm.behind(device) is None
        assert device not in virtual_ports()
        with pytest.raises((OSError, termios.error)):
            bus.ping(1)
        assert arm.report()["motors"]["gripper"]["present"] == 1484  # still connected
    arm.set(gone_s=0)
    until(lambda: os.path.lexists(running.port))
    with client(running.port) as bus:
        assert bus.ping(1)[1] == sdk.COMM_SUCCESS
    again = VirtualArm.behind(running.port)
    assert again is not None
    again.close()
    arm.set(gone_s=600)
    assert not os.path.lexists(running.port)
    arm.set(drop=0.0)
    assert not os.path.lexists(running.port)
    arm.set(gone_s=0)
    until(lambda: os.path.lexists(running.port))


def test_a_hand_moves_the_limp_arm(running: Running, arm: VirtualArm) -> None:
    middle = dict.fromkeys(JOINTS, 0.0) | {"gripper": 50.0}
    arm.hand(middle)
    with client(running.port) as bus:
        until(lambda: bus.read(3, PRESENT) == 2047)
        until(lambda: arm.truth().gripper == pytest.approx(50))
    with pytest.raises(RobotError, match="No joint thumb; joints: shoulder_pan,"):
        arm.hand({"thumb": 1.0})
    with pytest.raises(RobotError, match="finite"):
        arm.hand({"gripper": float("nan")})


def test_a_hand_moves_it_from_the_command_line(
    running: Running, arm: VirtualArm, command: Callable[..., Said]
) -> None:
    assert command("move", running.port, "shoulder_pan=30", "gripper=80") == (0, "", "")
    there = arm.report()["motors"]["shoulder_pan"]["present"]
    assert command("move", running.port, "shoulder_pan=-30") == (0, "", "")
    assert abs(arm.report()["motors"]["shoulder_pan"]["present"] - there) == pytest.approx(
        60 / 360 * 4096, abs=5
    )
    assert command("move", running.port) == (0, "", "")


@pytest.mark.usefixtures("arm")
def test_what_no_hand_can_do_is_refused_in_one_line(
    running: Running, tmp_path: Path, command: Callable[..., Said]
) -> None:
    for arguments, said in [
        ((running.port, "shoulder_pan"), "shoulder_pan: joints are spelled name=value"),
        ((running.port, "thumb=3"), "No joint thumb; joints: shoulder_pan"),
        ((running.port, "gripper=nan"), "gripper=nan: joints are spelled name=value"),
        ((str(tmp_path / "none"), "gripper=3"), "No virtual arm at"),
    ]:
        done = command("move", *arguments)
        assert done.status != 0
        assert said in done.errors
        assert done.errors.count("\n") == 1


def test_faults_are_set_from_the_command_line(running: Running, arm: VirtualArm) -> None:
    words = [sys.executable, "-m", "hil_app", "virtual-arm", "set", running.port]
    done = subprocess.run(
        [*words, "errors={gripper: 32}", "drop=0.25"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert arm.fault_settings()["errors"] == {"gripper": 32}


@pytest.mark.usefixtures("arm")
def test_the_command_line_shows_the_setting_and_refuses_wrong_ones(
    running: Running, command: Callable[..., Said]
) -> None:
    assert command("set", running.port, "missing=gripper").status == 0
    assert "missing:\n- gripper\n" in command("set", running.port).out
    wrong = command("set", running.port, "dorp=1")
    assert wrong.status == 1
    assert wrong.errors.startswith("hil-app: dorp: no such setting; settings: drop,")
    assert wrong.errors.count("\n") == 1
    assert command("set", running.port, "drop").status == 2
    assert command("set", "/dev/null", "drop=1") == Said(
        1, "", "hil-app: No virtual arm at /dev/null: start hil-app virtual-arm first.\n"
    )


def test_a_question_that_makes_no_sense_is_answered_with_an_error(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(str(socket_path(running.port)))
        for line in (b"nonsense", b"[]", b'{"ask": "money"}', b'{"ask": "reset"}', b"\xff\xfe"):
            connection.sendall(line + b"\n")
            assert "error" in json.loads(connection.recv(4096))
        connection.sendall(b'{"ask": "hel')
        connection.sendall(b'lo"}\n')
        assert json.loads(connection.recv(4096)) == {
            "arm": "so101",
            "task": "none",
            "link": running.port,
        }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_nothing_behind(number: signal.Signals) -> None:
    with virtual_arm() as one:
        path = socket_path(one.port)
        assert path.exists()
        one.process.send_signal(number)
        assert one.process.wait(PATIENCE_S) == 0
        assert not os.path.lexists(one.port)
        assert not path.exists()
        with pytest.raises(NotConnected):
            one.arm.truth()


def test_what_a_killed_one_has_left_is_replaced(
    tmp_path: Path, command: Callable[..., Said]
) -> None:
    link = tmp_path / "arm"
    with virtual_arm(f"--link={link}") as one:
        one.process.kill()
        one.process.wait(PATIENCE_S)
        assert link.is_symlink()
        with virtual_arm(f"--link={link}") as two, client(str(link)) as bus:
            assert bus.ping(1)[1] == sdk.COMM_SUCCESS
            assert two.process.poll() is None
            taken = command(f"--link={link}", "--world=none")
            assert taken.status == 1
            assert "leads to a virtual arm that runs" in taken.errors


def test_what_a_killed_one_has_left_is_replaced_though_its_device_is_anothers_by_now(
    tmp_path: Path,
) -> None:
    link = tmp_path / "arm"
    with virtual_arm() as other:
        link.symlink_to(os.path.realpath(other.port))
        with virtual_arm(f"--link={link}") as one:
            assert os.path.realpath(link) != os.path.realpath(other.port)
            assert one.arm.link == str(link)
            assert other.arm.link == other.port


def test_a_link_never_replaces_a_file(tmp_path: Path, command: Callable[..., Said]) -> None:
    file = tmp_path / "notes"
    file.write_text("mine")
    (tmp_path / "link").symlink_to(file)
    for path, said in (
        (file, "is no link to a device"),
        (tmp_path / "link", "is no link to a device"),
        (tmp_path / "no" / "folder", "is no folder"),
        (Path("/dev/null"), "is a device itself"),
    ):
        done = command("--world=none", f"--link={path}")
        assert done.status == 1
        assert said in done.errors
        assert done.errors.count("\n") == 1
    assert file.read_text() == "mine"


def test_the_eeprom_outlives_the_process_and_the_ram_does_not(
    tmp_path: Path, command: Callable[..., Said]
) -> None:
    file = tmp_path / "eeprom.json"
    with virtual_arm(f"--eeprom={file}") as one, client(one.port) as bus:
        bus.write(6, LOCK, 0)
        bus.write(6, ID, 42)
        bus.write(42, REGISTERS["Acceleration"].address, 100)
        until(lambda: json.loads(file.read_text())["gripper"]["ID"] == 42)
    with virtual_arm(f"--eeprom={file}") as one, client(one.port) as bus:
        assert bus.ping(42)[0] == 777
        assert bus.read(42, REGISTERS["Acceleration"].address, size=1) == 0
        assert bus.silent(6, one.arm)
    file.write_text('{"gripper": {}}')
    done = command("--world=none", f"--eeprom={file}")
    assert done.status == 1
    assert "is not the EEPROM of a virtual arm" in done.errors


def test_boxed_motors_are_given_their_ids_one_at_a_time() -> None:
    with virtual_arm("--factory") as one, client(one.port) as bus:
        for number, name in enumerate(JOINTS, start=1):
            one.arm.set(connected=[name])
            assert bus.ping(1)[0] == 777
            bus.write(1, LOCK, 0)
            bus.write(1, ID, number)
            bus.write(number, LOCK, 1)
        one.arm.set(connected=list(JOINTS))
        assert [bus.ping(number)[0] for number in range(1, 7)] == [777] * 6
        assert one.arm.report()["violations"] == []


def test_no_more_is_loaded_than_is_needed(running: Running, world: Running) -> None:
    def loads(one: Running, library: str) -> bool:
        return library in Path(f"/proc/{one.process.pid}/maps").read_text()

    if not Path("/proc/self/maps").exists():
        pytest.skip("this system does not show what a process has loaded")
    assert loads(world, "mujoco")
    assert not any(loads(running, library) for library in ("mujoco", "torch", "placo", "cv2"))
    assert not any(loads(world, library) for library in ("torch", "placo"))


@pytest.fixture(scope="module")
def world() -> Iterator[Running]:
    """A virtual SO100 in the simulated world, with cameras."""
    with virtual_arm("--world=sim_pick_lift_pixels", "--arm=so100", "--camera-port=0") as one:
        yield one


def test_the_motors_move_the_simulated_arm_in_real_time(world: Running) -> None:
    assert world.arm.task == "pick_lift"
    world.arm.reset(4)
    truth = world.arm.truth()
    assert truth.episode == 1
    assert not truth.success
    with client(world.port) as bus:
        pan = bus.read(1, PRESENT)
        bus.write(1, GOAL, pan, size=2)
        bus.write(1, REGISTERS["Goal_Velocity"].address, 400, size=2)
        bus.write(1, TORQUE, 1)
        start = time.monotonic()
        bus.write(1, GOAL, pan + 400, size=2)
        until(lambda: bus.read(1, PRESENT) > pan + 360)
        assert time.monotonic() - start > 0.8  # at 400 steps a second; no faster
        bus.write(1, TORQUE, 0)
    moved = world.arm.truth()
    assert abs(moved.tip[1] - truth.tip[1]) > 0.05
    np.testing.assert_allclose(moved.object, truth.object, atol=2e-3)


def test_opencv_opens_the_cameras_like_any_ip_camera(world: Running) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV's libraries are missing", exc_type=ImportError)
    addresses = [word for word in world.ready.split() if word.startswith("http")]
    assert [address.rpartition("/")[2] for address in addresses] == ["front", "wrist"]
    for address in addresses:
        if reason := refusal(address):
            pytest.skip(reason)
        capture = cv2.VideoCapture(address)
        try:
            images = [capture.read()[1] for _ in range(3)]
        finally:
            capture.release()
        assert all(image.shape == (64, 64, 3) for image in images)
        assert images[0].std() > 10  # not blank


def refusal(address: str) -> str | None:
    """Why there is no stream, if there is none."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_an_unknown_camera_is_refused_with_those_there_are(world: Running) -> None:
    address = next(word for word in world.ready.split() if word.startswith("http"))
    assert refusal(address.replace("front", "side").strip(",")) == "Cameras: /front, /wrist\n"


def test_without_opengl_all_but_the_images_works() -> None:
    command = ("--world=sim_pick_lift_pixels", "--camera-port=0")
    before = os.environ.get("__EGL_VENDOR_LIBRARY_FILENAMES")
    os.environ["__EGL_VENDOR_LIBRARY_FILENAMES"] = "/nowhere"
    try:
        with virtual_arm(*command) as one, client(one.port) as bus:
            address = next(word for word in one.ready.split() if word.startswith("http"))
            assert "Cannot draw the twin" in (refusal(address) or "")
            until(lambda: bus.ping(1)[1] == sdk.COMM_SUCCESS)
    finally:
        del os.environ["__EGL_VENDOR_LIBRARY_FILENAMES"]
        if before is not None:
            os.environ["__EGL_VENDOR_LIBRARY_FILENAMES"] = before


def test_a_taken_camera_port_is_replaced_and_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with virtual_arm("--world=sim_pick_lift_pixels", f"--camera-port={taken}") as one:
            assert f"({taken} is taken)" in one.ready
            assert f":{taken}/" not in one.ready


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--world=nowhere"], "--world: no preset or file 'nowhere'; presets:"),
        (["--camera-fps=0"], "--camera-fps is above 0"),
        (["--camera-size=8x8"], "--camera-size"),
        (["--arm=so200"], "so100"),
    ],
)
def test_bad_options_are_refused(
    options: list[str], said: str, command: Callable[..., Said]
) -> None:
    done = command(*options)
    assert done.status == 2
    assert said in done.errors
    assert done.errors.count("\n") == 1


def test_a_world_must_be_a_simulated_one(command: Callable[..., Said]) -> None:
    done = command("--world=so101_pick_lift")
    assert done.status == 2
    assert "which is not simulated" in done.errors


def test_a_broken_line_of_a_packet_does_not_stick(running: Running, arm: VirtualArm) -> None:
    """A packet whose end never comes must not swallow the next one."""
    robot = bytes((1, 4, 2, PRESENT, 2))
    content = b"\xff\xff" + robot + bytes((checksum(robot),))
    with serial.Serial(running.port, 1_000_000, timeout=PATIENCE_S) as port:
        before = arm.report()["bad_packets"]
        port.write(content[:-2])
        until(lambda: arm.report()["bad_packets"] > before)
        port.write(content)
        assert len(port.read(8)) == 8
    assert arm.report()["packets"] > 0
