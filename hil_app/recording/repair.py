"""Bringing a dataset in order after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av

from hil_app.files import DRAFT, remove_file
from hil_app.recording.dataset import Dataset
from hil_app.recording.disk import disk
from hil_app.recording.layout import (
    CHUNK,
    EPISODES,
    GROUP,
    JOURNAL,
    RECOVERY,
    DatasetError,
    Info,
    place,
)
from hil_app.recording.ledger import Ledger, last_row
from hil_app.recording.lock import Lock
from hil_app.recording.recovery import read_journal, settle


@dataclass(frozen=True)
class Repaired:
    """What there was to repair."""

    episode: int | None = None  # that a crash had cut short, and is now in the dataset
    frames: int = 0  # of it
    whole: bool = False  # it had been finished: nothing of it is missing
    removed: tuple[str, ...] = ()  # files that no episode needs, relative to the dataset

    @property
    def anything(self) -> bool:
        """Whether the dataset was changed."""
        return self.episode is not None or bool(self.removed)


def repair(root: Path) -> Repaired:
    """Bring back the frames of the episode that a crash cut short, and remove what is left over.

    Doing it again changes nothing. DatasetError if ``root`` is no dataset, is being written, or
    cannot be.
    """
    with Lock(root), disk(root):
        return mend(Ledger(root, Info.read(root)))


def mend(ledger: Ledger) -> Repaired:
    """The same for who has the dataset locked; ``ledger`` knows of the episode then."""
    root, index = ledger.root, ledger.info.episodes
    content = read_journal(root / JOURNAL)
    frames = 0
    if content is not None and content.index >= index:
        frames = settle(ledger, content)
    if (root / JOURNAL).exists():
        remove_file(root / JOURNAL)
    with suppress(OSError):  # a stranger's files may be in it
        (root / RECOVERY).rmdir()
    removed = list(_left_over(root, ledger.info))
    for path in removed:
        remove_file(path)
    if removed and ours(root, ledger.info):
        ledger.trim()
    names = tuple(str(path.relative_to(root)) for path in removed)
    if frames == 0 or content is None:
        return Repaired(removed=names)
    return Repaired(index, frames, content.whole, names)


def _left_over(root: Path, info: Info) -> Iterator[Path]:
    """Drafts, and files of episodes that do not count: a crash came between them."""
    for folder in ("data", "meta", "videos"):
        yield from sorted((root / folder).rglob(f"*{DRAFT}"))
    if not ours(root, info):
        return
    groups = -(-info.episodes // GROUP)
    for pattern, count in (
        ("data/*/*.parquet", info.episodes),
        ("videos/*/*/*.mp4", info.episodes),
        (f"{EPISODES}/*/*.parquet", groups),
    ):
        for path in sorted(root.glob(pattern)):
            if (number := _number(path)) is not None and number >= count:
                yield path


def ours(root: Path, info: Info) -> bool:
    """Whether each episode has files of its own, as here; other tools put several in one."""
    if info.episodes == 0:
        return True
    with suppress(DatasetError):
        row = last_row(root, info.episodes)
        where = place(info.episodes - 1)
        return "stage" in row and all(row[f"data/{key}"] == where[key] for key in where)
    return False


def _number(path: Path) -> int | None:
    """Which file it is, over all chunks."""
    chunk, file = path.parent.name.removeprefix("chunk-"), path.stem.removeprefix("file-")
    return int(chunk) * CHUNK + int(file) if chunk.isdecimal() and file.isdecimal() else None


def damage(dataset: Dataset) -> Iterator[str]:
    """A line for everything that cannot be read, without decoding pictures."""
    for episode in dataset.episodes:
        try:
            dataset.columns(episode.index)
            filmed = dataset.info.cameras.items()
            for camera in (c for c, key in filmed if dataset.features[key].dtype == "video"):
                _check_video(*dataset.video(episode.index, camera))
        except DatasetError as error:
            yield f"episode {episode.index}: {error}"


def _check_video(path: Path, start: float, count: int) -> None:
    try:
        with av.open(str(path)) as file:
            found = sum(packet.size > 0 for packet in file.demux(video=0))
    except (av.FFmpegError, IndexError, OSError) as error:
        raise DatasetError(f"{path} is missing or damaged ({error})") from error
    if start == 0 and found < count:
        raise DatasetError(f"{path} is cut short: {found} pictures of {count}")
