"""A learner's state as messages; a block of images that has not changed is sent once."""

from __future__ import annotations

from safetensors.torch import load, save
from torch import Tensor

from hil_app.learning.checkpoint import BLOCK, Tensors
from hil_app.support.wire import Connection, Message

BLOCK_SENT, GROUP_SENT = "block", "group"  # kinds of messages
_BLOCK = "block"


class SnapshotSender:
    """Sends snapshots, one after the other, to a `SnapshotReceiver`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sent: dict[int, tuple[int, Tensor]] = {}  # id of a block -> its number, itself
        self._count = 0

    def send(self, tensors: Tensors) -> None:
        """Send all of it but the blocks that the last one had too."""
        before, self._sent = self._sent, {}
        for group, content in tensors.items():
            blocks = {k: t for k, t in content.items() if k.startswith(BLOCK)}
            numbers = {name: self._number(block, before) for name, block in blocks.items()}
            rest = {k: t.contiguous() for k, t in content.items() if k not in blocks}
            self._connection.send(GROUP_SENT, {"name": group, "blocks": numbers}, save(rest))

    def _number(self, block: Tensor, before: dict[int, tuple[int, Tensor]]) -> int:
        """The number of a block, which is sent if it is a new one."""
        known = before.get(id(block)) or self._sent.get(id(block))
        if known is None:
            self._count += 1
            known = self._count, block
            content = save({_BLOCK: block.contiguous()})
            self._connection.send(BLOCK_SENT, {"number": self._count}, content)
        self._sent[id(block)] = known
        return known[0]


class SnapshotReceiver:
    """Puts together what a `SnapshotSender` sends: unchanged blocks are the same objects again."""

    def __init__(self) -> None:
        self._blocks: dict[int, Tensor] = {}
        self._used: set[int] = set()
        self._groups: dict[str, dict[str, Tensor]] = {}

    def take(self, message: Message) -> bool:
        """Take in a message, if it is one of a snapshot; returns whether it is."""
        if message.kind == BLOCK_SENT:
            self._blocks[message.facts["number"]] = load(message.arrays)[_BLOCK]
        elif message.kind == GROUP_SENT:
            numbers: dict[str, int] = message.facts["blocks"]
            blocks = {name: self._blocks[number] for name, number in numbers.items()}
            self._used |= set(numbers.values())
            self._groups[message.facts["name"]] = {**load(message.arrays), **blocks}
        return message.kind in (BLOCK_SENT, GROUP_SENT)

    def done(self) -> Tensors:
        """The snapshot that has arrived whole."""
        tensors, self._groups = self._groups, {}
        self._blocks = {number: self._blocks[number] for number in self._used}
        self._used = set()
        return tensors
