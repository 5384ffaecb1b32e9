import threading
import time

from waiting import PATIENCE_S

from robots.safety.watchdog import Watchdog


def test_a_fed_watchdog_stays_quiet() -> None:
    trips: list[float] = []
    with Watchdog(20.0, lambda: trips.append(0.0)) as dog:
        for _ in range(20):
            time.sleep(0.01)
            dog.feed()
    assert not trips


def test_a_hungry_watchdog_trips_once_and_again_after_the_next_silence() -> None:
    trips: list[str] = []
    tripped = threading.Event()

    def trip() -> None:
        trips.append(threading.current_thread().name)
        tripped.set()

    with Watchdog(0.05, trip) as dog:
        assert tripped.wait(PATIENCE_S)
        time.sleep(0.2)
        assert trips == ["watchdog"]
        tripped.clear()
        dog.feed()
        assert tripped.wait(PATIENCE_S)
    assert len(trips) == 2


def test_a_watchdog_ends_with_its_block_and_can_be_entered_again() -> None:
    dog = Watchdog(60.0, lambda: None)
    for _ in range(2):
        before = time.monotonic()
        with dog:
            assert any(thread.name == "watchdog" for thread in threading.enumerate())
        assert time.monotonic() - before < 5
        assert not any(thread.name == "watchdog" for thread in threading.enumerate())
