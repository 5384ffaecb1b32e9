"""The control loop: on a made-up twin whose every call is seen, and on the twin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.env import EnvConfig
from configs.processor import ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from configs.run import RunConfig
from hil_app.build.actions import EndEffectorActions
from hil_app.build.assembly import Assembly
from hil_app.build.robots import make_robot
from hil_app.control import rate
from hil_app.control.loop import Loop
from hil_app.control.outcomes import Episode
from hil_app.control.policy import NoPolicy
from hil_app.recording.frames import Frame
from processors.base import Command, Goal, Pipeline, Transition
from processors.events import operator_events, sparse_reward, time_limit
from robots.arm import ARMS
from robots.base import F32, GRIPPER, Reading, RobotError
from robots.safety.guard import ramp
from robots.safety.urgent import LOOP, USUAL
from teleop.base import NO_INPUT, TeleopSample
from teleop.no_teleop import NoTeleop

RESET_POSE = np.array([10, 20, 30, 40, 50, 60], np.float32)
SLOW = settings(max_examples=100, deadline=None, derandomize=True)


@dataclass
class Scene:
    """A made-up arm, its operator, its policy and its clock, which notes every call in ``calls``.

    The arm reaches a target only once the clock has moved on: what is read before the wait does
    not show the command. The policy's action is the number of the tick, and so is the joint target.
    """

    samples: dict[int, TeleopSample] = field(
        default_factory=dict
    )  # what the operator does, by poll
    between: dict[int, TeleopSample] = field(default_factory=dict)  # the same while resetting
    shift: float = 0.0  # how much less than its target the arm takes
    joints: F32 = field(default_factory=RESET_POSE.copy)
    calls: list[str] = field(default_factory=list)
    targets: list[F32] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)  # features the policy was asked with
    now: float = 50.0
    reset_at: float = 0.0
    polls: int = 0
    idles: int = 0
    halted: str | None = None
    truth = None
    spec = ARMS["so101"].spec(reset_pose=RESET_POSE)

    def __post_init__(self) -> None:
        self.target = self.joints
        self.commanded_at = self.now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    # the clock

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.calls.append("sleep")
        self.now += seconds

    # the arm

    def reset(self, seed: int) -> None:
        self.calls.append(f"reset {seed}")
        self.reset_at = self.now

    def read(self) -> Any:
        self.calls.append("read")
        if self.now > self.commanded_at:
            self.joints = self.target
        return Reading(self.joints, stamp=self.now)

    def command(self, target: F32) -> F32:
        self.calls.append("command")
        self.targets.append(target)
        self.target, self.commanded_at = target, self.now
        return target - np.float32(self.shift)

    def halt(self, cause: str) -> None:
        self.calls.append("halt")
        self.halted = cause


class Operator:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self) -> TeleopSample:
        self.scene.calls.append("poll")
        self.scene.polls += 1
        return self.scene.samples.get(self.scene.polls, NO_INPUT)

    def idle(self) -> TeleopSample:
        self.scene.idles += 1
        return self.scene.between.get(self.scene.idles, NO_INPUT)


class FixedPolicy:
    def __init__(self, scene: Scene) -> None:
        self.scene, self.version = scene, 100

    def refresh(self) -> None:
        self.scene.calls.append("refresh")
        self.version += 1

    def act(self, observation: Any) -> F32:
        self.scene.calls.append("act")
        self.scene.seen.append(observation)
        return np.full(4, len(self.scene.seen), np.float32)


class Straight:
    """A made-up arm whose tip is the first three joints / 1000."""

    arm = ARMS["so101"]

    def tip(self, joints: F32) -> F32:
        return joints[:3] / 1000


def go_to_tick(command: Command) -> Command:
    """An action pipeline of its own: the target of tick n is n for every joint."""
    target = np.full(6, command.tick, np.float32)
    chosen = command.sample.action if command.sample.intervening else command.policy_action
    return replace(command, action=chosen, goal=Goal(command.before.tip, target))


def look(transition: Transition) -> Transition:
    return replace(transition, observation={"observation.state": transition.reading.joints})


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    monkeypatch.setattr(time, "monotonic", lambda: scene.now)
    monkeypatch.setattr(time, "sleep", scene.sleep)
    return scene


def loop_of(
    scene: Scene, stop: Callable[[], bool] = lambda: False, last: Any = None, **env: Any
) -> Loop:
    config = EnvConfig(**{"fps": 10, "control_time_s": 0.5, **env})
    return Loop(
        scene,
        Operator(scene),
        FixedPolicy(scene),
        Pipeline("action", {"go": go_to_tick}),
        Pipeline(
            "env",
            {
                "look": look,
                "operator events": operator_events,
                "reward": sparse_reward(config.terminate_on_success),
                "time limit": time_limit(config.time_limit or 10**9),
                **(last or {}),
            },
        ),
        env=config,
        actions=EndEffectorActions(ProcessorConfig(), Straight()),
        stop=stop,
    )


def run(loop: Loop, seed: int = 7) -> tuple[Episode, list[Frame]]:
    frames: list[Frame] = []
    return loop.episode(seed, [frames.append]), frames


# one tick


def test_the_order_of_a_tick(scene: Scene) -> None:
    run(loop_of(scene))
    resetting, tick = scene.calls[:3], ["refresh", "act", "poll", "command", "sleep", "read"]
    assert resetting == ["read", "reset 7", "read"]
    assert scene.calls[3:] == tick * 5


def test_the_next_observation_shows_what_the_action_did(scene: Scene) -> None:
    """Trap 15: it is read after the command and after the wait, not right after the command."""
    _, frames = run(loop_of(scene))
    for frame in frames:
        np.testing.assert_array_equal(frame.sent, [frame.tick] * 6)
        np.testing.assert_array_equal(frame.next_observation["observation.state"], frame.sent)


def test_each_frame_begins_where_the_last_one_ended(scene: Scene) -> None:
    _, frames = run(loop_of(scene))
    np.testing.assert_array_equal(frames[0].observation["observation.state"], RESET_POSE)
    for before, after in pairwise(frames):
        assert after.observation is before.next_observation
    assert [frame.tick for frame in frames] == [1, 2, 3, 4, 5]
    assert [round(frame.reading.stamp, 6) for frame in frames] == [50.0, 50.1, 50.2, 50.3, 50.4]


def test_the_policy_acts_on_what_was_last_seen_with_the_weights_of_this_tick(scene: Scene) -> None:
    _, frames = run(loop_of(scene))
    assert [frame.weights_version for frame in frames] == [101, 102, 103, 104, 105]
    for tick, frame in enumerate(frames, 1):
        np.testing.assert_array_equal(frame.policy_action, [tick] * 4)
        assert scene.seen[tick - 1] is frame.observation


def test_the_operator_is_polled_once_a_tick_and_never_while_resetting(scene: Scene) -> None:
    """Trap 18: a second poll would eat the taps latched for the first."""
    scene.joints = scene.target = RESET_POSE + 90
    episode, _ = run(loop_of(scene, reset_time_s=3.0))
    assert scene.calls.count("poll") == episode.ticks == 5
    assert "poll" not in scene.calls[: scene.calls.index("reset 7")]


def test_a_tap_counts_in_the_tick_it_was_polled(scene: Scene) -> None:
    scene.samples[3] = replace(NO_INPUT, success=True)
    episode, frames = run(loop_of(scene))
    assert (episode.ticks, episode.success, episode.reward) == (3, True, 1.0)
    assert [frame.reward for frame in frames] == [0, 0, 1]
    assert (frames[-1].terminated, frames[-1].truncated) == (True, False)


def test_an_emergency_stop_halts_the_arm_before_anything_else_in_its_tick(scene: Scene) -> None:
    scene.samples[3] = replace(NO_INPUT, emergency_stop=True)
    episode, frames = run(loop_of(scene))
    assert scene.halted == "emergency stop"
    third = scene.calls[[i for i, call in enumerate(scene.calls) if call == "poll"][2] :]
    assert third[:2] == ["poll", "halt"]
    assert (episode.ticks, episode.stop, frames[-1].truncated) == (3, True, True)


@pytest.mark.parametrize(
    ("asked", "halted"), [("stop", None), ("emergency_stop", "emergency stop")]
)
def test_a_stop_counts_on_the_way_to_the_reset_pose_too(
    scene: Scene, asked: str, halted: str | None
) -> None:
    scene.joints = scene.target = RESET_POSE + 90
    scene.between[4] = replace(NO_INPUT, **{asked: True})  # the first is before the way
    scene.samples[1] = replace(NO_INPUT, stop=True)  # as the session will say from then on
    episode, _ = run(loop_of(scene))
    assert scene.calls[: scene.calls.index("reset 7")].count("command") == 2
    assert scene.halted == halted
    assert episode.stop


def test_a_goal_that_the_arm_did_not_take_is_not_chased_later(scene: Scene) -> None:
    """The next tick starts from what was sent, and the gripper from what it was told."""
    scene.shift = 3.0
    goals: list[Goal] = []

    def note(transition: Transition) -> Transition:
        goals.append(transition.command.goal)
        return transition

    run(loop_of(scene, last={"note": note}))
    for tick, goal in enumerate(goals[1:], 1):
        np.testing.assert_array_equal(goal.joints[:GRIPPER], tick - 3)
        assert goal.joints[GRIPPER] == tick
    scene.shift = 0.25  # rounding is no such thing
    goals.clear()
    run(loop_of(scene, last={"note": note}))
    assert [goal.joints[0] for goal in goals[1:]] == [1, 2, 3, 4, 5]


def test_every_sink_gets_every_frame_and_each_section_is_timed(scene: Scene) -> None:
    loop, first, second = loop_of(scene), [], []
    loop.episode(7, [first.append, second.append])
    assert [frame.tick for frame in first] == [1, 2, 3, 4, 5]
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert {name: len(times) for name, times in loop.watch.sections.items()} == dict.fromkeys(
        (
            "policy",
            "teleop",
            "action steps",
            "robot.command",
            "wait",
            "robot.read",
            "env steps",
            "hand-over",
        ),
        5,
    )


# a pause

PAUSED = replace(NO_INPUT, paused=True)


def test_a_pause_takes_no_ticks_and_leaves_no_frames_and_then_looks_again(scene: Scene) -> None:
    scene.samples = {3: PAUSED, 4: PAUSED, 5: PAUSED}
    loop = loop_of(scene)
    episode, frames = run(loop)
    assert (episode.ticks, scene.polls) == (5, 8)
    assert [frame.tick for frame in frames] == [1, 2, 3, 4, 5]
    assert [frame.after_pause for frame in frames] == [False, False, True, False, False]
    held = scene.targets[-6:-3]
    assert [float(target[0]) for target in held] == [2, 2, 2]  # where tick 2 had told it to be
    before, after = frames[1], frames[2]
    stamps = before.reading.stamp, after.reading.stamp
    assert stamps[1] == pytest.approx(stamps[0] + 4 / 10)  # seen at the pause's end
    assert after.observation is not before.next_observation


def test_the_phase_is_there_for_who_looks_on(scene: Scene) -> None:
    scene.samples = {2: PAUSED, 3: PAUSED}
    loop, phases = loop_of(scene), []

    def command(target: F32) -> F32:
        phases.append(loop.phase)
        return Scene.command(scene, target)

    assert loop.phase == "reset"
    scene.joints = scene.target = RESET_POSE + 90
    scene.command = command  # type: ignore[method-assign]
    run(loop)
    ticks = phases[phases.index("acting") :]
    assert ticks == ["acting", "paused", "paused", *["acting"] * 4]
    assert set(phases[: phases.index("acting")]) == {"reset"}


@pytest.mark.parametrize("verdict", ["success", "failure", "rerecord", "stop", "emergency_stop"])
def test_a_verdict_in_a_pause_counts_at_once(scene: Scene, verdict: str) -> None:
    scene.samples = {3: PAUSED, 4: replace(PAUSED, **{verdict: True})}
    loop = loop_of(scene)
    episode, frames = run(loop)
    assert (episode.ticks, scene.polls) == (3, 4)
    assert getattr(episode, verdict, None) in (True, None)
    assert frames[-1].done


def test_a_pause_on_the_way_to_the_reset_pose_holds_the_arm_there(scene: Scene) -> None:
    scene.joints = scene.target = RESET_POSE + 90
    scene.between = dict.fromkeys((4, 5, 6), PAUSED)
    run(loop_of(scene))
    on_the_way = [float(target[0] - RESET_POSE[0]) for target in scene.targets[:7]]
    assert on_the_way[1:5] == [on_the_way[1]] * 4
    assert on_the_way[5] < on_the_way[4]


def test_what_was_pressed_before_an_episode_is_gone(scene: Scene) -> None:
    """Even if the arm is at its reset pose already, and nothing else polls."""
    run(loop_of(scene))
    assert scene.idles >= 1


# an episode


@pytest.mark.parametrize(
    ("seconds", "fps", "ticks"), [(0.5, 10, 5), (1.0, 30, 30), (0.33, 10, 3), (2.0, 7, 14)]
)
def test_an_episode_lasts_exactly_control_time(
    scene: Scene, seconds: float, fps: float, ticks: int
) -> None:
    episode, frames = run(loop_of(scene, control_time_s=seconds, fps=fps))
    assert episode.ticks == len(frames) == ticks
    assert [frame.truncated for frame in frames] == [False] * (ticks - 1) + [True]
    assert scene.now - scene.reset_at == pytest.approx(ticks / fps)


def test_an_episode_counts_takeovers_and_ticks_by_hand(scene: Scene) -> None:
    held = replace(NO_INPUT, intervening=True, action=np.float32([9, 9, 9, 1]))
    scene.samples = dict.fromkeys((1, 2, 5, 8, 9, 10), held)
    episode, frames = run(loop_of(scene, control_time_s=1.0))
    assert (episode.intervention_ticks, episode.takeovers, episode.ticks) == (6, 3, 10)
    is_intervention = [frame.tick for frame in frames if frame.is_intervention]
    assert is_intervention == [1, 2, 5, 8, 9, 10]
    assert [frame.tick for frame in frames if frame.action[0] == 9] == is_intervention
    assert episode == Episode(
        seed=7,
        ticks=10,
        reward=0.0,
        success=False,
        intervention_ticks=6,
        takeovers=3,
        rerecord=False,
    )


def test_the_return_is_the_sum_of_rewards(scene: Scene) -> None:
    scene.samples = dict.fromkeys((2, 3, 5), replace(NO_INPUT, success=True))
    episode, _ = run(loop_of(scene, terminate_on_success=False))
    assert (episode.reward, episode.ticks) == (3.0, 5)


def test_a_success_on_the_way_counts(scene: Scene) -> None:
    scene.samples = {2: replace(NO_INPUT, success=True)}
    episode, frames = run(loop_of(scene, terminate_on_success=False))
    assert (episode.success, episode.ticks) == (True, 5)
    assert [frame.success for frame in frames] == [False, True, False, False, False]


def test_a_rerecorded_episode_says_so(scene: Scene) -> None:
    scene.samples[2] = replace(NO_INPUT, rerecord=True)
    episode, frames = run(loop_of(scene))
    assert (episode.rerecord, episode.ticks) == (True, 2)
    assert (frames[-1].truncated, frames[-1].terminated) == (True, False)


def test_a_stop_ends_the_episode_at_the_next_tick(scene: Scene) -> None:
    episode, frames = run(loop_of(scene, stop=lambda: scene.polls >= 3, control_time_s=9.0))
    assert episode.ticks == len(frames) == 3
    assert [frame.truncated for frame in frames] == [False, False, True]
    assert not any(frame.terminated for frame in frames)
    assert not episode.success


def test_a_stop_on_the_way_to_the_reset_pose_ends_the_way_and_the_episode(scene: Scene) -> None:
    scene.joints = scene.target = RESET_POSE + 60
    episode, frames = run(loop_of(scene, stop=lambda: scene.now > 50.35, reset_speed=60.0))
    assert (episode.stop, len(frames)) == (True, 1)
    assert len(scene.targets) == 5  # of the 10 of the whole way, and the tick's own


def test_a_stop_while_resetting_ends_the_waiting_and_the_episode(scene: Scene) -> None:
    episode, frames = run(loop_of(scene, stop=lambda: scene.now > 51, reset_time_s=60.0))
    assert scene.reset_at < 51.2
    assert (episode.ticks, frames[-1].truncated) == (1, True)


def test_between_two_episodes_the_arm_can_be_held_where_it_is_and_a_stop_counts(
    scene: Scene,
) -> None:
    loop = loop_of(scene, control_time_s=0.3)
    loop.hold()  # before the first one a simulated arm has no need
    assert not scene.targets
    run(loop)
    sent, scene.calls, scene.idles = len(scene.targets), [], 0
    scene.between = {2: replace(NO_INPUT, emergency_stop=True)}
    for _ in range(3):
        loop.hold()
    assert scene.calls == ["command", "sleep", "halt", "command", "sleep", "command", "sleep"]
    assert [set(target) for target in scene.targets[sent:]] == [set(scene.targets[sent - 1])] * 3
    assert scene.halted == "emergency stop"
    scene.between = {}
    assert run(loop)[0].emergency_stop


def test_before_the_first_episode_a_real_arm_is_held_where_it_stands(scene: Scene) -> None:
    """Or its watchdog lets it down: the policy may learn from a dataset first."""
    scene.joints, scene.shift = RESET_POSE + 7, 1.0
    scene.spec = replace(scene.spec, real_time=True)
    loop = loop_of(scene)
    for _ in range(3):
        loop.hold()
        scene.joints = scene.joints - 1  # it sags
    assert [set(target) for target in scene.targets] == [set(RESET_POSE + 7)] * 3


def test_two_episodes_know_nothing_of_each_other(scene: Scene) -> None:
    loop = loop_of(scene)
    (first, _), (second, frames) = run(loop, seed=1), run(loop, seed=2)
    assert (first.ticks, second.ticks) == (5, 5)
    assert (first.seed, second.seed) == (1, 2)
    assert frames[0].tick == 1
    np.testing.assert_array_equal(frames[0].observation["observation.state"], RESET_POSE)


# resetting


@pytest.mark.parametrize(("fps", "speed"), [(10, 60), (30, 60), (10, 7.5)])
def test_the_way_to_the_reset_pose_keeps_its_speed_limit(
    scene: Scene, fps: float, speed: float
) -> None:
    scene.joints = scene.target = RESET_POSE + np.float32([90, -40, 10, 0, 1, -60])
    start = scene.joints
    loop_of(scene, fps=fps, reset_speed=speed).reset(7)
    way = np.stack([start, *scene.targets])
    assert np.abs(np.diff(way, axis=0)).max() <= speed / fps * 1.001
    np.testing.assert_array_equal(way[-1], RESET_POSE)
    assert len(scene.targets) == np.ceil(90 / (speed / fps))  # and no slower than need be
    assert scene.now - 50 == pytest.approx(len(scene.targets) / fps)


joints = st.lists(st.floats(-180, 180, width=32), min_size=6, max_size=6)


@SLOW
@given(joints, joints, st.floats(0.5, 30))
def test_a_ramp_is_bounded_even_and_ends_where_it_should(
    start: list[float], end: list[float], step: float
) -> None:
    first, last = np.array(start, np.float32), np.array(end, np.float32)
    way = np.stack([first, *ramp(first, last, step)])
    assert np.abs(np.diff(way, axis=0)).max(initial=0.0) <= step + 1e-4
    np.testing.assert_allclose(way[-1], last, atol=1e-4)
    assert way.dtype == np.float32


def test_a_ramp_of_no_length_sends_nothing() -> None:
    assert list(ramp(RESET_POSE, RESET_POSE, 1.0)) == []


@pytest.mark.parametrize("reset_time_s", [0.0, 0.3, 1.0])
def test_the_reset_takes_its_time_when_paced_holding_the_reset_pose(
    scene: Scene, reset_time_s: float
) -> None:
    loop_of(scene, reset_time_s=reset_time_s).reset(7)
    assert reset_time_s <= scene.reset_at - 50 + 1e-6 < reset_time_s + 0.1001
    for target in scene.targets:
        np.testing.assert_array_equal(target, RESET_POSE)


def test_a_ramp_counts_towards_the_reset_time(scene: Scene) -> None:
    scene.joints = scene.target = RESET_POSE + 60  # a second's way
    loop_of(scene, reset_time_s=0.5).reset(7)
    assert scene.reset_at - 50 == pytest.approx(1.0)


def test_the_operator_ends_the_reset_when_ready(scene: Scene) -> None:
    scene.between[5] = replace(NO_INPUT, ready=True)
    loop_of(scene, reset_time_s=30.0).reset(7)
    assert scene.reset_at - 50 == pytest.approx(0.4)


def test_an_episode_waits_until_the_operator_is_ready_however_long(scene: Scene) -> None:
    phases: list[str] = []
    loop = loop_of(scene, stop=lambda: bool(phases.append(loop.phase)))
    scene.between[300] = replace(NO_INPUT, ready=True)
    asked: list[int] = []
    episode = loop.episode(7, ask=lambda: asked.append(scene.idles))
    assert asked == [1]
    assert (scene.idles, scene.reset_at - 50) == (300, pytest.approx(29.9))
    assert phases[2:300] == ["ready"] * 298
    assert episode.ticks == 5


def test_a_stop_ends_the_wait_for_an_operator(scene: Scene) -> None:
    scene.between[9] = replace(NO_INPUT, stop=True)
    episode = loop_of(scene).episode(7, ask=lambda: None)
    assert (episode.stop, scene.idles) == (True, 9)


def test_whoever_looks_on_sees_what_the_cameras_see_amid_a_reset(scene: Scene) -> None:
    def read() -> Reading:
        return Reading(RESET_POSE, stamp=scene.now, images={"front": picture(scene.now)})

    def picture(now: float) -> Any:
        return np.full((2, 2, 3), round((now - 50) * 10), np.uint8)

    scene.read = read  # type: ignore[method-assign]
    shown: list[int] = []
    loop = loop_of(
        scene,
        stop=lambda: bool(shown.extend(i[0, 0, 0] for i in loop.images.values())),
        reset_time_s=1.0,
    )
    loop.reset(7)
    assert shown == list(range(10))


def test_the_reset_time_is_ignored_when_not_paced(scene: Scene) -> None:
    scene.joints = scene.target = RESET_POSE + 60
    episode, _ = run(loop_of(scene, reset_time_s=30.0, paced=False))
    assert scene.now == 50.0
    assert "sleep" not in scene.calls
    assert len(scene.targets) == 10 + episode.ticks


@pytest.mark.parametrize("paced", [True, False])
def test_an_episode_goes_ahead_of_other_programs_where_it_is_paced(
    scene: Scene, paced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels, asked = list[int](), list[int]()

    @contextmanager
    def urgent(level: int) -> Iterator[bool]:
        levels.append(level)
        yield True
        levels.append(USUAL)

    monkeypatch.setattr(rate, "urgent", urgent)
    loop = loop_of(scene, lambda: asked.append(levels[-1]) or False, paced=paced)
    for _ in range(2):
        run(loop)
    wanted = LOOP if paced else USUAL
    assert set(asked) == {wanted}
    assert levels == 2 * [wanted, USUAL]


def test_the_episode_starts_on_a_fresh_schedule(scene: Scene) -> None:
    """However long the scene takes to be set, the first tick is a whole one and not late."""
    slow, loop = scene.reset, loop_of(scene)

    def take_time(seed: int) -> None:
        slow(seed)
        scene.now += 0.27

    scene.reset = take_time  # type: ignore[method-assign]
    run(loop)
    assert max(loop.rate.lateness) == pytest.approx(0, abs=1e-9)
    assert scene.now == pytest.approx(50 + 0.27 + 0.5)


# what goes wrong


def test_an_exception_in_a_step_comes_out_with_its_note(scene: Scene) -> None:
    def broken(transition: Transition) -> Transition:
        if transition.command.tick == 2:
            raise ZeroDivisionError("on purpose")
        return transition

    frames: list[Frame] = []
    with pytest.raises(ZeroDivisionError, match="on purpose") as caught:
        loop_of(scene, last={"broken": broken}).episode(7, [frames.append])
    assert caught.value.__notes__ == ["in step 'broken' of the env pipeline"]
    assert [frame.tick for frame in frames] == [1]  # the frames before it were handed over


def test_a_lost_robot_comes_out_as_it_is(scene: Scene) -> None:
    def lost(_target: F32) -> F32:
        raise RobotError("the bus is silent")

    scene.command = lost  # type: ignore[method-assign]
    with pytest.raises(RobotError, match="the bus is silent"):
        run(loop_of(scene))


# on the twin


ROBOTS = {"so100": SO100SimConfig(), "so101": SO101SimConfig()}
each_robot = pytest.mark.parametrize("robot", ROBOTS)


class Wild(NoPolicy):
    """A policy that does anything at all, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def act(self, observation: Any) -> F32:  # noqa: ARG002
        return np.append(self._random.uniform(-1, 1, 3), self._random.integers(3)).astype("f4")


def on_the_twin(robot: str, policy: Any, episodes: int = 2, **env: Any) -> Iterator[Any]:
    """(episode, frames) of each episode, free-running with nobody at the controls."""
    config = RunConfig(robot=ROBOTS[robot], env=EnvConfig(paced=False, **env))
    with make_robot(config) as twin:
        loop = Assembly(config, robot=twin).loop(NoTeleop(), policy, stop=lambda: False)
        for seed in range(episodes):
            yield run(loop, seed)


@each_robot
@pytest.mark.parametrize(("seconds", "fps", "ticks"), [(2.0, 10, 20), (0.5, 30, 15)])
def test_the_twin_keeps_control_time_to_the_tick(
    robot: str, seconds: float, fps: float, ticks: int
) -> None:
    for episode, frames in on_the_twin(robot, NoPolicy(), control_time_s=seconds, fps=fps):
        assert episode.ticks == len(frames) == ticks
        assert (frames[-1].truncated, frames[-1].terminated) == (True, False)


@each_robot
def test_the_twin_never_jumps_whatever_the_policy_wants(robot: str) -> None:
    """Trap 16 too: the first command counts from where the arm stands after the reset."""
    for _, frames in on_the_twin(robot, Wild(1), episodes=5):
        joints = np.stack(
            [frames[0].observation["observation.state"][:6], *[f.sent for f in frames]]
        )
        steps = np.abs(np.diff(joints, axis=0))[:, :5]
        assert steps.max() <= 35.0 + 1e-3
        assert np.median(steps.max(axis=1)) > 1.0  # it does move
        np.testing.assert_allclose(joints[0], ROBOTS[robot].reset_pose, atol=1e-3)


@each_robot
def test_the_twin_repeats_itself_bit_for_bit(robot: str) -> None:
    def bits() -> list[bytes]:
        return [
            frame.next_observation[key].tobytes() + frame.sent.tobytes()
            for _, frames in on_the_twin(robot, Wild(3))
            for frame in frames
            for key in sorted(frame.next_observation)
        ]

    assert bits() == bits()


@each_robot
def test_the_twin_shows_an_action_in_the_very_next_observation(robot: str) -> None:
    """Trap 15 on a twin with physics: most of a commanded step is there one tick later."""

    class Forward(NoPolicy):
        def act(self, observation: Any) -> F32:  # noqa: ARG002
            return np.float32([0, 1, 0, 1])

    for _, frames in on_the_twin(robot, Forward(), control_time_s=0.5):
        pan = [frames[0].observation["observation.state"][0], *[f.sent[0] for f in frames]]
        for before, frame in zip(pan, frames, strict=False):
            moved = frame.next_observation["observation.state"][0] - before
            assert abs(moved) > 0.5 * abs(frame.sent[0] - before) > 0.5
