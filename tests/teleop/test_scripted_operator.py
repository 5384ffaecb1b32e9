"""The scripted operator: an oracle that succeeds, and a watcher that takes over like a human."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from configs.env import EnvConfig
from configs.processor import ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from configs.run import RunConfig
from configs.teleop import InterventionConfig, ScriptedTeleopConfig
from hil_app.build.assembly import Assembly
from hil_app.build.robots import make_robot
from hil_app.control.policy import NoPolicy
from hil_app.recording.frames import Frame
from robots.base import F32, Truth
from teleop.base import NEUTRAL, STAY
from teleop.no_teleop import NoTeleop
from teleop.oracles.base import Stick
from teleop.oracles.pick_lift import PickLiftOracle
from teleop.oracles.reach import ReachOracle
from teleop.scripted import ScriptedTeleop, Watcher

CONFIG = InterventionConfig(
    free_s=2.0,
    stall_s=1.5,
    reaction_s=0.3,
    min_progress=0.005,
    max_s=1.0,
    enough_progress=0.03,
    max_share=0.5,
)
STICK = Stick(np.array([0.02, 0.02, 0.02], np.float32), fps=10)
LIFT = PickLiftOracle(STICK, closed=0.0, open=45.0)


def truth(tick: int, made: float = 0.0, *, episode: int = 1, gripper: float = 40.0) -> Truth:
    """A world in which the progress is ``made``: an object on the floor, the tip above it."""
    tip = np.array([0.2, 0.0, -made], np.float32)
    place = np.array([0.2, 0.0, 0.0], np.float32)
    return Truth(episode, tick, tip, gripper, {"object": place}, success=False)


def teleop(
    watcher: Watcher, made: Callable[[int], float] = lambda _: -0.1, ticks: int = 100, **facts: Any
) -> list[int]:
    """The ticks in which the operator acts, when the progress at each tick is ``made(tick)``."""
    return [t for t in range(ticks) if watcher.intervenes(truth(t, made(t), **facts))]


def changed(**changes: Any) -> Watcher:
    config = CONFIG.model_copy(update=changes)
    return Watcher(config, 100, LIFT.progress, np.random.default_rng(0), fps=10.0)


def blocks(ticks: Iterable[int]) -> list[tuple[int, int]]:
    """(first, length) of each unbroken run of ticks."""
    found: list[tuple[int, int]] = []
    for tick in ticks:
        if found and sum(found[-1]) == tick:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((tick, 1))
    return found


def test_the_made_up_world_makes_the_progress_it_is_asked_for() -> None:
    assert LIFT.progress(truth(0, -0.07)) == pytest.approx(-0.07)


# the watcher


def test_a_stall_brings_the_operator_after_free_time_and_reaction_for_max_s() -> None:
    first = blocks(teleop(changed()))[0]
    assert first == (20 + 3, 10)


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"free_s": 0}, 15 + 3),  # then the stall decides
        ({"free_s": 4.0}, 40 + 3),
        ({"free_s": 0, "stall_s": 0.4}, 4 + 3),
        ({"reaction_s": 0}, 20),
        ({"reaction_s": 0.9}, 20 + 9),
    ],
)
def test_when_the_operator_first_takes_over(changes: dict[str, int], first: int) -> None:
    assert teleop(changed(**changes))[0] == first


def test_progress_keeps_the_operator_away_and_too_little_of_it_does_not() -> None:
    assert teleop(changed(), lambda tick: -1 + 0.0051 * (tick // 10)) == []
    assert teleop(changed(), lambda tick: -1 + 0.0001 * tick)[0] == 23
    # back and forth below the best is no progress
    assert teleop(changed(), lambda tick: -1 + 0.004 * (tick % 2))[0] == 23


def test_a_stall_counts_from_the_last_new_best() -> None:
    assert teleop(changed(), lambda tick: -0.1 if tick < 30 else -0.05)[:1] == [23]
    free_until_12 = teleop(changed(), lambda tick: -0.1 if tick < 12 else -0.05)
    assert free_until_12[0] == 12 + 15 + 3


def test_progress_during_the_reaction_delay_cancels_the_take_over() -> None:
    def made(tick: int) -> float:
        return -0.1 if tick < 22 else -0.09  # decided at 20, the hand would be there at 23

    assert teleop(changed(), made)[0] == 22 + 15 + 3


def test_the_operator_lets_go_after_enough_progress_and_watches_anew() -> None:
    def made(tick: int) -> float:
        return -0.1 if tick <= 25 else -0.06  # 4 cm gained in the third tick on the stick

    acted = blocks(teleop(changed(), made))
    assert acted[0] == (23, 3)
    assert acted[1][0] == 26 + 15 + 3


def test_take_overs_are_apart_by_stall_and_reaction() -> None:
    watcher = changed(max_share=1.0)
    assert blocks(teleop(watcher, ticks=90)) == [(23, 10), (33 + 18, 10), (61 + 18, 10)]


@pytest.mark.parametrize(("share", "budget"), [(0.5, 50), (0.25, 25), (0.07, 7), (0.0, 0)])
def test_the_operator_never_takes_more_than_the_share_of_the_longest_episode(
    share: float, budget: int
) -> None:
    eager = changed(max_share=share, free_s=0, stall_s=0.1, reaction_s=0)
    assert len(teleop(eager, ticks=100)) == budget


def test_a_new_episode_starts_from_nothing() -> None:
    used_up = changed(max_share=0.1)
    assert blocks(teleop(used_up)) == [(23, 10)]
    assert blocks(teleop(used_up, episode=2)) == [(23, 10)]
    # also when the last one ended in the middle of a take-over, or shortly before one
    for cut in (22, 23, 28):
        watcher = changed()
        teleop(watcher, ticks=cut)
        assert blocks(teleop(watcher, episode=2))[0] == (23, 10)


def test_a_watcher_is_deterministic() -> None:
    def made(tick: int) -> float:
        return float(np.sin(tick / 7)) / 10

    assert teleop(changed(), made) == teleop(changed(), made) != []


# the operator


def scripted(world: list[Truth], *, seed: int = 5, noise: float = 0.1, **options: Any) -> Any:
    """A scripted operator who sees these worlds one after the other."""
    seen = iter(world)
    given_up = {"gives_up_beyond": options.pop("gives_up_beyond", 0.02)}
    config = ScriptedTeleopConfig(noise=noise, intervention=CONFIG, **given_up)
    box = (np.float32([0.1, -0.1, 0.0]), np.float32([0.3, 0.1, 0.1]))
    options = {"demonstrating": True, "max_ticks": 100, "fps": 10.0, "workspace": box, **options}
    return ScriptedTeleop(config, lambda: next(seen), ReachOracle(STICK), seed=seed, **options)


WORLD = [truth(tick, -0.01 * (tick % 3)) for tick in range(60)]


def acts(**options: Any) -> list[F32]:
    with scripted(WORLD, **options) as operator:
        return [operator.read().action for _ in WORLD]


def test_the_same_seed_gives_the_same_actions_bit_for_bit() -> None:
    first, again, other = acts(seed=5), acts(seed=5), acts(seed=6)
    assert np.stack(first).tobytes() == np.stack(again).tobytes() != np.stack(other).tobytes()


def test_without_noise_the_operator_acts_as_the_oracle() -> None:
    for act, world in zip(acts(noise=0.0), WORLD, strict=True):
        np.testing.assert_array_equal(act, ReachOracle(STICK)(world))


def test_noise_shakes_the_stick_within_its_range_and_never_the_gripper() -> None:
    shaken = np.stack(acts(noise=0.3)) - np.stack(acts(noise=0.0))
    assert 0.1 < shaken[:, :2].std() < 0.5  # z is mostly at its stop
    assert (np.abs(np.stack(acts(noise=1.0))[:, :3]) <= 1.0).all()
    assert (np.stack(acts(noise=1.0))[:, 3] == STAY).all()
    assert all(act.dtype == np.float32 for act in acts())


def test_a_demonstrator_always_holds_the_stick_and_a_watcher_only_at_times() -> None:
    operator = scripted(WORLD)
    assert all(operator.read().intervening for _ in WORLD)
    operator = scripted([truth(tick) for tick in range(60)], demonstrating=False)
    samples = [operator.read() for _ in range(60)]
    held = [tick for tick, sample in enumerate(samples) if sample.intervening]
    assert blocks(held)[0] == (23, 10)
    for sample in samples:
        assert sample.intervening or sample.action is NEUTRAL
        assert not any((sample.success, sample.failure, sample.rerecord, sample.stop))


@pytest.mark.parametrize("demonstrating", [True, False])
@pytest.mark.parametrize(
    ("place", "failure"),
    [
        ((0.319, 0.119, 0.0), False),  # 19 mm outside, in x and in y
        ((0.321, 0.0, 0.0), True),
        ((0.079, 0.0, 0.0), True),
        ((0.2, 0.121, 0.0), True),
        ((0.2, -0.121, 0.0), True),
        ((0.2, 0.0, 0.5), False),  # high in the gripper is not out of reach
    ],
)
def test_the_operator_gives_up_on_an_object_out_of_reach(
    place: Any, failure: bool, demonstrating: bool
) -> None:
    world = Truth(
        1, 5, np.float32([0.2, 0, 0.05]), 40.0, {"object": np.float32(place)}, success=False
    )
    assert scripted([world], demonstrating=demonstrating).read().failure is failure
    assert scripted([world], gives_up_beyond=None).read().failure is False


def test_neutral_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        NEUTRAL[0] = 1.0


def test_no_teleop_never_asks_for_anything() -> None:
    with NoTeleop() as nobody:
        sample = nobody.read()
    np.testing.assert_array_equal(sample.action, [0, 0, 0, STAY])
    asked = (sample.intervening, sample.success, sample.failure, sample.rerecord, sample.stop)
    assert asked == (False,) * 5


# the oracle


@pytest.mark.parametrize(
    ("offset", "action"),
    [
        ((0.5, 0, 0), (1, 0, 0, STAY)),
        ((0, -0.01, 0), (0, -0.5, 0, STAY)),
        ((0, 0, 0.015), (0, 0, 0.75, STAY)),
        ((0, 0, 0), (0, 0, 0, STAY)),
    ],
)
def test_reach_goes_straight_and_no_further(offset: Any, action: Any) -> None:
    tip = np.array([0.2, 0.0, 0.05], np.float32)
    goal = tip + np.array(offset, np.float32)
    world = Truth(1, 0, tip, 40.0, {"object": goal}, success=False)
    np.testing.assert_allclose(ReachOracle(STICK)(world), action, atol=1e-5)


def test_the_oracle_never_says_stay_while_picking() -> None:
    """The same situation always has the same answer, so that it can be imitated."""
    rng = np.random.default_rng(0)
    oracle = PickLiftOracle(STICK, closed=0.0, open=45.0)
    for tick in range(500):
        tip, cube = rng.uniform((0.14, -0.1, 0.01), (0.31, 0.1, 0.1), (2, 3)).astype(np.float32)
        act = oracle(
            Truth(1, tick, tip, float(rng.uniform(0, 45)), {"object": cube}, success=False)
        )
        assert act[3] != STAY
        assert (np.abs(act[:3]) <= 1).all()


ROBOTS = {"so100": SO100SimConfig, "so101": SO101SimConfig}


@pytest.mark.parametrize("task", ["pick_lift", "reach"])
@pytest.mark.parametrize("robot", ROBOTS)
def test_the_demonstrator_succeeds(robot: str, task: Any) -> None:
    config = RunConfig(robot=ROBOTS[robot](task=task), env=EnvConfig(paced=False))
    frames: list[Frame] = []
    with make_robot(config) as twin:
        parts = Assembly(config, robot=twin)
        operator = parts.teleop("always")
        loop = parts.loop(operator, NoPolicy(), stop=lambda: False)
        episodes = [loop.episode(seed, [frames.append]) for seed in range(100)]
    assert sum(episode.success for episode in episodes) >= 98
    assert all(frame.is_intervention for frame in frames)
    assert all(episode.takeovers == 1 for episode in episodes)
    assert all(episode.intervention_ticks == episode.ticks for episode in episodes)
    assert np.mean([episode.ticks for episode in episodes]) < 25


@pytest.mark.parametrize(("fps", "step"), [(5, 0.02), (20, 0.01), (30, 0.007)])
def test_the_demonstrator_succeeds_at_any_rate(fps: float, step: float) -> None:
    """The arm follows with a lag of some ticks at a high rate; the operator must not outrun it."""
    processor = ProcessorConfig(step_size=(step, step, step))
    config = RunConfig(env=EnvConfig(fps=fps, paced=False), processor=processor)
    with make_robot(config) as twin:
        parts = Assembly(config, robot=twin)
        operator = parts.teleop("always")
        loop = parts.loop(operator, NoPolicy(), stop=lambda: False)
        episodes = [loop.episode(seed) for seed in range(30)]
    assert sum(episode.success for episode in episodes) >= 29
