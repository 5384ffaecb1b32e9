"""What several robots have come to, each numbered stream of frames exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hil_app.learning.buffer.mixer import OnlineOfflineMixer
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.returns import Row
from hil_app.learning.elsewhere.experiences import FrameUnpacker, SentFrame
from hil_app.learning.experience import Experience
from hil_app.learning.shared.pool import Pool
from hil_app.learning.store import OFFLINE, ONLINE, ExperienceStore
from hil_app.support.spool import record, records
from hil_app.support.wire import Message, unpacked

_STREAM = "stream"  # the group of a stream's tensors begins so
OFFER, DEMONSTRATE = "offer", "demonstrate"  # kinds of messages that have a frame


@dataclass(frozen=True, slots=True)
class Arrived(SentFrame):
    """A frame of the stream ``stream``; ``payload`` is the message that it came in."""

    stream: str
    payload: bytes


@dataclass
class Stream:
    """What one run of a robot has sent so far."""

    robot: str
    rows: ExperienceStore
    number: int = 0  # of the last message that is dealt with
    episode: list[tuple[int, bytes]] = field(default_factory=list)  # messages of the one under way
    frames: FrameUnpacker = field(default_factory=FrameUnpacker)  # of what arrives

    def keep(self, frame: Arrived) -> None:
        """Note a frame that is dealt with."""
        self.number = frame.number
        self.episode.append((frame.number, frame.payload))
        if frame.done:
            self.episode.clear()


class SharedStore:
    """`ExperienceStore` (see there) for several robots, of which each has its own buffers.

    Its state has the messages of the episodes under way, too, so that it can be taken at any time:
    what was dealt with then is in it, and nothing else.

    ::

        store = SharedStore(make, full=100)
        store.join("run 1", "left arm", share=1.0)
        store.add(frame)    # an `Arrived` one, of a stream that has joined

    ``buffers`` makes a robot's online and offline one, by its name, which is None for the first
    robot; ``rows`` makes what fills them. A robot's share counts in full from ``full`` rows on.
    """

    def __init__(
        self,
        buffers: Callable[[str | None], tuple[ReplayBuffer, ReplayBuffer]],
        rows: Callable[[ReplayBuffer, ReplayBuffer], ExperienceStore],
        full: int,
    ) -> None:
        self.online, self.offline = Pool(full), Pool(full)
        self.streams: dict[str, Stream] = {}
        self._buffers, self._rows = buffers, rows

    def join(self, stream: str, robot: str, share: float) -> Stream:
        """A stream's state, which is made if it is a new one."""
        if robot not in self.online.buffers:
            first = not self.online.buffers
            own = self._buffers(None if first else robot)
            self.online.buffers[robot], self.offline.buffers[robot] = own
        for pool in (self.online, self.offline):
            pool.shares[robot] = share
        if stream not in self.streams:
            own = self.online.buffers[robot], self.offline.buffers[robot]
            self.streams[stream] = Stream(robot, self._rows(*own))
        return self.streams[stream]

    # In the learner's thread.

    def add(self, frame: Experience) -> None:
        """Keep a frame of the policy's own episodes."""
        assert isinstance(frame, Arrived)
        stream = self.streams[frame.stream]
        stream.rows.add(frame)
        stream.keep(frame)

    def demonstrate(self, frame: Experience) -> None:
        """Keep a frame of a demonstration, if that turns out to be one to learn from."""
        assert isinstance(frame, Arrived)
        stream = self.streams[frame.stream]
        stream.rows.demonstrate(frame)
        stream.keep(frame)

    def fill(self, rows: Iterable[Row], weight: float = 1.0) -> int:  # noqa: ARG002
        """Refused: rows come in a stream."""
        raise ValueError("rows of datasets come in a robot's stream")

    def begin_with(self, stream: str, number: int, row: Row, weight: float) -> None:
        """Keep a row of a dataset, which came as this message."""
        self.streams[stream].rows.fill([row], weight)
        self.dealt(stream, number)

    def dealt(self, stream: str, number: int) -> None:
        """A message that brings no row is dealt with."""
        self.streams[stream].number = number

    def refuse(self, stream: str, number: int) -> None:
        """A frame is not learned from, nor what its episode still waits with."""
        own = self.streams[stream]
        buffers = self.online.buffers[own.robot], self.offline.buffers[own.robot]
        own.rows = self._rows(*buffers)
        own.number = number
        own.episode.clear()

    def mixer(self, online_ratio: float) -> OnlineOfflineMixer:
        """What draws batches of which this share is the robots' own."""
        return OnlineOfflineMixer(self.online, self.offline, online_ratio)

    def numbers(self) -> dict[str, int]:
        """How far each stream is dealt with."""
        return {name: stream.number for name, stream in [*self.streams.items()]}

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """All of it; what comes later does not change these tensors."""
        state: dict[str, dict[str, Tensor]] = {}
        for robot in [*self.online.buffers]:
            state[f"{ONLINE}@{robot}"] = self.online.buffers[robot].state_dict()
            state[f"{OFFLINE}@{robot}"] = self.offline.buffers[robot].state_dict()
        for name, stream in [*self.streams.items()]:
            episode = b"".join(record(*one) for one in stream.episode)
            state[f"{_STREAM}@{name}"] = {
                "number": torch.tensor(stream.number),
                "episode": torch.frombuffer(bytearray(episode or b"\0"), dtype=torch.uint8),
                "episode_bytes": torch.tensor(len(episode)),
            }
        return state

    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from what `state_dict` gave, once the same streams have joined."""
        for robot in self.online.buffers:
            self.online.buffers[robot].load_state_dict(state[f"{ONLINE}@{robot}"])
            self.offline.buffers[robot].load_state_dict(state[f"{OFFLINE}@{robot}"])
        for name, stream in self.streams.items():
            own = state[f"{_STREAM}@{name}"]
            episode = own["episode"].numpy().tobytes()[: int(own["episode_bytes"])]
            stream.number = int(own["number"])
            stream.episode = [*records(episode)]
            for number, payload in stream.episode:
                message = unpacked(payload)
                frame = arrived(name, number, payload, message, stream.frames)
                if message.kind == OFFER:
                    stream.rows.remember(frame)
                else:
                    stream.rows.demonstrate(frame)  # which ends later: it adds no row


def arrived(
    stream: str, number: int, payload: bytes, message: Message, frames: FrameUnpacker
) -> Arrived:
    """The frame of a message. KeyError or ValueError if something is missing."""
    sent = frames.unpack(number, message)
    values = {name: getattr(sent, name) for name in SentFrame.__slots__}
    return Arrived(**values, stream=stream, payload=payload)
