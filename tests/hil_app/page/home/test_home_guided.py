"""Guided commands from the page: the real ones, on a virtual arm, answered as a browser does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from asgi_client import Client
from guided_page import Operator
from sample_cameras import HEIGHT, WIDTH, write_video_file
from virtual_arms import Running
from waiting import until

from configs.robot import SO101Config
from hil_app.page.home.desk import Desk
from robots.arm import ARMS
from robots.base import JOINTS
from robots.feetech import calibration
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS
from robots.kinematics import Kinematics

LOW, HIGH = (
    dict(zip(JOINTS, ARMS["so101"].limits[:, end].tolist(), strict=True)) for end in (0, 1)
)
MIDDLE = dict.fromkeys(JOINTS, 0.0) | {"gripper": 50.0}
PLACES = [(0.15, 0, 0.06), (0.2, -0.15, 0.06), (0.3, 0, 0.02), (0.2, 0.15, 0.06), (0.2, 0, 0.13)]


@pytest.fixture
def arm(chain: Running) -> Running:
    """Calibrated and limp, all joints in the middle of their range."""
    chain.arm.set(power_cycle=True, gone_s=0)
    chain.arm.take(MIDDLE)
    return chain


def calibrating(browser: Client, arm: Running, folder: Path) -> Operator:
    named = {"robot.port": arm.port, "robot.id": "mine", "robot.calibration_dir": str(folder)}
    return Operator(browser, "calibrate", options=named)


def moved(joints: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in joints.items() if name != "wrist_roll"}


def rows(operator: Operator, there: Callable[[list[list[str]]], bool]) -> list[list[str]]:
    """The live table, as texts, once something is in it."""

    def found() -> list[list[str]] | None:
        look = operator.state["look"]
        texts = look and [[cell[0] for cell in row] for row in look["table"]["rows"]]
        return texts if texts and there(texts) else None

    return until(found)  # type: ignore[return-value]


def test_an_arm_is_calibrated_from_the_browser(
    arm: Running, browser: Client, tmp_path: Path
) -> None:
    operator = calibrating(browser, arm, tmp_path / "arms")
    operator.answer("Hold the arm there, and press Enter.")
    operator.until_asked("when all are done")
    live = rows(operator, lambda texts: len(texts) == len(JOINTS))
    assert [row[0] for row in live] == [*JOINTS]
    arm.arm.take(moved(LOW))
    arm.arm.take(moved(HIGH))
    rows(operator, lambda texts: [row[-1] for row in texts].count("done") == len(JOINTS) - 1)
    operator.answer("when all are done")
    arm.arm.take({"gripper": LOW["gripper"]})
    operator.answer("Hold it closed, and press Enter.")
    path = tmp_path / "arms/mine.json"
    question = operator.until_asked(f"Write this into the motors and {path}?")
    assert question["choices"] == ["yes", "no"]
    assert operator.answers(question["number"] - 1) == 409  # an answer that came late
    assert not path.exists()
    tables = [one["table"] for one in operator.state["said"] if "table" in one]
    assert [row[0][0] for row in tables[-1]["rows"]] == [*JOINTS]
    operator.answer("Write this", "yes")
    assert operator.end() == 0
    assert operator.state["look"] is operator.state["question"] is None
    assert f"The motors hold it, and {path}" in operator.said
    check(arm, path)


def check(arm: Running, path: Path) -> None:
    """Motors and file say the same, and the truth."""
    content = json.loads(path.read_text())
    with FeetechBus(arm.port, MOTORS) as bus:
        held = {name: bus.read("Homing_Offset", name) for name in JOINTS}
    assert {name: motor["homing_offset"] for name, motor in content.items()} == held
    found = calibration.load(path)
    for name in set(JOINTS) - {"wrist_roll"}:
        degrees = (found[name].range_max - found[name].range_min) * calibration.DEGREES
        usual = abs(np.rad2deg(ARMS["so101"].scale[JOINTS.index(name)])) * (HIGH[name] - LOW[name])
        assert abs(degrees - usual) < 3, name
    assert arm.arm.report()["violations"] == []


@pytest.mark.slow
def test_the_workspace_is_measured_from_the_browser(
    arm: Running, browser: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        f"robot: {{type: so101, port: {arm.port}}}  # the black one\nenv: {{paced: true}}\n"
    )
    kinematics, start = Kinematics(ARMS["so101"]), np.array(SO101Config().reset_pose, np.float32)
    arm.arm.take(dict(zip(JOINTS, start.tolist(), strict=True)))
    operator = Operator(browser, "find-limits", base="mine.yaml", flags={"--save": "mine.yaml"})
    operator.answer("Take it to one of them, and press Enter")
    operator.until_asked("when it has been everywhere")
    for place in PLACES:
        joints = start
        for point in np.linspace(kinematics.tip(joints), np.array(place), 30):
            joints = kinematics.solve(joints, point.astype(np.float32), iterations=10)
        arm.arm.take(dict(zip(JOINTS, joints.tolist(), strict=True)))
    assert [row[0] for row in rows(operator, bool)] == ["x", "y", "z", *JOINTS]
    operator.answer("when it has been everywhere")
    assert operator.end() == 0, operator.said
    bounds = yaml.safe_load(mine.read_text())["processor"]["bounds"]
    np.testing.assert_allclose(bounds["min"], [0.155, -0.145, 0.025], atol=0.02)
    np.testing.assert_allclose(bounds["max"], [0.295, 0.145, 0.125], atol=0.02)
    assert "# the black one" in mine.read_text()


def test_the_port_of_an_arm_is_found_from_the_browser(arm: Running, browser: Client) -> None:
    operator = Operator(browser, "find-port", flags={"--also": f"{arm.port} 'no such port'"})
    assert operator.end() == 0, operator.said
    assert f"{arm.port} an SO arm: six motors" in operator.said
    assert f"  --robot.port={arm.port}\n" in operator.said


def test_cameras_are_seen_in_the_browser(
    browser: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video_file(tmp_path / "a film.avi")
    operator = Operator(browser, "find-cameras", flags={"--also": "'a film.avi'"})
    assert operator.end() == 0, operator.said
    assert f"{WIDTH}x{HEIGHT}" in operator.said
    assert "  --robot.cameras.front.index_or_path='a film.avi' " in operator.said
    (shown,) = (one["images"] for one in operator.state["said"] if "images" in one)
    links = {what: browser.get(link, authorization="") for what, link in shown}
    image = links["camera a film.avi"]
    assert (image.status, image.headers["content-type"]) == (200, "image/png")
    assert image.content == (tmp_path / "cameras/a_film.avi.png").read_bytes()


def test_a_stop_is_a_ctrl_c_and_nothing_is_written(
    arm: Running, browser: Client, tmp_path: Path
) -> None:
    operator = calibrating(browser, arm, tmp_path)
    operator.until_asked("Hold the arm there")
    second = browser.post("/api/started", {"form": "demo"})
    assert second.status == 409
    assert "one at a time: hil-app calibrate --robot.type=so101 " in second.json()["error"]
    operator.stop()
    assert operator.end() == 130
    assert "Stopped: nothing was written." in operator.said
    assert not [*tmp_path.glob("*.json")]
    assert operator.answers(1) == 409
    assert browser.post("/api/started/stop").status == 409


def test_a_port_that_is_not_there_is_told_and_looked_for_again(
    browser: Client, tmp_path: Path, desk: Desk
) -> None:
    named = {"robot.port": str(tmp_path / "arm")}
    operator = Operator(browser, "calibrate", options=named)
    operator.answer("Fix that, and press Enter to try again.")
    operator.answer("Fix that, and press Enter to try again.")
    operator.until_asked("Fix that")
    assert operator.said.count(f"There is no port {tmp_path / 'arm'} ") == 3
    state = operator.state
    later = browser.get(f"/api/started?seen={state['count'] - 1}").json()["said"]
    assert later == state["said"][-1:]
    began = time.monotonic()
    desk.close()  # as the end of `hil-app page` does
    assert time.monotonic() - began < 30
    assert operator.state["status"] == 128 + 15
    assert browser.post("/api/started", {"form": "demo"}).status == 409


@pytest.mark.slow
def test_the_doctor_finds_what_it_finds_in_a_terminal(browser: Client) -> None:
    operator = Operator(browser, "doctor")
    assert operator.end() in (0, 1)
    found = [one["finding"] for one in operator.state["said"] if "finding" in one]
    assert {"software", "computer", "arm", "teleop"} <= {one["topic"] for one in found}
    assert {one["mark"] for one in found} <= {"ok", "note", "problem"}
    assert all(one["remedy"] for one in found if one["mark"] == "problem")
