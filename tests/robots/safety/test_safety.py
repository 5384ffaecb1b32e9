from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.robot import SafetyConfig
from robots.base import F32, GRIPPER
from robots.safety.guard import Guard, Limiter, Response, Senses

LOW = np.float32([-100, -90, -80, -70, -60, 0])
HIGH = np.float32([100, 90, 80, 70, 60, 100])
LIMITS = np.stack([LOW, HIGH], axis=1)
SAFETY = SafetyConfig(max_speed=120, hold_s=0.5, back_off_s=1.5)
PERIOD = 1 / 30
STEP = np.float32([4, 4, 4, 4, 4, 8])  # a tick's longest way: 120 deg/s, gripper 240 %/s
STILL = np.zeros(6, np.float32)

joints = st.lists(st.floats(-400, 400, width=32), min_size=6, max_size=6).map(np.float32)
inside = joints.map(lambda values: np.clip(values, LOW, HIGH))


def limiter(max_lead: float | None = None) -> Limiter:
    return Limiter(LIMITS, SAFETY, max_lead, PERIOD)


@given(target=joints, measured=inside, last=inside, lead=st.none() | st.floats(0.5, 50))
def test_no_command_leaves_the_limits_or_outruns_the_speed(
    target: F32, measured: F32, last: F32, lead: float | None
) -> None:
    sent = limiter(lead)(target, measured, last)
    assert (sent >= LOW).all()
    assert (sent <= HIGH).all()
    assert (np.abs(sent - last) <= STEP + 1e-3).all()


@given(target=joints, measured=inside)
def test_the_lead_over_the_measured_joints_is_bounded_once_the_arm_is_with_it(
    target: F32, measured: F32
) -> None:
    sent = limiter(2.0)(target, measured, measured)
    assert (np.abs(sent - measured) <= 2.0 + 1e-3).all()


@given(target=joints, start=joints)
def test_an_arm_that_starts_outside_its_limits_is_led_back_without_a_jump(
    target: F32, start: F32
) -> None:
    limit, last = limiter(), start
    for _ in range(3):
        sent = limit(target, last, last)
        assert (np.abs(sent - last) <= STEP + 1e-3).all()
        last = sent
    for _ in range(200):
        last = limit(target, last, last)
    np.testing.assert_allclose(last, np.clip(target, LOW, HIGH), atol=1e-3)


def test_limits_that_an_operator_set_let_an_arm_outside_come_back_in_its_own_time() -> None:
    wanted = np.stack([LOW / 2, HIGH / 2], axis=1)
    limit = Limiter(LIMITS, SAFETY, None, PERIOD, wanted)
    outside = np.float32([80, 0, 0, 0, 0, 10])
    slowly, further = outside - 1, outside + 1
    np.testing.assert_array_equal(limit(slowly, outside, outside), slowly)
    np.testing.assert_allclose(limit(further, outside, outside)[0], 80)
    last = slowly
    for _ in range(50):
        last = limit(np.full(6, -99, np.float32), last, last)
    np.testing.assert_allclose(last, wanted[:, 0], atol=1e-3)
    for _ in range(50):
        last = limit(np.full(6, 999, np.float32), last, last)
    np.testing.assert_allclose(last, wanted[:, 1], atol=1e-3)


def senses(stamp: float, at: F32 = STILL, **changes: object) -> Senses:
    calm: dict[str, object] = {
        "velocities": np.full(6, 50, np.float32),
        "loads": STILL,
        "currents": STILL,
        "temperatures": np.full(6, 30, np.float32),
        "voltages": np.full(6, 12, np.float32),
        "errors": (0,) * 6,
    }
    return Senses(stamp=stamp, joints=np.array(at, np.float32), **{**calm, **changes})  # type: ignore[arg-type]


def of(motor: int, value: float, base: float = 0.0) -> F32:
    values = np.full(6, base, np.float32)
    values[motor] = value
    return values


def bits(motor: int, value: int) -> Sequence[int]:
    return tuple(value if index == motor else 0 for index in range(6))


TROUBLES = {
    "overload bit": ({"errors": bits(2, 32)}, "elbow_flex reports overload"),
    "overheat bit": ({"errors": bits(0, 4)}, "shoulder_pan reports overheat"),
    "two bits": ({"errors": bits(1, 3)}, "shoulder_lift reports voltage; shoulder_lift reports"),
    "heat": ({"temperatures": of(3, 61, 30)}, "wrist_flex is 61 °C hot, 60 allowed"),
    "low voltage": ({"voltages": of(4, 4.0, 12)}, "wrist_roll has 4.0 V, not 4.5 to 13.5"),
    "high voltage": ({"voltages": of(4, 14.0, 12)}, "wrist_roll has 14.0 V"),
    "load": (
        {"loads": of(1, -85), "velocities": of(1, 5, 50)},
        "shoulder_lift bears 85 % of its stall torque",
    ),
    "stall": ({"velocities": STILL}, "shoulder_pan is stalled 20 deg from its target"),
    "gripper": ({"errors": bits(GRIPPER, 32)}, "gripper reports overload"),
}


@pytest.mark.parametrize(("facts", "cause"), TROUBLES.values(), ids=TROUBLES)
def test_lasting_trouble_leads_to_hold_then_back_off_then_release(
    facts: dict[str, object], cause: str
) -> None:
    guard, sent = Guard(SAFETY), of(0, 20)
    for tick in range(10):
        assert guard.watch(senses(tick * PERIOD), STILL) is Response.NONE
    stamps = [tick * PERIOD for tick in range(10, 100)]
    seen = [(stamp, guard.watch(senses(stamp, **facts), sent)) for stamp in stamps]
    first = {response: stamp for stamp, response in reversed(seen)}
    assert [response for response in Response if response in first] == [*Response][
        0 if seen[0][1] is Response.NONE else 1 :
    ]
    assert first[Response.HOLD] <= 10 * PERIOD + 0.3 + 2 * PERIOD
    assert first[Response.BACK_OFF] - first[Response.HOLD] == pytest.approx(0.5, abs=2 * PERIOD)
    assert first[Response.RELEASE] - first[Response.HOLD] == pytest.approx(2.0, abs=2 * PERIOD)
    assert cause in guard.cause


@pytest.mark.parametrize("kind", ["load", "stall", "low voltage"])
def test_what_passes_soon_is_a_part_of_moving(kind: str) -> None:
    guard, (facts, _) = Guard(SAFETY), TROUBLES[kind]
    for tick in range(60):
        troubled = tick % 10 < 8  # 0.27 s at a time
        now = senses(tick * PERIOD, **(facts if troubled else {}))
        assert guard.watch(now, of(0, 20)) is Response.NONE


def test_a_load_that_moves_the_joint_is_none_that_counts() -> None:
    guard = Guard(SAFETY)
    for tick in range(100):
        lifting = senses(tick * PERIOD, loads=of(1, 95), velocities=of(1, 30))
        assert guard.watch(lifting, STILL) is Response.NONE


def test_a_gripper_may_push_and_stand_still() -> None:
    guard = Guard(SAFETY)
    for tick in range(100):
        pressing = senses(tick * PERIOD, of(GRIPPER, 30), velocities=STILL, loads=of(GRIPPER, 95))
        assert guard.watch(pressing, STILL) is Response.NONE


def test_trouble_of_the_robot_holds_all_of_it_and_leaves_the_gripper() -> None:
    guard, here, wanted = Guard(SAFETY), np.float32([1, 2, 3, 4, 5, 6]), np.full(6, 40, "f4")
    np.testing.assert_array_equal(guard.shape(wanted), wanted)
    guard.watch(senses(0.0, here, errors=bits(2, 32)), STILL)
    np.testing.assert_array_equal(guard.shape(wanted), [1, 2, 3, 4, 5, 40])


def test_backing_off_goes_back_the_way_the_arm_came() -> None:
    guard = Guard(SAFETY)
    for tick in range(60):
        guard.watch(senses(tick * PERIOD, np.full(6, tick, np.float32)), STILL)
    for tick in range(60, 60 + 17):  # just over half a second of trouble
        guard.watch(senses(tick * PERIOD, np.full(6, 60.0), errors=bits(0, 32)), STILL)
    assert guard.response is Response.BACK_OFF
    back = guard.shape(np.full(6, 99, np.float32))
    assert (back[:GRIPPER] == back[0]).all()
    assert 60 - 47 <= back[0] <= 60 - 44  # where it was 1.5 s before
    assert back[GRIPPER] == 99


def test_a_gripper_in_trouble_lets_go_a_little() -> None:
    guard, wanted = Guard(SAFETY), np.zeros(6, np.float32)
    for tick in range(17):
        guard.watch(senses(tick * PERIOD, of(GRIPPER, 30), errors=bits(GRIPPER, 32)), STILL)
        held = guard.shape(wanted)[GRIPPER]
        assert held == (30 if guard.response is Response.HOLD else 35)
        np.testing.assert_array_equal(guard.shape(wanted)[:GRIPPER], wanted[:GRIPPER])
    assert guard.response is Response.BACK_OFF


def test_trouble_that_is_over_is_over_after_a_moment_and_starts_anew() -> None:
    guard = Guard(SAFETY)
    for tick in range(12):  # 0.4 s of trouble
        guard.watch(senses(tick * PERIOD, errors=bits(0, 32)), STILL)
    assert guard.response is Response.HOLD
    for tick in range(12, 24):
        guard.watch(senses(tick * PERIOD), STILL)
    assert (guard.response, guard.cause) == (Response.NONE, "")
    guard.watch(senses(24 * PERIOD, errors=bits(0, 32)), STILL)
    assert guard.response is Response.HOLD


def test_trouble_that_flickers_still_counts_as_one() -> None:
    guard, found = Guard(SAFETY), Response.NONE
    for tick in range(90):
        flicker = bits(0, 32) if tick % 2 else bits(0, 0)
        found = guard.watch(senses(tick * PERIOD, errors=flicker), STILL)
    assert found is Response.RELEASE


@pytest.mark.parametrize(
    ("option", "facts", "sent"),
    [
        ({"max_load": 90.0}, {"loads": of(1, -85), "velocities": of(1, 5, 50)}, STILL),
        ({"max_temperature": 70.0}, {"temperatures": of(3, 61, 30)}, STILL),
        ({"voltage": (3.5, 13.5)}, {"voltages": of(4, 4.0, 12)}, STILL),
        ({"voltage": (4.5, 14.5)}, {"voltages": of(4, 14.0, 12)}, STILL),
        ({"stall_error": 25.0}, {"velocities": STILL}, of(0, 20)),
    ],
    ids=str,
)
def test_each_limit_is_the_configured_one(
    option: dict[str, object], facts: dict[str, object], sent: F32
) -> None:
    usual, changed = Guard(SAFETY), Guard(SAFETY.model_copy(update=option))
    for tick in range(15):
        now = senses(tick * PERIOD, **facts)
        usual.watch(now, sent)
        changed.watch(now, sent)
    assert (usual.response, changed.response) == (Response.HOLD, Response.NONE)


def test_the_responses_last_as_configured() -> None:
    safety = SAFETY.model_copy(update={"hold_s": 0.2, "back_off_s": 0.4})
    guard, ticks = Guard(safety), range(30)
    seen = [guard.watch(senses(t * PERIOD, errors=bits(0, 32)), STILL) for t in ticks]
    assert seen.index(Response.BACK_OFF) * PERIOD == pytest.approx(0.2, abs=PERIOD)
    assert seen.index(Response.RELEASE) * PERIOD == pytest.approx(0.6, abs=PERIOD)
