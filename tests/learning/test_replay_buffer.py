"""The replay buffer: every row is one that was added, whole, and the seed fixes the draws."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hil_app.learning import ReplayBuffer


def _filled(count, capacity=100, seed=0):
    """Row i holds i everywhere; its next state is 1000 + i, whatever row comes after it."""
    buffer = ReplayBuffer(capacity, "cpu", ["s"], seed=seed)
    for i in range(count):
        buffer.add(
            {"s": np.full(2, i, np.float64)},
            torch.tensor([i, i % 3], dtype=torch.float32),
            float(i),
            {"s": np.full(2, 1000 + i)},
            done=i % 2 == 0,
            truncated=i % 5 == 0,
            complementary_info={"discrete_penalty": -i},
        )
    return buffer


@given(count=st.integers(1, 60), capacity=st.integers(1, 25), size=st.integers(1, 40))
def test_every_sample_is_a_whole_row_still_held(count, capacity, size):
    buffer = _filled(count, capacity)
    assert len(buffer) == min(count, capacity)
    batch = buffer.sample(size)
    rows = batch["reward"]
    assert rows.shape == (size,)
    assert ((rows >= count - len(buffer)) & (rows < count)).all()
    assert torch.equal(batch["state"]["s"], rows[:, None].expand(-1, 2))
    assert torch.equal(batch["next_state"]["s"], 1000 + rows[:, None].expand(-1, 2))
    assert torch.equal(batch["action"], torch.stack((rows, rows % 3), dim=1))
    assert torch.equal(batch["done"], (rows % 2 == 0).float())
    assert torch.equal(batch["truncated"], (rows % 5 == 0).float())
    assert torch.equal(batch["complementary_info"]["discrete_penalty"], -rows)


def test_trap_02_the_next_state_is_the_rows_own_at_every_seam():
    """Episode ends, skipped rows and the ring's seam: the next row is never the next state."""
    buffer = ReplayBuffer(4, "cpu", ["s"])
    pairs = {0.0: 0.5, 1.0: 1.5, 7.0: 7.5, 2.0: 9.0, 5.0: 5.5, 6.0: 3.0}
    for now, then in pairs.items():
        buffer.add({"s": np.array([now])}, 0.0, 0.0, {"s": np.array([then])}, False, now == 2)
    batch = buffer.sample(200)
    drawn = zip(
        batch["state"]["s"].flatten().tolist(),
        batch["next_state"]["s"].flatten().tolist(),
        strict=True,
    )
    assert set(drawn) == set(list(pairs.items())[2:])


def test_trap_13_time_limits_are_not_done():
    buffer = ReplayBuffer(2, "cpu", ["s"])
    buffer.add({"s": np.zeros(1)}, 0.0, 0.0, {"s": np.zeros(1)}, done=False, truncated=True)
    again = ReplayBuffer(2, "cpu", ["s"])
    again.load_state_dict(buffer.state_dict())
    for batch in (buffer.sample(3), again.sample(3)):
        assert batch["done"].tolist() == [0, 0, 0]
        assert batch["truncated"].tolist() == [1, 1, 1]


def test_draws_are_uniform_with_replacement():
    buffer = _filled(10)
    counts = buffer.sample(20_000)["reward"].long().bincount(minlength=10)
    assert counts.min() > 1800
    assert counts.max() < 2200


def test_the_seed_fixes_the_draws_and_nothing_else_does():
    before = torch.get_rng_state()
    first, same, other = _filled(50), _filled(50), _filled(50, seed=1)
    a, b, c = (buffer.sample(32)["reward"] for buffer in (first, same, other))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_was_added_is_copied():
    buffer, state = ReplayBuffer(4, "cpu", ["s"]), np.ones(2)
    buffer.add({"s": state}, np.zeros(1), 0.0, {"s": state}, False, False)
    state[:] = 9
    buffer.sample(1)["state"]["s"].fill_(7)
    assert (buffer.sample(4)["state"]["s"] == 1).all()


def test_unlisted_state_keys_are_left_out():
    buffer = ReplayBuffer(4, "cpu", ["s"])
    state = {"s": np.ones(2), "other": np.ones(3)}
    buffer.add(state, np.zeros(1), 0.0, state, False, False)
    assert buffer.sample(1)["state"].keys() == {"s"}


def test_the_iterator_is_lazy_and_survives_an_error():
    buffer = ReplayBuffer(4, "cpu", ["s"])
    batches = buffer.get_iterator(3)
    with pytest.raises(ValueError, match="empty"):
        next(batches)
    buffer.add({"s": np.ones(2)}, np.zeros(1), 4.0, {"s": np.ones(2)}, False, False)
    assert [batch["reward"].tolist() for batch in islice(batches, 2)] == [[4.0] * 3] * 2


@given(count=st.integers(0, 30), capacity=st.integers(1, 12), more=st.integers(0, 12))
def test_a_restored_buffer_goes_on_identically(count, capacity, more):
    original, restored = _filled(count, capacity), ReplayBuffer(capacity, "cpu", ["s"], seed=9)
    restored.load_state_dict({key: value.clone() for key, value in original.state_dict().items()})
    for buffer in (original, restored):
        for i in range(more):
            buffer.add(
                {"s": np.full(2, -i)}, np.full(2, -i), -i, {"s": np.full(2, i)}, True, False,
                {"discrete_penalty": 0.0},
            )  # fmt: skip
    assert len(original) == len(restored)
    if len(original):
        assert torch.equal(original.sample(50)["reward"], restored.sample(50)["reward"])


def test_rows_beyond_the_capacity_are_refused():
    with pytest.raises(ValueError, match="5 rows do not fit a capacity of 4"):
        ReplayBuffer(4, "cpu", ["s"]).load_state_dict(_filled(5).state_dict())


def test_errors_say_what_is_stored():
    buffer = _filled(1)
    usual = {"discrete_penalty": 0.0}
    with pytest.raises(KeyError, match=r"next_state lacks \['s'\]; it has \['t'\]"):
        buffer.add({"s": np.ones(2)}, np.ones(2), 0.0, {"t": np.ones(2)}, False, False, usual)
    with pytest.raises(KeyError, match=r"stores .*discrete_penalty"):
        buffer.add({"s": np.ones(2)}, np.ones(2), 0.0, {"s": np.ones(2)}, False, False)
    with pytest.raises(ValueError, match=r"state\.s is .*\(3,\).*stores .*\(2,\)"):
        buffer.add({"s": np.ones(3)}, np.ones(2), 0.0, {"s": np.ones(2)}, False, False, usual)
    assert len(buffer) == 1
    with pytest.raises(ValueError, match="capacity"):
        ReplayBuffer(0, "cpu", ["s"])
    with pytest.raises(ValueError, match="state keys"):
        ReplayBuffer(3, "cpu")
