"""Whoever follows the page on setting an arm up, on a virtual one, sees what it shows."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from guided import Guided, guided
from handbook import check_shape, commands, told
from serial.tools.list_ports import comports
from virtual_arms import Running, virtual_arm

from robots.base import JOINTS

PAGE = "docs/set-up.md"
WELL = {  # on a computer that is at rest, and has a gamepad
    "• a read of all motors": "✓ a read of all motors",
    "Once that is mended, move": "Move",
}
WORLD = "--world=sim_pick_lift_pixels"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(item.vid is not None for item in comports()), reason="a USB serial port may be an arm's"
    ),
]


def free_port() -> int:
    """One of four digits, so that what names it is as wide as on the page."""
    for port in range(8701, 9999):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise OSError("no port is free")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the reader works, and has a home."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.delenv("HF_LEROBOT_HOME", raising=False)
        yield folder


@pytest.fixture
def arm(folder: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """The reader's arm: the motors keep what they are told, the world is the test's choice."""
    link = f"/tmp/{uuid.uuid4().hex[:3]}"  # as long as that of the page
    eeprom = folder / "eeprom.json"
    if "--factory" in request.param:
        eeprom.unlink(missing_ok=True)
    options = (f"--link={link}", f"--eeprom={eeprom}", *request.param)
    if WORLD in options:
        options += (f"--camera-port={free_port()}",)
    with virtual_arm(*options) as running:
        yield running


@pytest.fixture
def follow(arm: Running, folder: Path):
    """Type a command of the page; at its end, what it printed must be what the page says."""

    def here(text: str) -> str:
        cameras = re.search(r"127.0.0.1:\d+", arm.ready)
        text = text.replace("127.0.0.1:8700", cameras[0]) if cameras else text
        return text.replace("/tmp/arm", arm.port)

    @contextmanager
    def typed(
        *words: str, more: Sequence[str] = (), since: str = "", status: int = 0
    ) -> Iterator[Guided]:
        line = told(PAGE, "hil-app", *words)
        arguments = [here(word) for word in line.words[1:]]
        with guided(*arguments, *more, terminal=True, cwd=folder, size=(80, 24)) as operator:
            yield operator
            assert operator.end() == status, operator.text
        shown = line.printed[line.printed.index(since) :]
        printed = operator.text
        for otherwise, well in WELL.items():
            printed = printed.replace(otherwise, well)
        check_shape(here(shown), printed)

    return typed


def by_hand(arm: Running, *words: str, operator: Guided | None = None) -> None:
    """What the page has one type in another terminal, so that a hand moves the arm."""
    line = told(PAGE, "hil-app", "virtual-arm", *words)
    typed = [word.replace("/tmp/arm", arm.port) for word in line.words[1:]]
    with subprocess.Popen([sys.executable, "-m", "hil_app", *typed]) as process:
        while process.poll() is None:
            (operator.listen(0.1) if operator else process.wait())
    assert process.returncode == 0


def give_ids(operator: Guided, arm: Running) -> None:
    """The motors of an arm out of its box, one by one."""
    for name in reversed(JOINTS):
        operator.until(f"Connect only the {name} motor")
        arm.arm.set(connected=name)
        operator.enter()
    operator.until("Connect all six motors")
    arm.arm.set(connected="all")
    operator.enter()


def calibrate(operator: Guided, arm: Running) -> None:
    """Of an arm that is held in the middle."""
    operator.until("Hold the arm there, and press Enter.")
    operator.enter()
    operator.until("when all are done.")
    by_hand(arm, "sweep", operator=operator)
    operator.enter()
    operator.until("Hold it closed, and press Enter.")
    by_hand(arm, "move", "/tmp/arm", "gripper=0", operator=operator)
    operator.enter()
    operator.until("[Y/n]")
    operator.enter()


PLACES = [
    line.words[2:]
    for line in commands()
    if line.words[1:3] == ("virtual-arm", "move") and len(line.words) > 5
]


def measure(operator: Guided, arm: Running) -> None:
    """The box, of an arm that is held in the pose where episodes begin."""
    assert len(PLACES) == 6
    operator.until("Take it to one of them, and press Enter")
    operator.enter()
    operator.until("when it has been everywhere")
    for place in PLACES[1:]:
        by_hand(arm, *place, operator=operator)
    operator.enter()
    operator.until("Put the arm where episodes are to begin")
    by_hand(arm, *PLACES[0], operator=operator)
    operator.enter()


@pytest.mark.parametrize("arm", [("--factory",)], indirect=True)
def test_new_motors_become_an_arm_that_knows_its_joints_and_its_box(arm: Running, follow) -> None:
    with follow("setup-motors") as operator:
        give_ids(operator, arm)
    with follow("find-port"):
        pass
    by_hand(arm, "sweep")
    with follow("calibrate") as operator:
        calibrate(operator, arm)
    by_hand(arm, *PLACES[0])
    with follow("find-limits") as operator:
        measure(operator, arm)
    by_hand(arm, "move", "/tmp/arm")


@pytest.mark.parametrize("arm", [(WORLD,)], indirect=True)
def test_its_cameras_are_found_and_all_is_well(arm: Running, follow) -> None:
    with follow("find-cameras"):
        pass
    address = arm.ready.split("cameras ")[1].split("/front")[0]
    names = "front", "wrist"
    cameras = [f"--robot.cameras.{name}.index_or_path={address}/{name}" for name in names]
    with follow("doctor", more=cameras, since="serial ports"):  # above it, the computer
        pass


@pytest.mark.parametrize("arm", [("--factory", WORLD)], indirect=True)
def test_a_session_of_setup_is_as_the_page_shows_it(arm: Running, follow) -> None:
    with follow("setup", "--also", status=130) as operator:
        operator.until("Which arm is it?")
        operator.enter()
        operator.until("What do you take over with?")
        operator.enter()
        operator.until("Are the motors new?")
        operator.enter()
        give_ids(operator, arm)
        operator.until("Hold the arm there, and press Enter.")
        operator.interrupt()
    by_hand(arm, "sweep")
    with follow("setup", "my_arm.yaml", status=1) as operator:  # the doctor misses the gamepad
        operator.until("Press Enter to go on with calibrate")
        operator.enter()
        calibrate(operator, arm)
        operator.until("Do this now")
        operator.enter()
        for name in ("front", "wrist"):
            operator.until(f"(Enter: {name})")
            operator.enter()
        operator.until("Do this now")
        by_hand(arm, *PLACES[0], operator=operator)
        operator.enter()
        measure(operator, arm)
    by_hand(arm, "move", "/tmp/arm")
