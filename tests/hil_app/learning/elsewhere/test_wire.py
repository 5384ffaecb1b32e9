"""Messages between a run and its learner: whole or refused, and frames bit for bit."""

import socket
import struct
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from sample_learner import frame

from hil_app.learning.buffer.returns import Row
from hil_app.learning.elsewhere.experiences import (
    FramePacker,
    FrameUnpacker,
    SentFrame,
    pack_row,
    unpack_row,
)
from hil_app.learning.elsewhere.snapshots import SnapshotReceiver, SnapshotSender
from hil_app.support.wire import Connection, Message, WireError


@pytest.fixture
def ends():
    one, other = map(Connection, socket.socketpair())
    with one, other:
        yield one, other


@pytest.fixture
def raw():
    one, other = socket.socketpair()
    with one, Connection(other) as connection:
        yield one, connection


def test_messages_arrive_whole_in_their_order_and_are_counted(ends):
    one, other = ends
    one.send("a", {"x": [1, None, "ü"], "y": 0.1 + 0.2})
    one.send("b", arrays=bytes(range(256)))
    assert other.receive() == Message("a", {"x": [1, None, "ü"], "y": 0.1 + 0.2}, b"")
    assert other.receive() == Message("b", {}, bytes(range(256)))
    assert (one.sent, other.received) == (2, 2)
    one.close()
    assert other.receive() is None


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("<IQ", 5, 0)[:7],
        struct.pack("<IQ", 5, 0) + b'["a"',
        struct.pack("<IQ", 8, 3) + b'["a",{}]' + b"xy",
    ],
    ids=["head", "facts", "arrays"],
)
def test_a_message_that_is_cut_off_is_told_from_an_end(raw, sent):
    end, connection = raw
    end.sendall(sent)
    end.shutdown(socket.SHUT_WR)
    with pytest.raises(WireError, match="ended within a message"):
        connection.receive()


@pytest.mark.parametrize("text", [b"\xff\xfe", b"{", b"[1, 2, 3]"])
def test_what_is_no_message_is_refused(raw, text):
    end, connection = raw
    end.sendall(struct.pack("<IQ", len(text), 0) + text)
    with pytest.raises(WireError, match="makes no sense"):
        connection.receive()


def test_no_memory_is_taken_for_a_message_that_cannot_be(raw):
    end, connection = raw
    end.sendall(struct.pack("<IQ", 10, 2**60))
    with pytest.raises(WireError, match="cannot be"):
        connection.receive()


def numbers(tick):
    """A frame whose every number tells it from others, with an image."""
    image = np.full((4, 5, 3), tick, np.uint8)[:, ::-1]
    base = frame(tick, intervention=tick % 2 == 0, success=tick == 3, ends=tick == 3)
    seen = {**base.observation, "observation.images.front": image}
    after = {**base.next_observation, "observation.images.front": image + 1}
    changes = {"reward": tick / 3, "discrete_penalty": -tick / 7, "after_pause": tick == 2}
    return replace(base, observation=seen, next_observation=after, **changes)


def same(one, other):
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)


def test_a_frame_is_the_same_bit_for_bit_on_the_other_side():
    packer, unpacker = FramePacker(), FrameUnpacker()
    for tick in (1, 2, 3):
        sent = numbers(tick)
        got = unpacker.unpack(tick + 10, Message("offer", *packer.pack(sent)))
        assert got.number == tick + 10
        assert got.done == sent.done
        for name in (f.name for f in fields(SentFrame) if f.name != "number"):
            mine, theirs = getattr(sent, name), getattr(got, name)
            if isinstance(mine, dict):
                assert mine.keys() == theirs.keys()
                for key in mine:
                    same(mine[key], theirs[key])
            elif isinstance(mine, np.ndarray):
                same(mine, theirs)
            else:
                assert mine == theirs
                assert type(mine) is type(theirs)


def test_an_observation_that_two_frames_share_is_sent_once():
    """And it is one object there, too: what is kept of it is made once (see `NStepReturns`)."""
    packer, unpacker, first = FramePacker(), FrameUnpacker(), numbers(1)
    second = replace(numbers(2), observation=first.next_observation)
    messages = [Message("offer", *packer.pack(each)) for each in (first, second, numbers(3))]
    assert [b"state.observation.images.front" in m.arrays for m in messages] == [True, False, True]
    got = [unpacker.unpack(0, message) for message in messages]
    assert got[1].observation is got[0].next_observation
    assert got[2].observation is not got[1].next_observation


def test_a_row_is_the_same_on_the_other_side():
    seen, after = (
        {"observation.state": np.arange(3, dtype=np.float32) * scale} for scale in (1, 2)
    )
    row = Row(seen, np.ones(4, np.float32), 0.1, after, False, True, -0.3, True, 0.97**3)
    got = unpack_row(Message("row", *pack_row(row)))
    same(got.state["observation.state"], seen["observation.state"])
    same(got.next_state["observation.state"], after["observation.state"])
    same(got.action, row.action)
    for name in ("reward", "done", "truncated", "discrete_penalty", "is_intervention", "discount"):
        assert getattr(got, name) == getattr(row, name)


def test_a_block_that_has_not_changed_is_sent_once_and_is_the_same_object_again(ends):
    one, other = ends
    sender, receiver = SnapshotSender(one), SnapshotReceiver()

    def passed(tensors):
        sender.send(tensors)
        one.send("snapshot")
        while receiver.take(message := other.receive()):
            kinds.append(message.kind)
        return receiver.done()

    full, opened = torch.arange(6, dtype=torch.uint8), torch.zeros(2, 3)
    counts = {"next": torch.tensor(3), "told": torch.tensor(True)}
    online, kinds = {"blocks.a.0": full, "blocks.a.1": opened, **counts}, []
    first = passed({"online": online, "none": {}})
    assert {k: v.tolist() for k, v in first["online"].items()} == {
        k: v.tolist() for k, v in online.items()
    }
    assert (first["none"], first["online"]["told"].dtype) == ({}, torch.bool)
    changed = opened.clone()
    second = passed({"online": {**online, "blocks.a.1": changed}})
    assert kinds == ["block", "block", "group", "group", "block", "group"]
    assert second["online"]["blocks.a.0"] is first["online"]["blocks.a.0"]
    assert second["online"]["blocks.a.1"] is not first["online"]["blocks.a.1"]
    third = passed({"online": {"blocks.a.0": opened}})  # which is not there any more
    assert kinds[-2:] == ["block", "group"]
    assert third["online"]["blocks.a.0"].equal(opened)
