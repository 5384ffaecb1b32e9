"""`hil-app find-port` as a user runs it; `--also` has it look at virtual arms."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from guided import guided, words
from serial.tools.list_ports import comports
from virtual_arms import Running, plug_in, unplug, virtual_arm

from hil_app.__main__ import main
from hil_app.cli.arm.find_port import lasting_name
from robots.base import JOINTS
from robots.feetech.bus import FeetechBus
from robots.virtual.fault_settings import FaultSettings

pytestmark = pytest.mark.skipif(
    any(item.vid is not None for item in comports()), reason="a USB serial port may be an arm's"
)


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def arm(chain: Running) -> Running:
    chain.arm.set(**FaultSettings().model_dump(mode="json"))
    return chain


def test_an_arm_that_answers_is_found_with_the_option_that_names_it(arm: Running) -> None:
    arm.arm.set(voltage=7.4)
    with guided("find-port", f"--also={Path(arm.port).parent}/*") as operator:
        assert operator.end() == 0, operator.text
    assert "an SO arm: six motors, calibrated, 7.4 V" in operator.words
    assert f"  --robot.port={arm.port}\n  --teleop.port={arm.port}\n" in operator.text


def test_an_arm_with_many_names_is_one_arm(arm: Running, tmp_path: Path, here: Here) -> None:
    (tmp_path / "a").symlink_to(arm.port)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    also = [f"--also={path}" for path in (tmp_path / "*", arm.port, Path(arm.port).resolve())]
    done = here("find-port", *also, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("six motors") == 1
    assert f"  --robot.port={tmp_path}/a\n" in done.stdout


def test_two_arms_are_distinguished_by_unplugging_one(arm: Running) -> None:
    with virtual_arm("--arm=so100") as other:
        with FeetechBus(other.port, {}) as bus:
            bus.write("Min_Position_Limit", 2, 0)
            bus.write("Max_Position_Limit", 2, 4095)
        with guided("find-port", f"--also={arm.port}", f"--also={other.port}") as operator:
            operator.until("There are 2 arms")
            operator.until("Unplug the arm's USB cable")
            assert "six motors, not calibrated, 12.0 V" in operator.words
            other.arm.set(gone_s=30)
            operator.enter()
            assert operator.end() == 0, operator.text
        assert f"  --robot.port={other.port}\n" in operator.text


def test_an_arm_without_power_is_found_by_unplugging_it(arm: Running) -> None:
    arm.arm.set(missing=list(JOINTS))
    with guided("find-port", f"--also={arm.port}", terminal=True) as operator:
        operator.until("no motor answers")
        operator.until("No arm answers; is its power on, and is a motor on the board?")
        operator.until("Unplug the arm's USB cable, leave the others, and press Enter.")
        operator.enter()  # the wrong one
        operator.listen(0.2)
        operator.enter()  # impatient: this answers nothing that was not asked yet
        operator.until("No port vanished")
        operator.until("Plug it in again, and press Enter.")
        operator.listen(0.3)
        assert "Unplug" not in operator.unheard
        operator.enter()
        operator.until("Unplug the arm's USB cable")
        unplug(arm)
        operator.enter()
        assert operator.end() == 0, operator.text
    assert f"  --robot.port={arm.port}\n" in operator.text
    plug_in(arm)


def test_a_chain_that_is_not_whole_says_who_answers_and_what_is_next(
    arm: Running, tmp_path: Path, here: Here
) -> None:
    arm.arm.set(missing=["elbow_flex", "gripper"])
    done = here("find-port", f"--also={arm.port}", cwd=tmp_path)
    assert done.returncode == 0
    said = words(done.stdout)
    assert "motors with the IDs 1, 2, 4, 5, 12.0 V; an SO arm has 1 to 6" in said
    assert f"Motors answer on {arm.port}, but not the six of an SO arm" in said
    assert done.stdout.endswith(f"  hil-app setup-motors --port={arm.port}\n")


@pytest.fixture(scope="module")
def new() -> Iterator[Running]:
    with virtual_arm("--factory") as running:
        yield running


@pytest.mark.parametrize(
    ("connected", "said"),
    [(JOINTS, "several motors have ID 1"), (JOINTS[:1], "motors with the IDs 1, 12.0 V")],
)
def test_motors_out_of_the_box_are_sent_to_setup_motors(
    new: Running, connected: tuple[str, ...], said: str, tmp_path: Path, here: Here
) -> None:
    new.arm.set(connected=list(connected))
    done = here("find-port", f"--also={new.port}", cwd=tmp_path)
    assert done.returncode == 0
    assert said in words(done.stdout)
    assert done.stdout.endswith(f"  hil-app setup-motors --port={new.port}\n")


def test_without_an_answer_the_input_may_end(arm: Running) -> None:
    arm.arm.set(missing=list(JOINTS))
    with guided("find-port", f"--also={arm.port}") as operator:
        operator.until("press Enter.")
        operator.hang_up()
        assert operator.end() == 1
    assert operator.text.splitlines()[-1].startswith("hil-app: The input has ended")


def test_a_port_in_use_is_one_clear_line(arm: Running) -> None:
    with FeetechBus(arm.port, {}), guided("find-port", f"--also={arm.port}") as operator:
        assert operator.end() == 1
    last = operator.text.splitlines()[-1]
    assert last == f"hil-app: {arm.port} is in use: another program has it open; end that program."


def test_no_port_is_one_clear_line() -> None:
    with guided("find-port") as operator:
        assert operator.end() == 1
    assert operator.text.startswith("hil-app: No USB serial port found: plug the arm's board in")
    assert "a cable that has data lines" in operator.text
    assert operator.text.count("\n") == 1


def test_a_lasting_name_leads_to_the_same_device(tmp_path: Path) -> None:
    for name in ("ttyACM0", "ttyACM1"):
        (tmp_path / name).touch()
    names = tmp_path / "by-id"
    assert lasting_name(str(tmp_path / "ttyACM1"), names) is None
    names.mkdir()
    (names / "usb-a").symlink_to("../ttyACM0")
    (names / "usb-b").symlink_to("../ttyACM1")
    assert lasting_name(str(tmp_path / "ttyACM1"), names) == names / "usb-b"


def test_help_says_how_to_find_a_virtual_arm(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["find-port", "--help"])
    assert done.value.code == 0
    assert "such as the link of a virtual arm: '/tmp/arm*'" in words(capsys.readouterr().out)
