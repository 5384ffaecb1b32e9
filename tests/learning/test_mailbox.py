"""The mailbox: one slot, the latest wins, and a parcel is never torn."""

import sys
import threading

import pytest
import torch

from hil_app.learning.mailbox import Mailbox

COUNT = 5000


def weights(number):
    """Weights in two groups that all hold ``number``."""
    full = {name: torch.full((8,), float(number)) for name in ("a", "b")}
    return {"policy": full, "discrete_critic": {"c": torch.full((8,), float(number))}}


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
    assert parcel.weights["policy"]["a"][0] == 2
    assert mailbox.newer_than(1) is parcel
    assert mailbox.newer_than(2) is None
    assert mailbox.newer_than(3) is None


@pytest.mark.usefixtures("eager_switching")
def test_a_reader_never_sees_a_torn_parcel():
    mailbox, version, seen = Mailbox(), 0, 0

    def publish():
        for number in range(1, COUNT + 1):
            mailbox.publish(number, weights(number))

    writer = threading.Thread(target=publish)
    writer.start()
    torn = []
    while version < COUNT:
        parcel = mailbox.newer_than(version)
        if parcel is None:
            continue
        assert parcel.version > version
        version, seen = parcel.version, seen + 1
        tensors = [t for group in parcel.weights.values() for t in group.values()]
        if len(tensors) != 3 or any((tensor != version).any() for tensor in tensors):
            torn.append(version)
    writer.join()
    assert torn == []
    assert seen > 10  # the two really took turns
