"""Batches drawn ahead: the same ones, in order, with every error told and no thread left."""

import gc
import subprocess
import sys
import threading
import time
from itertools import count, islice

import numpy as np
import pytest
from waiting import PATIENCE_S

from hil_app.learning import OnlineOfflineMixer, ReplayBuffer, RLTrainer
from hil_app.learning.buffer.prefetch import Prefetcher, endless


def names():
    return [thread.name for thread in threading.enumerate()]


def test_batches_come_in_order_and_a_few_ahead():
    numbers = count()
    ahead = Prefetcher(lambda: next(numbers), queue_size=3)
    assert list(islice(ahead, 10)) == list(range(10))
    time.sleep(0.2)
    assert next(numbers) <= 10 + 3 + 1 + 1  # queued, in the thread's hand, and this one
    ahead.close()
    assert list(ahead) == []


def test_trap_10_an_error_reaches_whoever_asks_and_does_not_end_it():
    outcomes = iter([1, ValueError("a broken row"), 3])

    def draw():
        outcome = next(outcomes, 4)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    ahead = Prefetcher(draw, queue_size=2)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="a broken row"):
        next(ahead)
    assert next(ahead) == 3
    ahead.close()


FORGETFUL = """
from itertools import count
from hil_app.learning import ReplayBuffer
buffer = ReplayBuffer(10, state_keys=["s"])
buffer.add({"s": [0.0]}, [0.0], 0.0, {"s": [0.0]}, done=False, truncated=False)
batches = buffer.get_iterator(4096, async_prefetch=True)
for n, batch in enumerate(batches):
    if n == 3:
        %s
"""


@pytest.mark.parametrize(
    ("last", "status"), [("raise RuntimeError('my own')", 1), ("break", 0), ("exit(3)", 3)]
)
def test_a_program_that_does_not_close_it_ends_as_it_would_without(last, status):
    done = subprocess.run(
        [sys.executable, "-c", FORGETFUL % last], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stderr
    assert done.stderr.count("Error") == (1 if status == 1 else 0)


def test_one_that_nobody_has_any_more_ends_its_thread():
    ahead = Prefetcher(lambda: 0, queue_size=1)
    thread = next(t for t in threading.enumerate() if t.name == "prefetch")
    assert next(ahead) == 0
    del ahead
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


def test_one_whose_source_waits_for_ever_is_left_to_itself(monkeypatch):
    monkeypatch.setattr("hil_app.learning.buffer.prefetch.PATIENCE", 0.05)
    never = threading.Event()
    ahead = Prefetcher(never.wait, queue_size=1)
    ahead.close()
    assert list(ahead) == []
    never.set()


def test_closing_does_not_wait_for_a_reader(monkeypatch):
    monkeypatch.setattr("hil_app.learning.buffer.prefetch.PATIENCE", PATIENCE_S)
    ahead = Prefetcher(lambda: 0, queue_size=1)
    started = time.monotonic()
    ahead.close()
    assert time.monotonic() - started < PATIENCE_S / 2
    assert "prefetch" not in names()


def test_a_queue_of_nothing_is_refused():
    with pytest.raises(ValueError, match="queue_size 0"):
        endless(lambda size: size, 4, async_prefetch=True, queue_size=0)


def test_the_trainer_draws_ahead_only_when_asked_and_ends_the_thread(make_sac, make_batch):
    raw = make_batch(40)
    buffer = ReplayBuffer(50, "cpu", list(raw["state"]))
    for i in range(40):
        buffer.add(
            {k: v[i] for k, v in raw["state"].items()},
            raw["action"][i],
            0.5,
            {k: v[i] for k, v in raw["next_state"].items()},
            False,
            False,
            {k: v[i] for k, v in raw["complementary_info"].items()},
        )
    mixer = OnlineOfflineMixer(buffer)
    plain = RLTrainer(algorithm=make_sac(), data_mixer=mixer, batch_size=8)
    plain.training_step()
    assert "prefetch" not in names()
    ahead = RLTrainer(
        algorithm=make_sac(), data_mixer=mixer, batch_size=8, async_prefetch=True, queue_size=2
    )
    assert "loss_critic" in ahead.training_step().losses
    assert "prefetch" in names()
    ahead.reset_data_iterator()
    assert "prefetch" not in names()
    ahead.training_step()
    ahead.close()
    assert "prefetch" not in names()


def test_one_thread_may_add_while_another_samples():
    buffer = ReplayBuffer(50, "cpu", ["s"])
    buffer.add({"s": np.zeros(3)}, np.zeros(3), 0.0, {"s": np.zeros(3)}, False, False)
    batches = buffer.get_iterator(64, async_prefetch=True)
    for i in range(2000):
        row = np.full(3, i)
        buffer.add({"s": row}, row, float(i), {"s": row}, False, False)
        if i % 50 == 0:
            batch = next(batches)
            assert (batch["state"]["s"] == batch["reward"][:, None]).all()
            assert (batch["action"] == batch["reward"][:, None]).all()
    batches.close()
