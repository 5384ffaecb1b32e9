"""Half and half, and always whole batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hil_app.learning import OnlineOfflineMixer, ReplayBuffer
from hil_app.learning.assumed import tell_once

USUAL = {"discrete_penalty": -0.5}


def _buffer(value, count=5, info=USUAL, key="s"):
    """Every number in the buffer is `value`."""
    buffer = ReplayBuffer(10, "cpu", [key])
    for _ in range(count):
        state = {key: np.full(2, value)}
        buffer.add(state, np.full(2, value), value, state, False, False, info)
    return buffer


def _lengths(batch):
    groups = ("state", "next_state", "complementary_info")
    flat = [batch[k] for k in ("action", "reward", "done", "truncated")]
    return {len(t) for t in flat + [t for g in groups for t in batch[g].values()]}


@given(size=st.integers(1, 50), ratio=st.floats(0, 1))
def test_every_batch_is_whole_and_mixed_by_the_ratio(size, ratio):
    batch = OnlineOfflineMixer(_buffer(1.0), _buffer(2.0), ratio).sample(size)
    assert _lengths(batch) == {size}
    assert abs((batch["reward"] == 1).sum().item() - size * ratio) <= 0.5
    assert torch.equal(batch["state"]["s"][:, 0], batch["reward"])
    assert torch.equal(batch["next_state"]["s"][:, 1], batch["reward"])
    assert torch.equal(batch["action"][:, 0], batch["reward"])


@pytest.mark.parametrize(
    ("online", "offline", "value"),
    [
        (_buffer(1.0), None, 1.0),
        (_buffer(1.0), _buffer(2.0, count=0), 1.0),
        (None, _buffer(2.0), 2.0),
        (_buffer(1.0, count=0), _buffer(2.0), 2.0),
    ],
)
def test_trap_08_without_one_buffer_the_other_fills_the_batch(online, offline, value):
    batch = OnlineOfflineMixer(online, offline, 0.5).sample(7)
    assert _lengths(batch) == {7}
    assert (batch["reward"] == value).all()


@pytest.mark.parametrize(("swap", "acted"), [(False, "the operator"), (True, "the policy")])
def test_trap_08_a_key_of_one_buffer_gets_a_meaning_in_the_other_which_is_reported(
    swap, acted, caplog
):
    tell_once.cache_clear()
    both = {"discrete_penalty": -0.5, "is_intervention": 1.0 if swap else 0.0}
    buffers = [_buffer(1.0, info=both), _buffer(2.0)]
    mixer = OnlineOfflineMixer(*(reversed(buffers) if swap else buffers))
    batches = [mixer.sample(8) for _ in range(2)]
    lacks = "online" if swap else "offline"
    assert caplog.messages == [
        f"the {lacks} rows have no is_intervention, which the others have: {acted} acted in all of "
        "them"
    ]
    for batch in batches:
        assert _lengths(batch) == {8}
        info, offline = batch["complementary_info"], batch["reward"] == (1 if swap else 2)
        assert torch.equal(info["is_intervention"], offline.float())
        assert (info["discrete_penalty"] == -0.5).all()


def test_trap_08_a_missing_penalty_is_none_and_told(caplog):
    tell_once.cache_clear()
    flag = {"is_intervention": 1.0}
    mixer = OnlineOfflineMixer(_buffer(1.0, info=flag | USUAL), _buffer(2.0, info=flag))
    penalty = mixer.sample(4)["complementary_info"]["discrete_penalty"]
    assert penalty.tolist() == [-0.5, -0.5, 0, 0]
    assert "the offline rows have no discrete_penalty" in caplog.text


def test_trap_08_a_key_without_a_default_is_an_error():
    mixer = OnlineOfflineMixer(_buffer(1.0, info={"discount": 0.9}), _buffer(2.0, info={}))
    with pytest.raises(ValueError, match=r"only one buffer has \['discount'\]"):
        mixer.sample(4)


def test_buffers_with_different_states_are_an_error():
    with pytest.raises(ValueError, match=r"differ in \['s', 't'\]"):
        OnlineOfflineMixer(_buffer(1.0), _buffer(2.0, key="t")).sample(4)


def test_nothing_to_draw_from_is_an_error_now_and_not_for_ever():
    online = _buffer(1.0, count=0)
    batches = OnlineOfflineMixer(online, None).get_iterator(3)
    with pytest.raises(ValueError, match="both buffers are empty"):
        next(batches)
    online.add({"s": np.ones(2)}, np.ones(2), 1.0, {"s": np.ones(2)}, False, False, USUAL)
    assert len(next(batches)["reward"]) == 3


def test_impossible_mixers_are_refused():
    with pytest.raises(ValueError, match="needs an online or an offline buffer"):
        OnlineOfflineMixer(None)
    with pytest.raises(ValueError, match=r"online_ratio 1\.5"):
        OnlineOfflineMixer(_buffer(1.0), None, 1.5)
