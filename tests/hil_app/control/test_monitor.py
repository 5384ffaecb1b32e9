"""What a run has come to: counts, shares and times."""

from types import SimpleNamespace

import pytest
from sample_runs import a_loop, an_episode, ended

from hil_app.control.monitor import Monitor, Stage
from hil_app.control.outcomes import RECENT, TRAIN, by_share, intervention_fraction, success_rate


def a_frame(tick, version=0):
    return SimpleNamespace(tick=tick, weights_version=version, reading=SimpleNamespace(ages={}))


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("hil_app.control.monitor.time", clock)
    return clock


def test_success_counts_episodes():
    assert success_rate([]) == 0.0
    assert success_rate([an_episode(success=s) for s in (True, False, False, True)]) == 0.5


def test_interventions_count_ticks_whatever_the_length_of_the_episodes():
    assert intervention_fraction([]) == 0.0
    episodes = [
        an_episode(2, intervention_ticks=2),
        an_episode(8, intervention_ticks=0),
        an_episode(10, intervention_ticks=3),
    ]
    assert intervention_fraction(episodes) == 0.25


def test_shares_are_equal_in_ticks_and_take_episodes_by_their_end():
    shares = by_share(ended(10, 25, 50, 51, 80, 100), 4)
    assert [[e.ticks for e in share] for share in shares] == [[10, 15], [25], [1], [29, 20]]
    assert by_share([], 3) == [[], [], []]


def test_one_long_episode_leaves_the_other_shares_empty():
    assert [len(share) for share in by_share(ended(100), 4)] == [0, 0, 0, 1]


def test_a_stage_counts_ticks_and_episodes_in_the_unit_of_its_goal():
    stages = [Stage(TRAIN, 30, unit, a_loop()) for unit in ("ticks", "episodes")]
    for stage in stages:
        for tick, version in ((1, 0), (2, 5), (3, 6)):
            stage.frame(a_frame(tick, version))
        stage.end(an_episode(3))
        stage.frame(a_frame(1, 7))
        assert (stage.ticks, stage.episode_ticks, stage.version) == (4, 1, 7)
        assert [(f.tick, f.episode.ticks) for f in stage.finished] == [(3, 3)]
    assert [stage.done for stage in stages] == [4, 1]


def test_recent_looks_back_on_the_last_episodes():
    stage = Stage(TRAIN, 30, "ticks", a_loop())
    for ticks in range(1, RECENT + 6):
        stage.end(an_episode(ticks))
    assert [episode.ticks for episode in stage.recent] == list(range(6, RECENT + 6))


def test_the_rate_is_that_of_the_ticks_and_not_of_the_resets_between(clock):
    stage = Stage(TRAIN, 30, "ticks", a_loop())
    stage.frame(a_frame(1))
    assert stage.hz is None
    for tick in (2, 3, 1, 2):
        clock.now += 10.0 if tick == 1 else 0.5
        stage.frame(a_frame(tick))
    assert stage.hz == 2.0


def test_a_stage_s_time_stands_still_during_an_evaluation_amid_it(clock):
    monitor = Monitor()
    stage = monitor.begin("train", 100, "ticks", a_loop())
    clock.now = 105.0
    with monitor.amid(20, a_loop()) as evaluated:
        assert monitor.shown is evaluated
        clock.now = 150.0
        assert stage.seconds == 5.0
    assert monitor.shown is stage
    clock.now = 152.0
    assert stage.seconds == 7.0
    assert monitor.stages == [stage]


def test_a_stage_goes_on_from_its_state(clock):
    stage = Stage(TRAIN, 30, "ticks", a_loop())
    for tick in (1, 2):
        stage.frame(a_frame(tick, 5))
    stage.end(an_episode(2))
    clock.now = 104.0
    state = stage.state()
    stage.frame(a_frame(1, 6))
    stage.end(an_episode(1))
    other = Stage(TRAIN, 60, "ticks", a_loop())
    other.restore(state)
    clock.now = 105.0
    assert (other.ticks, other.version, other.seconds) == (2, 5, 5.0)
    assert [(f.tick, f.episode.ticks) for f in other.finished] == [(2, 2)]


def test_a_stage_ends_where_the_next_begins(clock):
    monitor = Monitor()
    monitor.close()
    first = monitor.begin("demonstrate", 2, "episodes", a_loop())
    clock.now = 103.0
    assert first.seconds == 3.0
    second = monitor.begin("train", 100, "ticks", a_loop())
    clock.now = 110.0
    assert (first.seconds, second.seconds) == (3.0, 7.0)
    monitor.close()
    clock.now = 200.0
    monitor.close()
    assert (first.seconds, second.seconds) == (3.0, 7.0)
    assert monitor.stages == [first, second]
