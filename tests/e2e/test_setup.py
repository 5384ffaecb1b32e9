"""`hil-app setup` as a newcomer runs it: a boxed virtual arm, a hand, a terminal of 80 by 24."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from asgi_client import Client
from attended_sessions import teleoperate
from guided import Conversation, Guided, guided
from guided_page import Operator
from sample_cameras import write_video_file
from serial.tools.list_ports import comports
from test_calibrate import HIGH, LOW, ZERO, close_gripper, only, place
from test_find_limits import PLACES, START, hold, joints_at
from virtual_arms import Running, virtual_arm

from configs.load import read, validate
from configs.page import PageConfig
from hil_app.__main__ import main
from hil_app.page.home.desk import Desk
from hil_app.page.home.places import Places
from hil_app.page.home.server import app_of, site_of
from robots.base import JOINTS
from robots.feetech import calibration
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS

pytestmark = pytest.mark.skipif(
    any(item.vid is not None for item in comports()), reason="a USB serial port may be an arm's"
)
TOKEN = "token-of-a-page-of-these-tests"
cv2 = pytest.importorskip("cv2", reason="OpenCV's libraries are missing", exc_type=ImportError)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the operator works, with a camera in it."""
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    write_video_file(tmp_path / "film.avi")
    return tmp_path


@pytest.fixture
def browser(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """At the page without a run, which was started where the operator works."""
    monkeypatch.chdir(folder)
    places = Places(folder / "runs", folder / "data")
    with closing(Desk(places, PageConfig())) as desk:
        app = app_of(site_of(TOKEN, "127.0.0.1"), places, desk)
        yield Client(app, authorization=f"Bearer {TOKEN}")


@contextmanager
def setup(arm: Running, folder: Path, *options: str, terminal: bool = True) -> Iterator[Guided]:
    also = [f"--also={arm.port}", "--also=film.avi"]
    words = ["setup", "mine.yaml", *also, *options]
    with guided(*words, terminal=terminal, cwd=folder, size=(80, 24)) as operator:
        yield operator
        assert "Traceback" not in operator.text


def goes_on(operator: Conversation, then: str) -> None:
    """What is done is shown, and the operator goes on."""
    operator.until(f"Press Enter to go on with {then}, or type a step")
    operator.enter()


def give_id(operator: Conversation, arm: Running, name: str) -> None:
    operator.until(f"Connect only the {name} motor")
    arm.arm.set(connected=[name])
    operator.enter()


def calibrate(operator: Conversation, arm: Running) -> None:
    operator.until("press Enter.")
    operator.enter()
    operator.until("when all are done.")
    place(arm, only(LOW), operator)
    place(arm, only(HIGH), operator)
    operator.enter()
    close_gripper(operator, arm, LOW["gripper"])
    operator.until("Write this into the motors")
    operator.enter()


def measure(operator: Conversation, arm: Running) -> None:
    operator.until("Do this now")
    operator.enter()
    hold(arm, START)
    operator.until("Take it to one of them, and press Enter")
    operator.enter()
    operator.until("when it has been everywhere")
    for joints in map(joints_at, PLACES):
        hold(arm, joints)
        operator.listen(0.1)
    operator.enter()
    operator.until("Put the arm where episodes are to begin")
    hold(arm, joints_at((0.22, 0.02, 0.08)))
    operator.listen(0.2)
    operator.enter()


@pytest.fixture
def boxed() -> Iterator[Running]:
    """A virtual arm out of the box, the gripper's motor on its board."""
    with virtual_arm("--factory") as arm:
        arm.arm.set(connected=["gripper"])
        yield arm


def begin(operator: Conversation, arm: Running) -> None:
    """Up to the second motor."""
    operator.until("Which arm is it?")
    operator.enter()
    operator.until("What do you take over with?")
    operator.enter()
    operator.until("1/5 port")
    operator.until(f"The arm is on {arm.port}")
    operator.until("Are the motors new?")
    operator.enter()
    give_id(operator, arm, "gripper")
    operator.until("Connect only the wrist_roll motor")


def test_a_set_up_that_ends_in_the_middle_goes_on_from_there(boxed: Running, folder: Path) -> None:
    named = f"hil-app setup mine.yaml --also={boxed.port} --also=film.avi\n"
    with setup(boxed, folder) as operator:
        begin(operator, boxed)
        operator.interrupt()
        assert operator.end() == 130
        assert named in operator.text
    mine = (folder / "mine.yaml").read_text()
    (folder / "mine.yaml").write_text(f"# by hand\n{mine}")
    with setup(boxed, folder, "--teleop.type=keyboard", terminal=False) as operator:
        operator.until(f"✓ │ {boxed.port}")
        goes_on(operator, "motors")
        operator.until("2/5 motors")
        operator.until("Are the motors new?")
        operator.enter("maybe")
        operator.until("Type y or n, not 'maybe'.")
        operator.enter()
        operator.until("Connect only the gripper motor")
        operator.enter()
        operator.until("gripper is right already")
        operator.hang_up()
        assert operator.end() == 1
        assert named in operator.text
        assert "hil-app: The input has ended: run this in a terminal.\n" in operator.text
    assert (folder / "mine.yaml").read_text() == f"# by hand\n{mine}"


def test_who_has_done_nothing_yet_leaves_nothing(folder: Path) -> None:
    with guided("setup", cwd=folder) as operator:
        operator.until("Which arm is it?")
        operator.enter("so7")
        operator.until("Type one of so101, so100, not 'so7'.")
        operator.hang_up()
        assert operator.end() == 1
    assert "Go on" not in operator.text
    assert not (folder / "my_arm.yaml").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("robot: {type: so101_sim}\n", "robot.type: so101_sim has no motors, so101 and so100 have"),
        ("robot: {type: so7}\n", "robot.type: got 'so7', allowed: "),
        ("- 1\n", "keys and values expected, not a list"),
    ],
)
def test_a_file_of_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(content)
    assert main(["setup", str(mine)]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith(f"hil-app: {mine}: ")
    assert said in error
    assert mine.read_text() == content


@pytest.mark.slow
def test_a_boxed_arm_comes_to_a_configuration_that_teleoperate_takes_however_often_one_stops(
    boxed: Running, folder: Path
) -> None:
    arm, named = boxed, f"hil-app setup mine.yaml --also={boxed.port} --also=film.avi\n"
    with setup(arm, folder) as operator:
        begin(operator, arm)
        operator.interrupt()
        assert operator.end() == 130

    with setup(arm, folder, terminal=False) as operator:
        goes_on(operator, "motors")
        operator.until("Are the motors new?")
        operator.enter()
        for name in reversed(JOINTS):
            give_id(operator, arm, name)
        operator.until("Connect all six motors as a chain")
        arm.arm.set(connected=list(JOINTS))
        operator.enter()
        operator.until("3/5 calibrate")
        place(arm, ZERO, operator)
        operator.until("press Enter.")
        operator.hang_up()
        assert operator.end() == 1
    assert named in operator.text
    assert "hil-app: The input has ended: run this in a terminal. Nothing was" in operator.text

    with setup(arm, folder) as operator:
        goes_on(operator, "calibrate")
        calibrate(operator, arm)
        operator.until("4/5 cameras")
        operator.until("Do this now (n: later)? [Y/n]")
        operator.enter()
        operator.until("Name of camera film.avi (Enter: front)")
        operator.enter("top")
        operator.until("5/5 limits")
        measure(operator, arm)
        assert operator.end() in (0, 1)  # as the doctor finds this computer
        assert "calibrated; the motors hold" in operator.words
        assert "hil-app teleoperate --config_path=mine.yaml\n" in operator.text
    check(folder / "mine.yaml", arm)
    arm.arm.hand(None)
    with teleoperate(folder, "--config_path=mine.yaml") as run:
        run.live(3)
        run.process.send_signal(signal.SIGINT)
        status, _, errors = run.end()
    assert (status, errors) == (130, "")
    assert arm.arm.report()["violations"] == []

    with setup(arm, folder) as operator:
        operator.until("top")  # all is shown
        operator.until("to go on with the doctor's look, or type a step")
        operator.enter("camera")
        operator.until("There is no step camera.")
        operator.until("or type a step")
        operator.enter("cameras")
        operator.until("Name of camera film.avi")
        operator.enter("-")
        assert operator.end() in (0, 1)
    assert read(str(folder / "mine.yaml"))["robot"]["cameras"] == {}


@pytest.mark.slow
def test_the_same_in_a_browser(boxed: Running, folder: Path, browser: Client) -> None:
    flags = {"FILE": "mine.yaml", "--also": f"{boxed.port} film.avi"}
    operator = Operator(browser, "setup", flags=flags)
    begin(operator, boxed)
    operator.stop()
    assert operator.end() == 130
    assert f"hil-app setup mine.yaml --also={boxed.port} --also=film.avi\n" in operator.said

    operator = Operator(browser, "setup", flags=flags)
    goes_on(operator, "motors")
    operator.until("Are the motors new?")
    operator.enter()
    for name in reversed(JOINTS):
        give_id(operator, boxed, name)
    operator.until("Connect all six motors as a chain")
    boxed.arm.set(connected=list(JOINTS))
    operator.enter()
    operator.until("3/5 calibrate")
    place(boxed, ZERO, operator)
    calibrate(operator, boxed)
    operator.until("Do this now (n: later)?")
    operator.enter()
    operator.until("Name of camera film.avi (Enter: front)")
    assert operator.until_asked()["choices"] == []
    operator.enter("top")
    measure(operator, boxed)
    assert operator.end() in (0, 1)  # as the doctor finds this computer
    assert "calibrated; the motors hold" in operator.said
    check(folder / "mine.yaml", boxed)

    operator = Operator(browser, "setup", flags=flags)
    operator.until("to go on with the doctor's look, or type a step")
    again = operator.until_asked()["choices"]
    assert again == ["", "port", "motors", "calibrate", "cameras", "limits"]
    operator.enter("cameras")
    operator.until("Name of camera film.avi")
    operator.enter("-")
    assert operator.end() in (0, 1)
    assert read(str(folder / "mine.yaml"))["robot"]["cameras"] == {}


def check(path: Path, arm: Running) -> None:
    """The file has all that the operator showed and said."""
    config = validate(read(str(path)))
    assert (config.robot.type, config.robot.bus) == ("so101", arm.port)
    assert {name: camera.index_or_path for name, camera in config.robot.cameras.items()} == {
        "top": "film.avi"
    }
    np.testing.assert_allclose(config.robot.reset_pose, joints_at((0.22, 0.02, 0.08)), atol=1.5)
    low, high = np.min(PLACES, axis=0), np.max(PLACES, axis=0)
    bounds = config.processor.bounds
    assert (np.array(bounds.min) < low + 0.02).all()
    assert (np.array(bounds.max) > high - 0.02).all()
    assert config.robot.follower is not None
    found = calibration.saved(config.robot.follower)
    assert found is not None
    assert found.name == "mine.json"
    with FeetechBus(arm.port, MOTORS) as bus:
        assert calibration.of_motors(bus, MOTORS) == calibration.load(found)
