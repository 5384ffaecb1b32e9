"""Episode after episode: what counts, what is drawn again, and what ends a stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from hil_app.control.episodes import run_episodes
from hil_app.control.loop import Ask, Sink
from hil_app.control.monitor import Stage
from hil_app.control.outcomes import Episode


def an_episode(seed: int, **facts: Any) -> Episode:
    usual = {"ticks": 5, "reward": 1.0, "success": True, "intervention_ticks": 0, "takeovers": 0}
    return Episode(**{"seed": seed, "rerecord": False, **usual, **facts})


class Loop:
    """Has five ticks an episode, of which some are thrown away, and some cut short."""

    def __init__(self, stop: Callable[[], bool] = lambda: False, **odd: dict[str, bool]) -> None:
        self.stop, self._odd, self.seeds = stop, odd, list[int]()
        self.waited = list[bool]()

    def episode(self, seed: int, sinks: Sequence[Sink], *, ask: Ask | None) -> Episode:
        self.seeds.append(seed)
        self.waited.append(ask is not None)
        for tick in range(1, 6):
            frame: Any = SimpleNamespace(
                tick=tick, weights_version=0, reading=SimpleNamespace(ages={})
            )
            for sink in sinks:
                sink(frame)
        return an_episode(seed, **self._odd.get(f"number_{len(self.seeds)}", {}))


def stage_of(loop: Loop, goal: float, unit: str = "episodes") -> Stage:
    return Stage("train", goal, unit, loop)  # type: ignore[arg-type]


def seeds(count: int) -> int:
    return 100 + count


@pytest.mark.parametrize(("goal", "unit"), [(3, "episodes"), (11, "ticks")])
def test_a_stage_ends_at_its_goal_with_a_whole_episode(goal: int, unit: str) -> None:
    stage, frames = stage_of(Loop(), goal, unit), list[Any]()
    assert [e.seed for e in run_episodes(stage, seeds, [frames.append])] == [100, 101, 102]
    assert (stage.ticks, len(frames), len(stage.finished)) == (15, 15, 3)


def test_what_is_thrown_away_does_not_count_and_is_done_again_in_the_same_scene() -> None:
    loop = Loop(number_2={"rerecord": True})
    stage = stage_of(loop, 3)
    ended = list(run_episodes(stage, seeds))
    assert loop.seeds == [100, 101, 101, 102]
    assert [e.rerecord for e in ended] == [False, True, False, False]
    assert [e.seed for e in stage.episodes] == [100, 101, 102]
    assert (stage.thrown_away, stage.cut_short) == (1, 0)


def test_a_stop_in_an_episode_ends_the_stage_without_counting_it() -> None:
    loop = Loop(number_2={"stop": True})
    stage = stage_of(loop, 9)
    assert [e.stop for e in run_episodes(stage, seeds)] == [False, True]
    assert (len(stage.finished), stage.thrown_away, stage.cut_short) == (1, 0, 1)


def test_only_what_counts_brings_a_stage_nearer_to_its_goal_and_each_has_a_scene_of_its_own() -> (
    None
):
    failed = {"success": False}
    loop = Loop(number_1=failed, number_3=failed, number_4=failed)
    stage = Stage("demonstrate", 2, "episodes", loop, lambda episode: episode.success)  # type: ignore[arg-type]
    in_a_row = [stage.failed_in_a_row for _ in run_episodes(stage, seeds)]
    assert loop.seeds == [100, 101, 102, 103, 104]
    assert in_a_row == [1, 0, 1, 2, 0]
    assert (stage.done, stage.progress) == (2, "2 of 2, 3 failed")


def test_an_episode_waits_for_the_operator_when_it_is_to() -> None:
    loop, answers = Loop(), iter([print, None, print])
    list(run_episodes(stage_of(loop, 3), seeds, gate=lambda: next(answers)))
    assert loop.waited == [True, False, True]


def test_no_episode_begins_once_the_loop_is_to_stop() -> None:
    stage = stage_of(Loop(stop=lambda: len(stage.finished) >= 2), 9)
    assert len(list(run_episodes(stage, seeds))) == 2
    stopped = stage_of(Loop(stop=lambda: True), 9)
    assert list(run_episodes(stopped, seeds)) == []


def test_the_next_episode_waits_for_whoever_asked_for_the_last() -> None:
    loop = Loop()
    episodes = run_episodes(stage_of(loop, 9), seeds)
    next(episodes)
    assert loop.seeds == [100]
