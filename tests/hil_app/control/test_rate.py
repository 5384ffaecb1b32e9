"""Absolute deadlines (trap 23), on a clock that only sleeping and working move on."""

import os
import random
import sys
import time

import pytest

from hil_app.control.rate import Rate, milliseconds
from robots.safety.urgent import LOOP

PERIOD = 0.1


class Clock:
    """The made-up time [s]; each sleep takes ``oversleep()`` longer than asked."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.oversleep = lambda: 0.0

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds + self.oversleep()

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


@pytest.fixture
def rate(clock: Clock) -> Rate:  # noqa: ARG001 - it must be there first
    rate = Rate(fps=1 / PERIOD)
    rate.start()
    return rate


def test_no_drift_over_a_thousand_ticks_of_different_work(clock: Clock, rate: Rate) -> None:
    draw = random.Random(0)
    clock.oversleep = lambda: draw.uniform(0, 0.002)
    for tick in range(1, 1001):
        clock.work(draw.uniform(0, 0.095))
        rate.wait()
        assert 0 <= clock.now - (1000.0 + tick * PERIOD) < 0.0021
    assert len(set(clock.sleeps)) > 900
    assert len(rate.lateness) == 1000
    assert 0 < max(rate.lateness) < 0.0021


def test_an_overrun_is_caught_up_by_the_next_ticks(clock: Clock, rate: Rate) -> None:
    late = []
    for work in (0.25, 0.01, 0.01, 0.01, 0.01):
        clock.work(work)
        late.append(round(rate.wait(), 6))
    assert late == [0.15, 0.06, 0, 0, 0]
    assert [round(seconds, 6) for seconds in clock.sleeps] == [0.03, 0.09, 0.09]
    assert clock.now == pytest.approx(1000.5)  # back on the old schedule


def test_after_a_long_stall_the_schedule_starts_anew_without_a_burst(
    clock: Clock, rate: Rate
) -> None:
    clock.work(2.0)
    assert rate.wait() == pytest.approx(1.9)
    for _ in range(5):
        clock.work(0.01)
        assert rate.wait() == pytest.approx(0, abs=1e-9)
    assert clock.now == pytest.approx(1000 + 2.0 + 5 * PERIOD)
    assert [round(seconds, 6) for seconds in clock.sleeps] == [0.09] * 5
    assert max(rate.lateness) == pytest.approx(1.9)  # the stall is not hidden


@pytest.mark.parametrize(("overrun", "burst"), [(3.9, 2), (4.1, 0)])
def test_where_catching_up_ends(clock: Clock, rate: Rate, overrun: float, burst: int) -> None:
    clock.work(overrun * PERIOD)
    rate.wait()
    for _ in range(6):
        rate.wait()
    assert len(clock.sleeps) == 6 - burst


def test_start_begins_a_new_schedule(clock: Clock, rate: Rate) -> None:
    clock.work(0.07)
    rate.start()
    rate.wait()
    assert clock.now == pytest.approx(1000.07 + PERIOD)
    assert list(rate.lateness) == [0.0]


def test_unpaced_never_sleeps_and_is_never_late(clock: Clock) -> None:
    rate = Rate(fps=10, paced=False)
    for _ in range(100):
        clock.work(0.5)
        assert rate.wait() == 0.0
    assert clock.sleeps == []
    assert rate.statistics() is None


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are Linux's")
@pytest.mark.parametrize("paced", [True, False])
def test_who_keeps_deadlines_goes_ahead_where_that_is_allowed(paced: bool) -> None:
    with Rate(fps=10, paced=paced).kept() as given:
        assert os.sched_getparam(0).sched_priority == (LOOP if given else 0)
        assert paced or not given
    assert os.sched_getparam(0).sched_priority == 0


def test_how_long_it_sleeps_yet_is_seen_from_outside(clock: Clock, rate: Rate) -> None:
    seen = list[float]()
    sleep = clock.sleep

    def asleep(seconds: float) -> None:
        seen.append(rate.left)
        sleep(seconds)

    time.sleep = asleep  # as the fixture does, which puts it back
    clock.work(0.03)
    assert rate.left == 0.0
    rate.wait()
    assert seen == [pytest.approx(0.07)]
    assert rate.left == 0.0


def test_statistics_are_milliseconds_of_the_newest_ticks(rate: Rate) -> None:
    rate.lateness.extend([0.001 * n for n in range(1, 101)])
    statistics = rate.statistics()
    assert statistics == {"p50": 50.5, "p99": 99.01, "max": 100.0}
    assert rate.statistics(newest=1) == {"p50": 100.0, "p99": 100.0, "max": 100.0}
    assert rate.statistics(newest=3) == {"p50": 99.0, "p99": 99.98, "max": 100.0}


def test_no_durations_have_no_statistics() -> None:
    assert milliseconds([]) is None
    assert milliseconds([0.002]) == {"p50": 2.0, "p99": 2.0, "max": 2.0}
