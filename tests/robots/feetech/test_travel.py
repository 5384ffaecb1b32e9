"""A calibration measured by hand: turns are counted, ranges fit, and writing is all or nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_arms import Running, plug_in, unplug
from waiting import until

from configs.events import tell_nobody
from robots.base import JOINTS, BusTimeout, ServoFault, Uncalibrated
from robots.feetech.bus import FeetechBus
from robots.feetech.calibration import (
    MOST_RANGE,
    Calibration,
    check_motors,
    of_motors,
    save,
    write_to,
)
from robots.feetech.handshake import MOTORS, calibrate, unlocked_all
from robots.feetech.registers import STEPS, TOP
from robots.feetech.travel import Shafts, Travel, centred, installed

SHAFTS = {name: 100 * number for number, name in enumerate(JOINTS, 1)}
moves = st.lists(st.integers(-1000, 1000), max_size=30)


@given(low=st.integers(-3 * STEPS, 3 * STEPS), span=st.integers(0, MOST_RANGE))
def test_every_range_fits_into_a_turn_with_an_offset_that_a_motor_holds(
    low: int, span: int
) -> None:
    offset, range_min, range_max = centred(low, low + span)
    assert -2047 <= offset <= 2047
    assert 0 <= range_min <= range_max <= TOP
    assert (low - offset) % STEPS == range_min  # what the motor will show there
    assert (low + span - offset) % STEPS == range_max
    assert abs(range_min + range_max - 2 * 2047) <= 2


@given(start=st.integers(0, TOP), steps=moves)
def test_turns_are_counted_beyond_the_end_of_a_turn(start: int, steps: list[int]) -> None:
    travel = Travel(SHAFTS | {"elbow_flex": start}, now=0.0)
    positions = [start]
    for second, step in enumerate(steps, 1):
        positions.append(positions[-1] + step)
        travel.see({"elbow_flex": positions[-1] % STEPS}, now=second / 2)
    assert (travel.low["elbow_flex"], travel.high["elbow_flex"]) == (min(positions), max(positions))
    assert travel.lost == set()


def test_a_reading_that_jumps_begins_anew() -> None:
    travel = Travel(SHAFTS, now=0.0)
    travel.see({"gripper": 1300}, now=0.1)
    travel.see({"gripper": 2500}, now=0.2)
    assert travel.lost == {"gripper"}
    assert travel.span("gripper") == 0
    travel.see({"gripper": 2600}, now=0.3)
    assert travel.span("gripper") == 100


def test_a_joint_that_nobody_looked_at_for_long_begins_anew() -> None:
    travel = Travel(SHAFTS, now=0.0)
    travel.see({"gripper": 900}, now=0.5)
    travel.see({"gripper": 950}, now=2.0)  # maybe by way of a whole turn
    assert travel.lost == {"gripper"}
    assert travel.span("gripper") == 0


def test_wrist_roll_takes_a_whole_turn_about_where_it_began() -> None:
    travel = Travel(SHAFTS | {"wrist_roll": 4095}, now=0.0)
    motor = travel.calibration(MOTORS)["wrist_roll"]
    assert (motor.range_min, motor.range_max) == (0, TOP)
    assert motor.homing_offset == 2047  # 2048 would be lerobot's, and does not fit
    assert list(travel.calibration(MOTORS)) == list(JOINTS)


# in the motors


class FailingBus(FeetechBus):
    """A bus whose writes fail from the one numbered ``fails`` on, so many times."""

    fails, times, done = -1, 0, 0

    def write(self, register: str, motor: str | int, value: int) -> None:
        self.done += 1
        if self.fails <= self.done < self.fails + self.times:
            raise BusTimeout("it does not answer")
        super().write(register, motor, value)


def other(held: Calibration) -> Calibration:
    return {
        name: replace(motor, homing_offset=motor.homing_offset + 50, range_max=3000 + motor.id)
        for name, motor in held.items()
    }


def everything(bus: FeetechBus) -> dict[str, Any]:
    registers = ("Phase", "Operating_Mode", "Lock", "Torque_Enable")
    return {"calibration": of_motors(bus, MOTORS)} | bus.sync_read(registers).values


def test_a_calibration_is_written_to_stay_and_the_motors_are_locked(chain: Running) -> None:
    with FeetechBus(chain.port, MOTORS) as bus:
        before = of_motors(bus, MOTORS)
        bus.write("Lock", "wrist_flex", 0)
        bus.write("Phase", "wrist_flex", bus.read("Phase", "wrist_flex") | 16)
        bus.write("Operating_Mode", "gripper", 3)
        with installed(bus, other(before)):
            pass
        chain.arm.set(power_cycle=True)
        after = everything(bus)
        assert after["calibration"] == other(before)
        assert not any(phase & 16 for phase in after["Phase"].values())
        assert set(after["Operating_Mode"].values()) == {0}
        assert set(after["Lock"].values()) == {1}
        with installed(bus, before):
            pass
    assert chain.arm.report()["violations"] == []


def test_a_write_that_fails_leaves_every_motor_as_it_was(chain: Running) -> None:
    with FailingBus(chain.port, MOTORS) as bus:
        before = everything(bus)
        writes = 6 * 8
        for fails in range(1, writes + 1, 3):
            bus.fails, bus.times, bus.done = fails, 2, 0  # the lock fails after it, too
            with pytest.raises(BusTimeout), installed(bus, other(before["calibration"])):
                raise AssertionError("it was not installed")
            assert everything(bus) == before, fails


@pytest.mark.parametrize("way", ["calibrate", "a file's calibration"])
def test_a_write_that_is_cut_off_is_whole_old_or_new_or_is_known_as_cut_off(
    chain: Running, way: str, tmp_path: Path
) -> None:
    """As by a kill -9, a pulled cable or a power cut, after any number of writes."""
    with FailingBus(chain.port, MOTORS) as bus:
        before = of_motors(bus, MOTORS)
        new = other(before)
        save(new, tmp_path / "mine.json")
        ends = set()
        for fails in range(1, 80):
            bus.fails, bus.times, bus.done = fails, 10_000, 0
            with suppress(BusTimeout, ServoFault):
                if way == "calibrate":
                    with installed(bus, new):
                        pass
                else:
                    calibrate(bus, tmp_path / "mine.json", tell_nobody)
            bus.times = 0
            held = of_motors(bus, MOTORS)
            if held in (before, new):
                ends.add("old" if held == before else "new")
            else:
                ends.add("cut off")
                with pytest.raises(Uncalibrated, match=r"only a part of a calibration .*cut off"):
                    check_motors(held)
            with unlocked_all(bus, JOINTS):
                write_to(bus, before)
        assert ends == {"old", "cut off", "new"}


def test_what_fails_after_the_motors_were_written_brings_the_old_back(chain: Running) -> None:
    with FeetechBus(chain.port, MOTORS) as bus:
        before = everything(bus)
        with pytest.raises(KeyboardInterrupt), installed(bus, other(before["calibration"])):
            raise KeyboardInterrupt
        assert everything(bus) == before


def test_motors_that_cannot_be_given_back_what_they_held_are_named(chain: Running) -> None:
    with FailingBus(chain.port, MOTORS) as bus:
        before = of_motors(bus, MOTORS)
        bus.fails, bus.times = 15, 1000  # two motors are marked, and no more can be written
        with (
            pytest.raises(
                ServoFault,
                match="shoulder_pan, shoulder_lift may hold a part of the new calibration",
            ),
            installed(bus, other(before)),
        ):
            pass
        bus.times = 0
        with installed(bus, before):
            pass


def test_a_motor_that_reads_something_else_than_calculated_is_refused(
    chain: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FeetechBus(chain.port, MOTORS) as bus:
        before = everything(bus)
        # as if the arm was elsewhere before it was written to
        monkeypatch.setattr(Shafts, "all", lambda _: dict.fromkeys(JOINTS, 1000))
        with (
            pytest.raises(
                ServoFault, match=r"shoulder_pan reads \d+ instead of \d+: .*half a turn"
            ),
            installed(bus, other(before["calibration"])),
        ):
            pass
        assert everything(bus) == before


def test_a_motor_that_falls_silent_is_borne_for_a_second(chain: Running) -> None:
    with FeetechBus(chain.port, MOTORS) as bus:
        shafts = Shafts(bus)
        chain.arm.set(missing=["elbow_flex"])
        try:
            assert set(shafts.now()) == set(JOINTS) - {"elbow_flex"}
            with pytest.raises(BusTimeout, match=r"elbow_flex \(ID 3\).*Nothing was written"):
                shafts.all()
            assert (shafts.trouble or "").startswith("elbow_flex (ID 3) has stopped to answer")
        finally:
            chain.arm.set(missing=[])
        assert set(shafts.now()) == set(JOINTS)
        assert shafts.trouble is None


def test_a_port_that_is_gone_is_looked_for_with_every_look(chain: Running) -> None:
    with FeetechBus(chain.port, MOTORS) as bus:
        shafts = Shafts(bus)
        before = shafts.now()
        unplug(chain)
        assert shafts.now() == {}
        assert "gone" in (shafts.trouble or "") or "There is no port" in (shafts.trouble or "")
        plug_in(chain)
        until(lambda: shafts.now() == before)
        assert shafts.trouble is None


@pytest.mark.parametrize(
    ("closed", "falls"), [(1000, False), (1200, False), (1500, None), (1800, True), (2000, True)]
)
def test_a_closed_gripper_shows_which_way_its_steps_go(closed: int, falls: bool | None) -> None:
    travel = Travel(SHAFTS | {"gripper": 1500}, now=0.0)
    for second, step in enumerate([1000, 1500, 2000, 1500, closed], 1):
        travel.see({"gripper": step}, now=second / 2)
    assert travel.gripper_falls() is falls
    found = travel.calibration(MOTORS, gripper_falls=bool(falls))
    assert found["gripper"].drive_mode == int(bool(falls))
    assert {found[name].drive_mode for name in JOINTS[:-1]} == {0}
