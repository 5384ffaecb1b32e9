"""From the journal of an episode to the episode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.reading import parse_json
from hil_app.recording.journal import END, HEADER, PACKET, ROW, Packet, records
from hil_app.recording.layout import AFTER_PAUSE, FINAL
from hil_app.recording.ledger import Ledger, Whole
from hil_app.recording.rows import Packer
from hil_app.recording.stats import Levels, Stats
from hil_app.recording.video import decoded


@dataclass
class Content:
    """What a journal holds."""

    header: Mapping[str, Any]
    rows: list[bytes] = field(default_factory=list)
    packets: list[list[tuple[int, bool, bytes]]] = field(default_factory=list)  # by camera
    whole: bool = False

    @property
    def index(self) -> int:
        """The episode's number in the dataset."""
        return int(self.header["episode"])


def read_journal(path: Path) -> Content | None:
    """All that is whole in a journal; None if not even its head is, or there is none."""
    if not path.exists():
        return None
    found = records(path)
    kind, head = next(found, (b"", b""))
    if kind != HEADER:
        return None
    header = parse_json(head)
    content = Content(header, packets=[[] for _ in header["cameras"]])
    for kind, body in found:
        if kind == ROW:
            content.rows.append(body)
        elif kind == PACKET:
            packet = Packet.unpack(body)
            content.packets[packet.camera].append((packet.number, packet.key, packet.content))
        elif kind == END:
            content.whole = True
    return content


def settle(ledger: Ledger, content: Content, pictures: Mapping[str, Stats] | None = None) -> int:
    """Keep the episode of a journal; returns its frames, 0 if there is not one that is whole.

    ``pictures`` are the cameras' statistics, if they are known.
    """
    info = ledger.info
    columns = Packer(info.features).unpack(content.rows)
    length = len(content.rows)
    if not content.whole:
        length = min([length, *(len(packets) - 1 for packets in content.packets)])
        paused = columns[AFTER_PAUSE]
        while 0 < length < len(paused) and paused[length]:
            length -= 1  # the picture behind it does not show what came of it
    if length <= 0:
        return 0
    final = {key: values[length - 1] for key, values in columns.items() if key.startswith(FINAL)}
    columns = {key: values[:length] for key, values in columns.items() if key not in final}
    by_key = {
        key: packets[: length + 1]
        for key, packets in zip(content.header["cameras"], content.packets, strict=True)
    }
    codec = content.header["codec"]
    if pictures is None:
        pictures = {key: _levels(packets[:length], codec) for key, packets in by_key.items()}
    ledger.keep(
        Whole(
            {**columns, **final},
            by_key,
            pictures,
            content.header["stage"],
            content.header["task"],
            not content.whole,
            codec,
        )
    )
    return length


def _levels(packets: list[tuple[int, bool, bytes]], codec: str) -> Stats:
    levels = Levels()
    for picture in decoded(packets, codec):
        levels.add(picture)
    return levels.stats()
