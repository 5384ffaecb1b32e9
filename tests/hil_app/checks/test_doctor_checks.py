"""What `hil-app doctor` looks at, one check at a time."""

from __future__ import annotations

import dataclasses
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sample_cameras import HEIGHT, WIDTH, image, streaming
from virtual_arms import Running
from waiting import PATIENCE_S

from configs.camera import OpenCVCameraConfig
from configs.load import read, validate
from configs.robot import SafetyConfig, SO100Config, SO101Config
from configs.teleop import SO101LeaderConfig
from hil_app.checks import arm as arm_checks
from hil_app.checks import machine, software
from hil_app.checks.arm import (
    ArmSnapshot,
    alike,
    arm,
    faults,
    latency_timer,
    response_times,
    supply,
)
from hil_app.checks.calibrated import calibration, spans
from hil_app.checks.cameras import cameras
from hil_app.checks.finding import Check, Finding, Findings, examine, note, of_error, ok, problem
from robots import isolated
from robots.base import JOINTS, NotConnected, RobotError
from robots.feetech import calibration as files
from robots.feetech.bus import FeetechBus
from robots.feetech.calibration import of_motors
from robots.feetech.handshake import MOTORS
from robots.virtual.fault_settings import FaultSettings

PERIOD = 1 / 30


def problems(found: Findings) -> list[str]:
    return [finding.fact for finding in found if finding.mark == "problem"]


def notes(found: Findings) -> list[str]:
    return [finding.fact for finding in found if finding.mark == "note"]


def only(found: Findings) -> Finding:
    (finding,) = found
    return finding


# examine


def test_a_check_that_crashes_is_a_finding_and_keeps_what_it_found_before() -> None:
    def look() -> Iterator[Finding]:
        yield ok("this")
        raise ZeroDivisionError("that")

    first, second = examine(Check("disk", look))
    assert first == ok("this")
    assert second.mark == "problem"
    assert second.fact == "disk: this check itself failed (ZeroDivisionError: that)"
    assert second.remedy


def test_a_check_that_hangs_is_given_up_in_time() -> None:
    over = threading.Event()

    def look() -> Iterator[Finding]:
        yield ok("this")
        over.wait(PATIENCE_S)

    _, late = examine(Check("arm", look, patience_s=0.3))
    over.set()
    assert late.mark == "problem"
    assert "arm: no answer within 0.3 s" in late.fact


def test_an_error_is_reported_as_the_fact_and_what_to_do() -> None:
    def look() -> Iterator[Finding]:
        raise NotConnected("No permission to use /dev/x: join its group.")
        yield

    found = only(examine(Check("arm", look)))
    assert found == problem("No permission to use /dev/x", "join its group")
    assert of_error(RobotError("no remedy")) == problem("no remedy")


# software


def test_packages_that_do_not_load_or_crash_are_named_and_the_others_still_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_one.py").write_text("import nothing_of_this_name")
    (tmp_path / "deadly_one.py").write_text("import os\nos.abort()")
    start = f"import sys; sys.path.append({str(tmp_path)!r}); "  # beside the installed ones
    start += "import runpy; del sys.argv[0]; runpy.run_module(sys.argv[0], run_name='__main__')"
    monkeypatch.setattr(isolated, "command", lambda *words: [sys.executable, "-c", start, *words])
    wanted = {"broken_one": "broken", "rich": "rich", "deadly_one": "deadly", "yaml": "pyyaml"}
    monkeypatch.setattr(software, "PACKAGES", wanted)
    crash, broken, fine = software.packages()
    assert "loading deadly_one crashed: it was killed by signal 6" in crash.fact
    assert "pip install --force-reinstall deadly" in crash.remedy
    assert broken.fact.startswith("broken does not load (ModuleNotFoundError")
    assert fine.fact.startswith("rich ")


def test_the_real_packages_and_python_are_in_order() -> None:
    assert only(software.python()).mark == "ok"
    found = only(software.packages())
    assert found.mark == "ok"
    assert all(package in found.fact for package in software.PACKAGES.values())


def test_a_device_that_torch_does_not_have_is_a_problem() -> None:
    fine, bad = software.torch("nonsense")
    assert "threads" in fine.fact
    assert bad.mark == "problem"
    assert "learner.device is nonsense" in bad.fact
    assert "--learner.device=cpu" in bad.remedy


def test_opengl_that_fails_matters_only_to_who_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    needed = only(software.drawing(needed=True))
    assert needed.mark == "problem"
    assert "libegl1" in needed.remedy
    unneeded = only(software.drawing(needed=False))
    assert unneeded.mark == "note"


@pytest.mark.parametrize(
    ("answer", "crash", "mark"),
    [
        ({"ms": 2.0, "contrast": 20.0, "renderer": "x"}, None, "ok"),
        ({"ms": 2.0, "contrast": 0.0, "renderer": "x"}, None, "problem"),
        ({"ms": 200.0, "contrast": 20.0, "renderer": "x"}, None, "note"),
        ({"ms": 2.0, "contrast": 20.0, "renderer": "x"}, "killed", "problem"),
    ],
)
def test_a_drawing_is_judged_by_what_it_shows_and_how_long_it_took(
    answer: dict[str, Any], crash: str | None, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        software, "probe", lambda *_: SimpleNamespace(answers=[answer], crash=crash)
    )
    assert only(software.drawing(needed=True)).mark == mark


# the computer


@pytest.mark.parametrize(("busy", "mark"), [(0.1, "ok"), (1000.0, "note")])
def test_a_busy_computer_is_worth_a_word(
    busy: float, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (busy, 0.0, 0.0))
    assert next(iter(machine.load())).mark == mark


@pytest.mark.skipif(not machine.LINUX, reason="priorities are Linux's")
@pytest.mark.parametrize(("allowed", "mark"), [(True, "ok"), (False, "note")])
def test_a_loop_that_may_not_go_ahead_is_worth_a_word(
    allowed: bool, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        if not allowed:
            raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    found = only(machine.priority())
    assert found.mark == mark
    assert ("rtprio 2" in found.remedy) is not allowed


@pytest.mark.parametrize(
    ("free", "images", "size", "mark"),
    [
        (0.5, True, None, "problem"),
        (1.5, True, None, "note"),
        (2.5, False, None, "ok"),
        (2.5, True, None, "note"),
        (2.5, True, 32, "ok"),
        (2.5, True, {"front": 32}, "ok"),
        (2.2, True, {"front": 127}, "note"),
    ],
)
def test_memory_is_held_against_what_the_images_need(
    free: float,
    images: bool,
    size: int | dict[str, int] | None,
    mark: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = read("so101_pick_lift")
    content["policy"]["image_size"] = size
    for camera in content["robot"]["cameras"].values():
        camera |= {"width": 128, "height": 128}  # 2 GB for two cameras and 20,000 ticks
    content["processor"]["observation"]["images"] = images
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "meminfo")
    machine.MEMORY.write_text(f"MemFree: 1 kB\nMemAvailable:  {round(free * 1e9 / 1024)} kB\n")
    found = only(machine.memory(validate(content)))
    assert found.mark == mark
    assert f"{free:.1f} GB of memory free" in found.fact


def test_a_folder_that_cannot_be_written_is_a_problem_and_nothing_stays_in_one_that_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = validate(read("sim_pick_lift"))
    fine = config.model_copy(update={"output_dir": tmp_path / "runs" / "mine"})
    assert only(machine.disk(fine)).fact.split(" GB free in ")[1].startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    bad = only(machine.disk(config.model_copy(update={"output_dir": Path("/proc/mine")})))
    assert bad.mark == "problem"
    assert "--output_dir" in bad.remedy
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=5e8))
    assert only(machine.disk(fine)).mark == "problem"


def test_usb_ports_are_reported_with_who_may_and_does_use_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def listed(*ports: str) -> Callable[[], list[SimpleNamespace]]:
        return lambda: [SimpleNamespace(device=port, description="USB", vid=1) for port in ports]

    master, slave = pty.openpty()
    port = os.ttyname(slave)
    os.close(slave)
    monkeypatch.setattr(machine, "virtual_ports", list)
    monkeypatch.setattr(machine, "comports", listed(port))
    assert only(machine.ports()) == ok(f"{port} (USB)")
    wait = f"import sys; file = open({port!r}, 'rb'); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", wait], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        user.stdout.readline()
        used = only(machine.ports())
    assert used.mark == "note"
    assert f"(process {user.pid})" in used.fact
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    forbidden = only(machine.ports())
    assert "may not be used" in forbidden.fact
    assert "sudo usermod -aG" in forbidden.remedy
    monkeypatch.setattr(machine, "comports", listed())
    assert only(machine.ports()) == ok("no USB serial port")
    os.close(master)


# cameras


def camera(source: Path | str, **changes: Any) -> OpenCVCameraConfig:
    return OpenCVCameraConfig(index_or_path=str(source), width=WIDTH, height=HEIGHT, **changes)


def test_all_cameras_are_watched_at_once_and_each_is_judged_alone(tmp_path: Path) -> None:
    import cv2

    for name, content in (("black", image(0) // 50), ("white", np.full_like(image(0), 255))):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), content)
    with streaming(fps=10) as stream:
        found = list(
            cameras(
                {
                    "fine": camera(stream.address, fps=5),
                    "slow": camera(stream.address, fps=60),
                    "size": camera(tmp_path / "black").model_copy(update={"width": 640}),
                    "black": camera(tmp_path / "black"),
                    "white": camera(tmp_path / "white"),
                    "gone": camera("/dev/video99"),
                }
            )
        )
    assert stream.most_viewers == 2
    assert [finding.mark for finding in found] == [
        "ok",
        "problem",
        "problem",
        "problem",
        "note",
        "problem",
    ]
    fine, slow, size, black, _, gone = found
    assert fine.fact.startswith(f"fine ({stream.address}) gives 64x48 at ")
    assert "--robot.cameras.slow.fps=" in slow.remedy
    assert "--robot.cameras.size.width=64" in size.remedy
    assert "they are black" in black.fact
    assert "there is no /dev/video99" in gone.remedy


def test_a_camera_that_sends_nothing_is_given_up_in_time() -> None:
    with streaming() as stream:
        stream.running.clear()
        found = only(cameras({"front": camera(stream.address)}))
        assert found.mark == "problem"


def test_no_camera_is_no_problem() -> None:
    assert only(cameras({})).mark == "ok"


# the motors' values


def snapshot(**registers: dict[str, int]) -> ArmSnapshot:
    values = {
        "Firmware_Major_Version": 3,
        "Firmware_Minor_Version": 10,
        "Model_Number": 777,
        "Present_Voltage": 120,
        "Min_Voltage_Limit": 40,
        "Max_Voltage_Limit": 140,
        "Phase": 12,
        "Present_Temperature": 30,
        "Status": 0,
        "Torque_Enable": 0,
    }
    every = {name: dict.fromkeys(JOINTS, value) for name, value in values.items()}
    for name, changes in registers.items():
        every.setdefault(name, {}).update(changes)
    return ArmSnapshot(every, dict.fromkeys(JOINTS, 0))


def test_motors_in_order_give_no_reason_to_worry() -> None:
    shot, safety = snapshot(), SafetyConfig()
    assert only(alike(shot)) == ok("STS3215, firmware 3.10")
    assert only(supply(shot, safety)) == ok("supply 12.0 V")
    assert only(arm_checks.temperatures(shot, safety)).mark == "ok"
    assert list(faults(shot)) == []
    assert list(arm_checks.torque(shot)) == []


def test_motors_of_another_kind_than_the_supply_are_a_problem() -> None:
    """Those of 7.4 V on 12 V."""
    seven = snapshot(Max_Voltage_Limit=dict.fromkeys(JOINTS, 80))
    found = only(supply(seven, SafetyConfig()))
    assert found.mark == "problem"
    assert found.fact.endswith(": gets 12.0 V and takes 4.0 to 8.0 V")
    one = only(supply(snapshot(Max_Voltage_Limit={"elbow_flex": 80}), SafetyConfig()))
    assert one.fact.endswith(": gets 12.0 V and takes 4.0 to 8.0 V at elbow_flex")
    high = snapshot(Min_Voltage_Limit={"elbow_flex": 130})
    said = "takes 13.0 to 14.0 V, as an earlier program has set it at elbow_flex"
    assert said in only(supply(high, SafetyConfig())).fact


def test_what_an_earlier_program_left_in_the_motors_is_worth_a_word() -> None:
    shot = snapshot(CW_Dead_Zone={"gripper": 30}, P_Coefficient={}, Phase={"elbow_flex": 12 | 16})
    every = {"CW_Dead_Zone": 1, "P_Coefficient": 32}
    for name, value in every.items():
        shot.values[name].update(dict.fromkeys(JOINTS, value) | dict(shot.values[name]))
    wanted = {"CW_Dead_Zone": dict.fromkeys(JOINTS, 1), "P_Coefficient": dict.fromkeys(JOINTS, 16)}
    left = only(arm_checks.settings(shot, wanted))
    fact = "an earlier program has left CW_Dead_Zone 30 at gripper"
    assert left == note(fact, "a run sets it right")
    shot.values["CW_Dead_Zone"]["gripper"] = 1
    assert list(arm_checks.settings(shot, wanted)) == []
    shot.values["Phase"]["elbow_flex"] = 13
    assert "elbow_flex 13, usually 12" in only(arm_checks.settings(shot, wanted)).fact


@pytest.mark.parametrize(
    ("limit", "fact"),
    [
        (255, "Max_Voltage_Limit is gripper 25.5 V, usually 8.0 or 14.0 V: such a motor does not"),
        (0, "Max_Voltage_Limit is gripper 0.0 V, usually"),
        (80, "gripper 8.0 V): these are motors of different kinds"),
    ],
)
def test_motors_that_do_not_guard_themselves_are_worth_a_word(limit: int, fact: str) -> None:
    shot = snapshot(Max_Voltage_Limit={"gripper": limit}, Present_Voltage=dict.fromkeys(JOINTS, 74))
    assert only(supply(shot, SafetyConfig())).mark == "ok"
    found = only(arm_checks.settings(shot, {}))
    assert found.mark == "note"
    assert fact in found.fact


def test_what_differs_is_named_with_its_motors() -> None:
    odd = snapshot(Firmware_Minor_Version={"gripper": 9}, Model_Number={"elbow_flex": 1190})
    model, firmware = alike(odd)
    assert "elbow_flex is of model 1190" in model.fact
    assert firmware.fact.endswith("; 3.9 at gripper")


@pytest.mark.parametrize(
    ("volts", "mark", "words"),
    [
        (dict.fromkeys(JOINTS, 40), "problem", "below 4.5 V: 4.0 V"),
        ({"gripper": 138}, "problem", "above 13.5 V: 12.0 V at"),
        ({"gripper": 150}, "problem", "does not fit the motors: gets 15.0 V and takes 4.0 to 14.0"),
        ({"gripper": 105}, "note", "drops along the cables"),
        ({"gripper": 115}, "ok", "supply"),
    ],
)
def test_the_supply_is_held_against_its_range_and_along_the_chain(
    volts: dict[str, int], mark: str, words: str
) -> None:
    found = only(supply(snapshot(Present_Voltage=volts), SafetyConfig()))
    assert (found.mark, words in found.fact) == (mark, True)


@pytest.mark.parametrize(
    ("degrees", "mark"), [(30, "ok"), (49, "ok"), (50, "note"), (59, "note"), (60, "problem")]
)
def test_a_motor_is_warm_before_it_is_too_hot(degrees: int, mark: str) -> None:
    shot = snapshot(Present_Temperature={"gripper": degrees})
    assert only(arm_checks.temperatures(shot, SafetyConfig())).mark == mark


def test_every_fault_bit_is_named_wherever_it_shows() -> None:
    shot = dataclasses.replace(
        snapshot(Status={"gripper": 32}), errors=dict.fromkeys(JOINTS, 0) | {"wrist_roll": 4 + 2}
    )
    assert problems(faults(shot)) == [
        "wrist_roll reports angle sensor",
        "wrist_roll reports overheat",
        "gripper reports overload",
    ]
    assert all(finding.remedy for finding in faults(shot))


def test_torque_left_on_is_worth_a_word() -> None:
    assert only(arm_checks.torque(snapshot(Torque_Enable={"gripper": 1}))).fact.endswith("gripper")
    held = snapshot(Torque_Enable=dict.fromkeys(JOINTS, 1))
    assert only(arm_checks.torque(held)).fact.endswith("all motors")


@pytest.mark.parametrize(
    ("p50", "p99", "timer", "mark"),
    [
        (0.003, 0.004, None, "ok"),
        (0.003, 0.030, None, "note"),
        (0.010, 0.011, None, "note"),
        (0.018, 0.019, None, "problem"),
        (0.018, 0.019, (Path("/sys/x"), 16), "problem"),
    ],
)
def test_a_round_trip_is_held_against_the_tick(
    p50: float,
    p99: float,
    timer: tuple[Path, int] | None,
    mark: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arm_checks, "latency_timer", lambda _: timer)
    found = response_times("slow", p50, p99, "/dev/x", PERIOD)
    assert found.mark == mark
    assert (found.remedy == "echo 1 | sudo tee /sys/x") == (timer is not None)


def test_the_latency_timer_of_an_adapter_is_found_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB3").mkdir()
    timer = tmp_path / "ttyUSB3" / "latency_timer"
    timer.write_text("16\n")
    link = tmp_path / "arm"
    link.symlink_to("/dev/ttyUSB3")
    assert latency_timer(str(link), tmp_path) == (timer, 16)
    timer.write_text("1\n")
    assert latency_timer(str(link), tmp_path) is None
    assert latency_timer("/dev/ttyACM0", tmp_path) is None


# a whole arm


@pytest.fixture
def servos(chain: Running) -> Running:
    """The virtual chain in order, as after its power was switched off and on."""
    chain.arm.set(**FaultSettings().model_dump(mode="json"))
    chain.arm.set(power_cycle=True)
    return chain


def about(servos: Running, **changes: Any) -> list[Finding]:
    return list(arm(SO101Config(port=servos.port, **changes), PERIOD))


def test_an_arm_in_order_is_only_looked_at(servos: Running) -> None:
    before = servos.arm.report()
    assert machine.users_of(servos.port) == []  # the virtual arm itself is none
    found = about(servos)
    after = servos.arm.report()
    assert problems(found) == []
    facts = " | ".join(finding.fact for finding in found)
    for words in ("is a virtual so101", "all six motors", "firmware 3.10", "12.0 V", "calibrated"):
        assert words in facts
    assert after["motors"] == before["motors"]
    assert after["violations"] == before["violations"]
    assert after["seconds_since_goal"] is None


def test_a_motor_that_is_missing_is_named_and_the_others_are_still_looked_at(
    servos: Running,
) -> None:
    servos.arm.set(missing=["wrist_flex"], firmware={"gripper": [3, 9]}, errors={"gripper": 8})
    found = about(servos)
    missing, firmware, current = (one for one in found if one.mark == "problem")
    assert missing.fact == "wrist_flex (ID 4) does not answer (no answer)"
    assert "hil-app setup-motors" in missing.remedy
    assert "3.9 at gripper" in firmware.fact
    assert current.fact == "gripper reports over-current"
    assert notes(found)[0].startswith("the calibration was not looked at")


def test_an_arm_without_power_is_reported_in_one_line(servos: Running) -> None:
    servos.arm.set(missing=list(JOINTS))
    (found,) = (one for one in about(servos) if one.mark == "problem")
    assert "no motor of an arm answers" in found.fact
    assert "is the arm's power on" in found.remedy


def test_two_motors_with_one_id_are_reported_as_that(servos: Running) -> None:
    servos.arm.set(duplicate=["gripper"])
    assert problems(about(servos)) == ["several motors have ID 6"]


def test_lost_answers_are_counted(servos: Running) -> None:
    servos.arm.set(drop=0.1)
    lost = [fact for fact in problems(about(servos)) if "lost or damaged" in fact]
    assert len(lost) == 1


def test_a_slow_port_is_a_problem(servos: Running) -> None:
    servos.arm.set(latency_ms=20)
    assert any("a read of all motors takes" in fact for fact in problems(about(servos)))


def test_another_virtual_arm_than_the_configured_is_a_problem(servos: Running) -> None:
    (found,) = (one for one in arm(SO100Config(port=servos.port), PERIOD) if one.mark == "problem")
    assert "is a virtual so101, not an so100" in found.fact
    assert found.remedy == "say --robot.type=so101, or start it with --arm so100"


def test_a_leader_is_looked_at_like_an_arm(servos: Running) -> None:
    assert problems(arm(SO101LeaderConfig(port=servos.port), PERIOD)) == []
    servos.arm.set(voltage=4.0)
    low = problems(arm(SO101LeaderConfig(port=servos.port), PERIOD))
    assert any("below 4.5 V" in fact for fact in low)


def test_a_port_that_is_in_use_is_reported_with_who_uses_it(servos: Running) -> None:
    hold = (
        "import sys; from robots.feetech.bus import FeetechBus\n"
        f"with FeetechBus({servos.port!r}, {{'one': 1}}): print(1, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        user.stdout.readline()
        *_, found = about(servos)
    assert f"(process {user.pid}) uses the port. {servos.port} is in use" in found.fact
    assert "end that program" in found.remedy


def test_a_port_that_is_not_there_is_a_problem() -> None:
    found = only(arm(SO101Config(port="/dev/nowhere"), PERIOD))
    assert found.mark == "problem"
    assert "There is no port /dev/nowhere" in found.fact
    assert "hil-app find-port" in found.remedy


# calibration


def held(servos: Running) -> dict[str, dict[str, int]]:
    """The registers that a calibration is in, as an arm's motors have them."""
    registers = ("Homing_Offset", "Min_Position_Limit", "Max_Position_Limit", "Present_Position")
    with FeetechBus(servos.port, MOTORS) as bus:
        answers = bus.sync_read(registers)
    assert not answers.missing
    return answers.values


def test_a_calibration_in_a_file_is_held_against_the_motors(
    servos: Running, tmp_path: Path
) -> None:
    with FeetechBus(servos.port, MOTORS) as bus:
        own = of_motors(bus, MOTORS)
    files.save(own, tmp_path / "mine.json")
    mine = SO101Config(id="mine", calibration_dir=tmp_path)
    assert [one.mark for one in calibration(mine, held(servos), JOINTS)] == ["ok"]
    gripper = own["gripper"]
    other = own | {"gripper": dataclasses.replace(gripper, homing_offset=gripper.homing_offset + 7)}
    files.save(other, tmp_path / "mine.json")
    found = only(calibration(mine, held(servos), JOINTS))
    assert found.mark == "note"
    assert "gripper: homing_offset" in found.fact
    swapped = own | {"gripper": dataclasses.replace(own["gripper"], id=9)}
    files.save(swapped, tmp_path / "mine.json")
    assert (
        "of an arm with other IDs (gripper)" in problems(calibration(mine, held(servos), JOINTS))[0]
    )
    missing = SO101Config(port=servos.port, id="other", calibration_dir=tmp_path)
    (absent,) = problems(arm(missing, PERIOD))
    assert absent.startswith(f"There is no calibration {tmp_path}/other.json")


def test_what_the_motors_cannot_know_is_not_called_right(
    servos: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which way the gripper counts: no file, one's own word, and a file that has the rest."""
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    values = held(servos)
    unknown = list(calibration(SO101Config(), values, JOINTS))
    assert [one.mark for one in unknown] == ["ok", "note"]
    assert "motors cannot hold which way the gripper counts" in unknown[1].fact
    said = only(calibration(SO101Config(gripper_opens="up"), values, JOINTS))
    assert said == ok("calibrated; the motors hold it")
    with FeetechBus(servos.port, MOTORS) as bus:
        own = of_motors(bus, MOTORS)
    turned = {name: dataclasses.replace(own[name], drive_mode=1) for name in ("elbow_flex",)}
    files.save(own | turned, tmp_path / "robots/so101_follower/mine.json")
    known, elbow = calibration(SO101Config(), values, JOINTS)
    path = tmp_path / "robots/so101_follower/mine.json"
    assert known == ok(f"calibrated; the motors hold {path}")
    assert elbow.mark == "note"
    assert "drive_mode 1 for elbow_flex, which counts for no joint in degrees" in elbow.fact


def test_two_calibrations_of_one_name_are_worth_a_word(
    servos: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    with FeetechBus(servos.port, MOTORS) as bus:
        own = of_motors(bus, MOTORS)
    other = own | {"gripper": dataclasses.replace(own["gripper"], homing_offset=9)}
    files.save(own, tmp_path / "robots/so_follower/mine.json")
    files.save(other, tmp_path / "robots/so101_follower/mine.json")
    used, rivals = calibration(SO101Config(id="mine"), held(servos), JOINTS)
    assert used.mark == "ok"
    assert rivals.mark == "note"
    assert "so101_follower/mine.json, where older lerobots kept it, differs" in rivals.fact


def test_a_calibration_that_was_changed_or_is_of_another_arm_is_reported(
    servos: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    values, mine = held(servos), SO101Config(id="mine")
    with FeetechBus(servos.port, MOTORS) as bus:
        own = of_motors(bus, MOTORS)
    moved = own | {"gripper": dataclasses.replace(own["gripper"], homing_offset=9)}
    files.save(moved, tmp_path / "robots/so_follower/mine.json")
    (found,) = calibration(SO101Config(gripper_opens="up"), values, JOINTS)
    assert found.mark == "note"
    assert "mine.json but for gripper: homing_offset" in found.fact
    away = {n: dataclasses.replace(m, homing_offset=m.homing_offset + 1000) for n, m in own.items()}
    files.save(away, tmp_path / "robots/so_follower/mine.json")
    (found,) = problems(calibration(mine, values, JOINTS))
    assert "mine.json does not fit this arm, with it " in found
    files.save(own, tmp_path / "teleoperators/so_leader/hand.json")
    (found,) = problems(calibration(mine, values, JOINTS))
    assert found.endswith("so_leader/hand.json, of another arm")
    assert [found] == notes(calibration(SO101Config(gripper_opens="up"), values, JOINTS))


def test_a_calibration_that_was_cut_off_is_a_problem(servos: Running) -> None:
    values = {name: dict(motors) for name, motors in held(servos).items()}
    values["Max_Position_Limit"]["wrist_roll"] = 0
    with pytest.raises(RobotError, match=r"only a part of a calibration \(wrist_roll\)"):
        list(calibration(SO101Config(), values, JOINTS))


@pytest.mark.parametrize("option", ["reset_pose", "rest_pose"])
def test_a_pose_that_the_calibrated_arm_cannot_take_is_a_problem(
    servos: Running, option: str
) -> None:
    cfg = SO101Config(port=servos.port, **{option: (0.0, -60.0, 60.0, 60.0, 0.0, 500.0)})
    (found,) = (one for one in arm(cfg, PERIOD) if one.mark == "problem")
    assert found.fact == (
        f"robot.{option} is beyond what this arm can do (gripper 500, not 0 to 100)"
    )
    assert found.remedy.startswith("keep to these ranges")


def test_motors_that_were_never_calibrated_are_a_problem(servos: Running) -> None:
    old = held(servos)
    with FeetechBus(servos.port, MOTORS) as bus:
        bus.write("Lock", "elbow_flex", 0)
        bus.write("Min_Position_Limit", "elbow_flex", 0)
        bus.write("Max_Position_Limit", "elbow_flex", 4095)
    try:
        (found,) = (one for one in about(servos) if one.mark == "problem")
        assert found.fact == "The motors have not been calibrated (elbow_flex)"
        assert "hil-app calibrate" in found.remedy
    finally:
        with FeetechBus(servos.port, MOTORS) as bus:
            for register in ("Min_Position_Limit", "Max_Position_Limit"):
                bus.write(register, "elbow_flex", old[register]["elbow_flex"])
            bus.write("Lock", "elbow_flex", 1)


def test_a_range_that_such_an_arm_does_not_have_is_worth_a_word(servos: Running) -> None:
    with FeetechBus(servos.port, MOTORS) as bus:
        own = of_motors(bus, MOTORS)
    assert list(spans("so101", own)) == []
    short = {
        name: dataclasses.replace(own[name], range_max=own[name].range_min + 500) for name in JOINTS
    }
    assert len(notes(spans("so101", short))) == 5  # wrist_roll turns all the way
    assert len(notes(spans("so101_leader", short))) == 4  # and its gripper is a handle


def test_a_joint_that_stands_outside_of_its_range_is_a_problem(servos: Running) -> None:
    values = {name: dict(motors) for name, motors in held(servos).items()}
    values["Present_Position"]["elbow_flex"] = values["Max_Position_Limit"]["elbow_flex"] + 100
    (found,) = problems(calibration(SO101Config(), values, JOINTS))
    assert found == "elbow_flex stands 9 deg outside of its calibrated range"
