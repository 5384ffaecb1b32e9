"""A batch is divided among robots by their shares, whatever each has sent."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.shared.pool import Pool, divided

NAMES = st.text("abcdef", min_size=1, max_size=3)


def buffer(number, rows):
    made = ReplayBuffer(1000, state_keys=["s"], seed=number)
    for _ in range(rows):
        seen = {"s": torch.tensor([float(number)])}
        made.add(seen, torch.zeros(2), 0.0, seen, done=False, truncated=False)
    return made


def pool(**rows):
    made = Pool(full=10)
    made.buffers = {name: buffer(n, count) for n, (name, count) in enumerate(rows.items())}
    return made


@given(st.integers(0, 5000), st.dictionaries(NAMES, st.floats(0.001, 1000), min_size=1))
def test_parts_are_whole_and_as_near_as_they_can_be(count, weights):
    parts, total = divided(count, weights), sum(weights.values())
    assert sum(parts.values()) == count
    assert parts.keys() == weights.keys()
    assert all(abs(parts[n] - count * w / total) < 1 for n, w in weights.items())


def test_a_robot_that_sends_more_does_not_push_the_others_out():
    made = pool(left=900, right=20)
    assert len(made) == 920
    assert made.counts(64) == {"left": 32, "right": 32}
    made.shares = {"left": 1.0, "right": 3.0}
    assert made.counts(64) == {"left": 16, "right": 48}
    drawn = made.sample(64)["state"]["s"]
    assert drawn.flatten().tolist() == [0.0] * 16 + [1.0] * 48


def test_a_robot_that_has_just_begun_counts_little_and_one_that_has_nothing_not_at_all():
    made = pool(left=100, right=1, other=0)
    assert made.counts(22) == {"left": 20, "right": 2}


def test_with_one_robot_a_batch_is_what_its_buffer_gives():
    alone, made = buffer(0, 50), pool(left=50)
    assert made.sample(16)["state"]["s"].equal(alone.sample(16)["state"]["s"])
