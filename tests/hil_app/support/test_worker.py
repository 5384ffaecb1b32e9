"""The thread that helps: how it is woken, what it may leave out, and how it ends."""

from __future__ import annotations

import threading

import pytest
from waiting import until

from hil_app.support.worker import Worker


def test_a_worker_deals_with_all_in_order_and_many_at_once() -> None:
    batches: list[list[int]] = []
    free = threading.Event()

    def deal(batch: list[int]) -> None:
        batches.append(batch)
        free.wait(20)

    worker = Worker("sample", deal, most=100)
    for number in range(10):
        worker.put(number)
    until(lambda: batches)
    free.set()
    assert worker.close(20) == 0
    assert [number for batch in batches for number in batch] == list(range(10))
    assert len(batches) <= 3


def test_what_is_too_much_is_left_out_and_counted() -> None:
    free = threading.Event()
    dealt: list[int] = []

    def deal(batch: list[int]) -> None:
        free.wait(20)
        dealt.extend(batch)

    worker = Worker("sample", deal, most=5)
    worker.put(0)
    until(lambda: not worker._waiting)  # it is in hand
    for number in range(1, 10):
        worker.put(number)
    assert worker.waiting == 6
    assert worker.close(0.05) == 4 + 6
    free.set()
    until(lambda: len(dealt) == 6)
    assert dealt == [0, 1, 2, 3, 4, 5]


def test_an_error_ends_a_worker_and_is_reported_once() -> None:
    reported: list[BaseException] = []

    def deal(batch: list[str]) -> None:
        raise SystemExit(f"{len(batch)} wait")

    worker = Worker("sample", deal, most=5, failed=reported.append, ended=lambda: 1 / 0)
    worker.put("one")
    until(lambda: reported)
    worker.put("two")
    assert worker.close(5) == 2
    assert [str(error) for error in reported] == ["1 wait"]


def test_an_eager_worker_goes_on_without_anything_to_do_until_it_need_not() -> None:
    dealt: list[list[str]] = []
    worker = Worker("sample", dealt.append, eager=lambda: len(dealt) in (1, 2))
    worker.put("one")
    until(lambda: len(dealt) == 3)
    worker.put("two")
    assert worker.close() == 0
    assert dealt == [["one"], [], [], ["two"]]


def test_an_eager_worker_ends_when_it_is_closed() -> None:
    turns: list[list[str]] = []
    worker = Worker("sample", turns.append, eager=lambda: True)
    until(lambda: len(turns) > 3)
    assert worker.close() == 0
    assert not any(thread.name == "sample" for thread in threading.enumerate())
    assert worker.over
    assert not worker.put("late")


def test_what_waits_may_be_tidied_and_a_few_may_come_beyond_the_most() -> None:
    dealt: list[list[int]] = []
    reached, gate = threading.Event(), threading.Event()

    def deal(things: list[int]) -> None:
        dealt.append(things)
        reached.set()
        assert gate.wait(20)

    def newest(waiting: list[int]) -> None:
        del waiting[:-2]

    worker = Worker("sample", deal, most=2, tidy=newest)
    worker.put(0)
    assert reached.wait(20)
    assert [worker.put(number) for number in (1, 2, 3)] == [True, True, False]
    assert worker.put(4, even_beyond=True)
    gate.set()
    assert worker.close() == 1
    assert dealt == [[0], [2, 4]]


@pytest.mark.parametrize("daemon", [True, False])
def test_its_error_is_kept_for_whoever_uses_it(daemon: bool) -> None:
    broken = ValueError("broken")

    def deal(_: list[str]) -> None:
        raise broken

    worker = Worker("sample", deal, daemon=daemon)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "sample")
    assert thread.daemon == daemon
    assert worker.error is None
    worker.put("one")
    assert worker.close() == 1
    assert worker.error is broken
