"""The mailbox: one slot, the latest wins, and a parcel is never torn."""

import sys
from itertools import count
from threading import Event, Thread

import pytest
import torch

from hil_app.learning.mailbox import Mailbox

COUNT = 100  # parcels read while another thread publishes


def weights(number):
    """Weights in two groups that all hold ``number``."""
    a, b, c = (torch.full((8,), float(number)) for _ in range(3))
    return {"policy": {"a": a, "b": b}, "discrete_critic": {"c": c}}


def values(parcel):
    """The first value of each of a parcel's tensors."""
    return [tensor[0].item() for group in parcel.weights.values() for tensor in group.values()]


@pytest.fixture
def eager_switching():
    """Threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_only_what_is_newer_is_handed_out_and_the_latest_wins():
    mailbox = Mailbox()
    assert mailbox.newer_than(0) is None
    mailbox.publish(1, weights(1))
    mailbox.publish(2, weights(2))
    parcel = mailbox.newer_than(0)
    assert parcel is not None
    assert parcel.version == 2
    assert values(parcel) == [2, 2, 2]
    assert mailbox.newer_than(1) is parcel
    assert mailbox.newer_than(2) is None
    assert mailbox.newer_than(3) is None


@pytest.mark.usefixtures("eager_switching")
def test_a_reader_never_sees_a_torn_parcel():
    mailbox, parcels, enough = Mailbox(), [weights(number) for number in range(100)], Event()

    def publish():
        for version in count(1):
            mailbox.publish(version, parcels[version % 100])
            if enough.is_set():
                return

    writer = Thread(target=publish)
    writer.start()
    version, torn = 0, []
    for _ in range(COUNT):
        while (parcel := mailbox.newer_than(version)) is None:
            pass
        version = parcel.version
        if any(value != version % 100 for value in values(parcel)):
            torn.append(version)
    enough.set()
    writer.join()
    assert torn == []
