"""Real-time priority: taken where the system lets it, given back, and handed on to nobody."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from hil_app.recording.images.priority import usual_priority
from robots.safety.urgent import GUARD, LOOP, USUAL, urgent
from robots.safety.watchdog import Watchdog

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these calls")
NOBODY = 65534


def priority(thread: int = 0) -> int:
    return os.sched_getparam(thread).sched_priority


def in_a_thread(look: Callable[[], int]) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(look()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def allowed() -> Iterator[None]:
    with urgent(LOOP) as given:
        pass
    if not given:
        pytest.skip("this user may have no real-time priority")
    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    yield
    after = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    assert (after, os.getpriority(os.PRIO_PROCESS, 0)) == before


@linux
@pytest.mark.usefixtures("allowed")
def test_it_is_had_meanwhile_and_given_back_whatever_happens() -> None:
    with urgent(LOOP) as given:
        assert (given, priority()) == (True, LOOP)
        assert os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    assert priority() == 0
    with pytest.raises(AssertionError), urgent(GUARD):
        assert priority() == LOOP < GUARD
    assert priority() == 0


@linux
@pytest.mark.usefixtures("allowed")
def test_neither_threads_nor_programs_that_are_started_meanwhile_have_it() -> None:
    look = [sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"]
    with urgent(LOOP):
        assert in_a_thread(priority) == 0
        assert in_a_thread(lambda: os.sched_getscheduler(0)) == os.SCHED_OTHER
        done = subprocess.run(look, capture_output=True, text=True, check=True)
        assert int(done.stdout) == os.SCHED_OTHER
        assert priority() == LOOP


@linux
@pytest.mark.usefixtures("allowed")
def test_who_has_it_already_keeps_it() -> None:
    with urgent(LOOP):
        with urgent(GUARD) as given:
            assert (given, priority()) == (True, LOOP)
        assert priority() == LOOP


@linux
@pytest.mark.usefixtures("allowed")
def test_an_encoder_that_opens_takes_it_from_nobody() -> None:
    ends, there, number = threading.Event(), threading.Event(), list[int]()

    def loop() -> None:
        with urgent(LOOP):
            number.append(threading.get_native_id())
            there.set()
            ends.wait(100)

    with usual_priority():
        thread = threading.Thread(target=loop)
        thread.start()
        assert there.wait(100)
    assert priority(number[0]) == LOOP
    ends.set()
    thread.join()


@linux
@pytest.mark.usefixtures("allowed")
def test_a_watchdog_goes_before_a_loop() -> None:
    found, tripped = list[int](), threading.Event()

    def trip() -> None:
        found.append(priority())
        tripped.set()

    with urgent(LOOP), Watchdog(0.05, trip):
        assert tripped.wait(100)
    assert found[0] == GUARD


def test_usual_is_as_ever() -> None:
    with urgent(USUAL) as given:
        assert not given
        if sys.platform == "linux":
            assert priority() == 0


LOOK = "os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(0).sched_priority"
AS_A_USER = f"""
import os, resource, sys
from robots.safety.urgent import LOOP, urgent
try:
    resource.setrlimit(resource.RLIMIT_RTPRIO, 2 * (int(sys.argv[1]),))
except ValueError:
    sys.exit("not even root may give this limit")
os.setuid({NOBODY})
for _ in range(2):
    with urgent(LOOP) as given:
        print(given, {LOOK})
    print({LOOK})
"""
THAT_BECOMES_ONE = f"""
import os
from robots.safety.urgent import LOOP, urgent
with urgent(LOOP) as given:
    os.setuid({NOBODY})
    print(given, {LOOK})
print({LOOK})
"""
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


def said(program: str, *arguments: object) -> list[str]:
    """By a program of its own, in lines."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "not even root" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@linux
@root
@pytest.mark.parametrize("limit", [0, GUARD])
def test_a_user_has_it_by_the_limit_and_loses_nothing_by_a_refusal(limit: int) -> None:
    has = f"True {os.SCHED_RR} {LOOP}" if limit else f"False {os.SCHED_OTHER} 0"
    assert said(AS_A_USER, limit) == 2 * [has, f"{os.SCHED_OTHER} 0"]


@linux
@root
@pytest.mark.usefixtures("allowed")
def test_who_may_take_it_no_more_can_still_give_it_back() -> None:
    assert said(THAT_BECOMES_ONE) == [f"True {os.SCHED_RR} {LOOP}", f"{os.SCHED_OTHER} 0"]
