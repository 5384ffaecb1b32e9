"""The replay buffer: every row is one that was added, whole, and the seed fixes the draws."""

import copy
import pickle
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


NOW, THEN = {"s": np.zeros(2)}, {"s": np.ones(2)}


def _row(**changes):
    return {
        "state": NOW, "action": np.zeros(1), "reward": 0.0, "next_state": THEN, "done": False,
        "truncated": False, **changes,
    }  # fmt: skip


KINDS = [
    lambda x: x,
    lambda x: [x],
    np.array,
    lambda x: np.array([x]),
    lambda x: torch.tensor([[x]]),
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_row_has_one_of_may_come_as_an_array_of_one(kind):
    """A vector of environments gives such; a column of (B, 1) would spread over the batch."""
    info = {"discount": kind(0.5), "discrete_penalty": kind(-0.25), "is_intervention": kind(True)}
    buffer = ReplayBuffer(3, state_keys=["s"])
    buffer.add(**_row(reward=kind(0.75), done=kind(True), truncated=kind(False)),
               complementary_info=info)  # fmt: skip
    batch = buffer.sample(5)
    assert batch["reward"].tolist() == [0.75] * 5
    assert batch["done"].tolist() == [1] * 5
    assert batch["truncated"].tolist() == [0] * 5
    found = {key: value.tolist() for key, value in batch["complementary_info"].items()}
    assert found == {"discount": [0.5] * 5, "discrete_penalty": [-0.25] * 5,
                     "is_intervention": [1] * 5}  # fmt: skip


def test_numbers_of_any_kind_become_float32():
    kinds = [np.uint8, np.int64, np.float16, np.float64, np.dtype(">f4")]
    values = [np.array([3, 200], kind) for kind in kinds]
    values += [
        torch.tensor([3.0, 200.0], dtype=torch.bfloat16),
        [3, 200],
        np.array([200.0, 0, 3])[::-2],
    ]
    for value in values:
        buffer = ReplayBuffer(1, state_keys=["s"])
        buffer.add(**_row(state={"s": value}, action=value, reward=np.uint8(7)))
        batch = buffer.sample(1)
        assert batch["state"]["s"].tolist() == batch["action"].tolist() == [[3, 200]]
        assert {batch["state"]["s"].dtype, batch["reward"].dtype} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ({"reward": None}, "reward is None, which is no number"),
        ({"reward": "1"}, "reward is '1', which is no number"),
        ({"reward": [1.0, 2.0]}, r"reward is one number for each transition, got shape \(2,\)"),
        ({"done": 2}, r"done is true or false, 1 or 0, got 2\.0"),
        ({"done": float("nan")}, "done is true or false"),
        ({"truncated": -1}, "truncated is true or false"),
        ({"action": np.array([1 + 2j])}, "action is .* no array of numbers"),
        ({"action": np.array([1, None])}, "action is .* no array of numbers"),
        (
            {"state": {"s": np.zeros(3)}},
            r"state\.s is float32 \(3,\), but next_state\.s is .*\(2,\)",
        ),
        ({"state": {"s": np.zeros((2, 2))}}, r"shape \(2, 2\).*one transition at a time"),
        ({"state": {"s": np.zeros((8, 9, 3), np.uint8)}}, r"channels seem to be last.*moveaxis"),
        ({"state": {"s": np.zeros((2, 3, 8, 8), np.uint8)}}, "one transition at a time"),
        ({"complementary_info": {"discount": [0.9, 0.8]}}, "discount is one number"),
        ({"complementary_info": {"is_intervention": 0.5}}, "is_intervention is true or false"),
        ({"complementary_info": {"task": "pick"}}, "task is 'pick', which is no number"),
    ],
)
def test_what_no_row_can_have_is_refused_by_name_and_changes_nothing(change, reported):
    buffer = ReplayBuffer(2, state_keys=["s"])
    with pytest.raises(ValueError, match=reported):
        buffer.add(**_row(**change))
    buffer.add(**_row(reward=4.0))
    assert buffer.sample(3)["reward"].tolist() == [4.0] * 3


@given(count=st.integers(0, 30), capacity=st.integers(1, 12), more=st.integers(0, 12),
       larger=st.integers(1, 9), weighted=st.booleans())  # fmt: skip
def test_a_larger_buffer_takes_over_a_ring_and_goes_on_behind_its_newest_row(
    count, capacity, more, larger, weighted
):
    def rows(buffer):
        return buffer.at(range(len(buffer)))["reward"].tolist() if len(buffer) else []

    def add(buffer, numbers):
        for i in numbers:
            buffer.add(**_row(reward=i), weight=i + 2 if weighted else 1)

    ring, wide = (ReplayBuffer(size, state_keys=["s"]) for size in (capacity, capacity + larger))
    add(ring, range(count))
    wide.load_state_dict(ring.state_dict())
    assert rows(wide) == rows(ring)
    add(wide, range(count, count + more))
    kept = [*range(max(0, count - capacity), count + more)]
    assert rows(wide) == kept[-capacity - larger :]
    if kept and weighted:  # each row still has its own weight
        weights = wide.state_dict()["weights"]
        assert sorted(weights.tolist()) == [i + 2 for i in kept[-capacity - larger :]]


def test_a_state_that_is_not_whole_or_of_other_keys_is_refused():
    state = _filled(5).state_dict()
    for change, reported in [
        ({"next": torch.tensor(6)}, "next of 5 rows cannot be at 6"),
        ({"next": torch.tensor(-1)}, "cannot be at -1"),
        ({"rows.action": state["rows.action"][:3]}, "need whole rows"),
    ]:
        with pytest.raises(ValueError, match=reported):
            ReplayBuffer(9, state_keys=["s"]).load_state_dict({**state, **change})
    with pytest.raises(ValueError, match=r"need whole rows of \['next_state\.t', 'state\.t'\]"):
        ReplayBuffer(9, state_keys=["t"]).load_state_dict(state)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda own: pickle.loads(pickle.dumps(own))])
def test_a_copy_goes_on_alone(copied):
    """Such as a buffer that is given to another process."""
    own, images = _filled(30, 20), ReplayBuffer(4, state_keys=["s"])
    image = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    images.add(**_row(state={"s": image}, next_state={"s": image + 1}))
    for buffer in (own, images):
        twin, before = copied(buffer), buffer.state_dict()
        info = {"discrete_penalty": 0.0} if buffer is own else {}
        seen = NOW if buffer is own else {"s": image + 9}
        action = np.full(2 if buffer is own else 1, 5.0)
        for _ in range(25):
            twin.add(seen, action, 99.0, seen, False, True, info)
        assert set(twin.sample(20)["reward"].tolist()) == {99.0}
        after = buffer.state_dict()
        assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert torch.equal(copied(own).sample(9)["reward"], own.sample(9)["reward"])


def test_what_a_buffer_cannot_be_made_of_is_refused():
    for options, reported in [
        ({"state_keys": "s"}, "a list of state keys, got 3 and 's'"),
        ({"state_keys": ["s"], "image_pad": -1}, "image_pad -1"),
        ({"state_keys": ["s"], "device": "cuda:99"}, "cannot compute on 'cuda:99'"),
        ({"state_keys": ["s"], "storage_device": "cuda:99"}, "cannot compute on 'cuda:99'"),
    ]:
        with pytest.raises(ValueError, match=reported):
            ReplayBuffer(3, **options)


def test_rows_and_sizes_that_are_not_there_are_refused():
    buffer = _filled(3)
    for places in ([3], [-4], [0, 9], []):
        with pytest.raises(IndexError, match="there are 3 rows"):
            buffer.at(places)
    for size in (0, -1):
        with pytest.raises(ValueError, match=f"batch_size {size}"):
            buffer.sample(size)
