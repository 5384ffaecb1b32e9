"""Weights in shared memory: the latest wins, and nothing torn, strange or not finite comes out."""

import threading
import time

import numpy as np
import pytest
import torch

from hil_app.learning.elsewhere.block import SharedMailbox, WeightsBlock
from hil_app.learning.health import LearnerDied


def weights(number, width=300):
    """Weights that are all ``number``, of odd sizes."""
    value = float(number)
    return {
        "policy": {"a": torch.full((width, 7), value), "b": torch.full((3,), value)},
        "discrete_critic": {"c": torch.tensor(value, dtype=torch.float64)},
    }


def values(parcel):
    return {
        tensor.unique().item() for group in parcel.weights.values() for tensor in group.values()
    }


@pytest.fixture
def block():
    made = WeightsBlock(weights(0))
    yield made
    made.close()


@pytest.fixture
def sides(block):
    """The mailbox of who publishes, which has the memory by its file, and of who looks."""
    return SharedMailbox(WeightsBlock(weights(0), block.file)), SharedMailbox(block)


def test_only_what_is_newer_is_handed_out_and_the_latest_wins(sides):
    learner, policy = sides
    before = time.monotonic()
    assert policy.newer_than(0) is None
    assert policy.version == 0
    for number in range(1, 6):
        learner.publish(10 * number, weights(number))
        assert policy.version == learner.version == 10 * number
    parcel = policy.newer_than(0)
    assert (parcel.version, values(parcel)) == (50, {5})
    assert before <= parcel.published <= time.monotonic()
    assert {
        g: {n: (t.shape, t.dtype) for n, t in group.items()} for g, group in parcel.weights.items()
    } == {g: {n: (t.shape, t.dtype) for n, t in group.items()} for g, group in weights(0).items()}
    assert policy.newer_than(49).version == 50
    assert policy.newer_than(50) is None
    learner.publish(60, weights(6))
    assert values(parcel) == {5}  # a copy


def test_a_reader_never_sees_a_torn_parcel():
    parcels, enough = [weights(number, 3000) for number in range(10)], threading.Event()
    wide = WeightsBlock(parcels[0])
    learner, policy = SharedMailbox(WeightsBlock(parcels[0], wide.file)), SharedMailbox(wide)

    def publish():
        version = 0
        while not enough.is_set():
            version += 1
            learner.publish(version, parcels[version % 10])

    writer = threading.Thread(target=publish)
    writer.start()
    torn, seen, version = [], 0, 0
    while seen < 30:
        if (parcel := policy.newer_than(version)) is not None:
            seen, version = seen + 1, parcel.version
            if values(parcel) != {version % 10}:
                torn.append(version)
    enough.set()
    writer.join()
    wide.close()
    assert torn == []


def test_what_is_being_written_when_the_learner_dies_is_left_alone(block, sides):
    learner, policy = sides
    learner.publish(1, weights(1))
    slot = block._slots._head(2)
    slot[0] = 2  # begun, and never ended
    block._slots._content(2)[:9] = 255
    assert policy.newer_than(0).version == 1
    assert policy.newer_than(1) is None


def test_content_that_is_not_what_was_published_is_refused_the_second_time(block, sides):
    learner, policy = sides
    learner.publish(1, weights(1))
    block._slots._content(1)[5] ^= 1
    assert policy.newer_than(0) is None
    with pytest.raises(LearnerDied, match="damaged in shared memory"):
        policy.newer_than(0)


def test_other_networks_are_refused_at_the_start_and_later(block, sides):
    learner, policy = sides
    with pytest.raises(ValueError, match="other networks"):
        WeightsBlock(weights(0, width=301), block.file)
    renamed = {"policy": {"a": weights(0)["policy"]["a"], "d": torch.zeros(3)}}
    with pytest.raises(ValueError, match="other networks"):
        WeightsBlock({**weights(0), **renamed}, block.file)
    learner.publish(1, weights(1))
    block._slots._memory[3] ^= 1
    with pytest.raises(LearnerDied, match="other networks"):
        policy.newer_than(0)


def test_weights_that_are_not_finite_neither_get_in_nor_out(block, sides):
    learner, policy = sides
    learner.publish(1, weights(1))
    with pytest.raises(ValueError, match="not finite"):
        learner.publish(2, weights(np.nan))
    assert policy.version == 1
    block.write(3, weights(np.inf))  # by a learner that does not look
    with pytest.raises(LearnerDied, match="not finite"):
        policy.newer_than(1)
