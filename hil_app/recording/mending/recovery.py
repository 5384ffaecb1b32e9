"""From the journal of an episode to the episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import av

from configs.text.reading import parse_json
from hil_app.recording.format.layout import AFTER_PAUSE, FINAL, DatasetError, Info, size_of
from hil_app.recording.format.rows import Numbers, Packer
from hil_app.recording.format.stats import Levels, Stats
from hil_app.recording.images.video import CODECS, decoded
from hil_app.recording.index import DatasetIndex, EpisodeData
from hil_app.recording.journal import (
    BARE_ROW,
    ENCODED,
    END,
    FRAME,
    HEADER,
    NUMBER,
    PACKET,
    ROW,
    JournalRecord,
    Records,
)

MOST_PARTS = 100  # episodes that a damaged journal may become: the longest ones


class Head(NamedTuple):
    """What a journal says of its episode."""

    episode: int
    stage: str
    task: str
    codec: str


class Stored(NamedTuple):
    """Where the journal has an encoded image."""

    key: bool
    place: int
    size: int


class Part(NamedTuple):
    """Frames of an episode that follow each other, with all their images."""

    first: int
    length: int

    @property
    def end(self) -> int:
        """The number behind its last frame."""
        return self.first + self.length


@dataclass
class JournalContent:
    """What a journal holds."""

    path: Path
    head: Head | None  # None if it is damaged
    rows: dict[int, bytes] = field(default_factory=dict)  # by number
    packets: list[dict[int, Stored]] = field(default_factory=list)  # by camera, then number
    frames: int | None = None  # of the episode, if it had been finished
    damaged: int = 0  # bytes that cannot be read

    def parts(self, info: Info) -> list[Part]:
        """The frames that can be used, in order: several parts where there is damage amid them.

        A frame is whole with its numbers and the image behind it, which shows what came of it.
        """
        shown = [_decodable(packets) for packets in self.packets]
        found: list[Part] = []
        for number in sorted(self.rows):
            if not all(number in seen and number + 1 in seen for seen in shown):
                continue
            if found and found[-1].end == number:
                found[-1] = Part(found[-1].first, found[-1].length + 1)
            else:
                found.append(Part(number, 1))
        cut = (self._before_pause(info, part) for part in found)
        longest = sorted((part for part in cut if part.length), key=lambda part: -part.length)
        return sorted(longest[:MOST_PARTS])

    def _before_pause(self, info: Info, part: Part) -> Part:
        """Without last frames whose following image was made after a pause."""
        while part.length and part.end in self.rows:
            if not numbers_of(self, info, Part(part.end, 1))[AFTER_PAUSE][0]:
                break
            part = Part(part.first, part.length - 1)
        return part

    def goes_on(self, parts: list[Part]) -> bool:
        """Whether ``parts`` are the episode from its begin on, and only its end may be missing."""
        return len(parts) <= 1 and sum(part.length for part in parts) + 2 >= len(self.rows)

    def complete(self, parts: list[Part]) -> bool:
        """Whether ``parts`` are the whole episode, which had been finished."""
        return self.damaged == 0 and parts == [Part(0, self.frames or 0)]

    def images(self, camera: int, first: int, end: int) -> Iterator[tuple[int, bool, bytes]]:
        """Encoded images from number ``first`` on, counted from 0; OSError if one is gone."""
        with Records(self.path) as file:
            for number in range(first, end):
                key, place, size = self.packets[camera][number]
                yield number - first, key, file.read(place, size)


def _decodable(packets: Mapping[int, Stored]) -> set[int]:
    """The images for which there is all that decoding needs."""
    found: set[int] = set()
    for number in sorted(packets):
        if packets[number].key or number - 1 in found:
            found.add(number)
    return found


def read_journal(path: Path, info: Info) -> JournalContent:
    """All that is whole in the journal of an episode of such a dataset; OSError if it has none."""
    cameras = list(info.cameras.values())
    content = JournalContent(path, None, packets=[{} for _ in cameras])
    size = Packer(info.features).size
    with Records(path) as records:
        for record in records:
            if record.kind == HEADER:
                content.head = _head(record, cameras) if record.place == 0 else content.head
                known = record.place == 0 and content.head is not None
            else:
                known = _note(content, record, size, records.damaged > 0)
            content.damaged += 0 if known else record.end - record.place
        content.damaged += records.damaged
    return content


def _note(content: JournalContent, record: JournalRecord, size: int, torn: bool) -> bool:
    """Take a record in; returns whether it is one that such a journal may have."""
    kind, body = record.kind, record.content
    if kind == PACKET and len(body) > ENCODED.size:
        camera, key, number = ENCODED.unpack_from(body)
        if camera >= len(content.packets) or number < 0:
            return False
        place = record.place + FRAME.size + 1 + ENCODED.size
        stored = Stored(bool(key), place, len(body) - ENCODED.size)
        return content.packets[camera].setdefault(number, stored) is stored
    if kind == ROW and len(body) == NUMBER.size + size:
        (number,) = NUMBER.unpack_from(body)
        row = body[NUMBER.size :]
        return number >= 0 and content.rows.setdefault(number, row) is row
    if kind == BARE_ROW and len(body) == size and not torn:
        content.rows[len(content.rows)] = body
        return True
    if kind == END and content.frames is None:
        content.frames = _frames(body)
        return content.frames is not None
    return False


def _head(record: JournalRecord, cameras: list[str]) -> Head | None:
    """What a journal says first, if it is of a dataset with these cameras."""
    with suppress(ValueError, RecursionError):
        said = parse_json(record.content)
        if not isinstance(said, dict) or said.get("cameras") != cameras:
            return None
        number, *texts = (said.get(name) for name in Head._fields)
        stage, task, codec = (text if isinstance(text, str) else "" for text in texts)
        if type(number) is int and number >= 0 and stage and codec in CODECS:
            return Head(number, stage, task, codec)
    return None


def _frames(body: bytes) -> int | None:
    """How many frames an episode has that had been finished."""
    with suppress(ValueError, RecursionError):
        said = parse_json(body)
        if isinstance(said, dict) and type(frames := said.get("frames")) is int and frames > 0:
            return frames
    return None


def settle(
    dataset_index: DatasetIndex,
    content: JournalContent,
    head: Head,
    part: Part,
    images: Mapping[str, Stats] | None = None,
) -> int:
    """Keep a part of a journal as an episode; returns its frames, 0 if it cannot be used after all.

    ``images`` are the cameras' statistics, if they are known. OSError if the disk refuses.
    """
    info, length = dataset_index.info, part.length
    columns = numbers_of(content, info, part)
    videos = {
        key: JournalVideo(content, camera, part) for camera, key in enumerate(info.cameras.values())
    }
    try:
        if images is None:
            images = {
                key: _levels(video, length, head.codec, size_of(info.features[key]))
                for key, video in videos.items()
            }
    except (av.FFmpegError, DatasetError):
        return 0
    final = {key: values[length - 1] for key, values in columns.items() if key.startswith(FINAL)}
    columns = {key: values for key, values in columns.items() if key not in final}
    dataset_index.keep(
        EpisodeData(
            {**columns, **final},
            {key: video.packets(length) for key, video in videos.items()},
            images,
            head.stage,
            head.task,
            content.frames != part.end or part.first > 0,
            head.codec,
            {key: video.lead for key, video in videos.items()},
        )
    )
    return length


class JournalVideo:
    """What a camera saw in a part of a journal."""

    def __init__(self, content: JournalContent, camera: int, part: Part) -> None:
        self._content, self._camera, self._part = content, camera, part
        stored = content.packets[camera]
        self.lead = 0  # images before the part's first, which decoding has to begin with
        while not stored[part.first - self.lead].key:
            self.lead += 1

    def packets(self, length: int) -> Iterator[tuple[int, bool, bytes]]:
        """The encoded images of ``length`` frames and what came of the last, numbered from 0."""
        first = self._part.first - self.lead
        return self._content.images(self._camera, first, self._part.first + length + 1)


def _levels(video: JournalVideo, length: int, codec: str, size: tuple[int, int]) -> Stats:
    """The statistics of the images of ``length`` frames.

    DatasetError or an FFmpegError if they are none, or not of this ``size``.
    """
    levels, count = Levels(), 0
    for count, image in enumerate(decoded(video.packets(length), codec), 1):
        if image.shape[:2] != size:
            raise DatasetError("other images than the dataset's")
        if video.lead < count <= video.lead + length:
            levels.add(image)
    if count != video.lead + length + 1:
        raise DatasetError("images that cannot be decoded")
    return levels.stats()


def numbers_of(content: JournalContent, info: Info, part: Part) -> Numbers:
    """The numbers of a part's frames, by column."""
    rows = (content.rows[number] for number in range(part.first, part.end))
    return Packer(info.features).unpack(rows)
