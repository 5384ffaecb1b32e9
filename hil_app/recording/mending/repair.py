"""Bringing a dataset in order after a crash.

Nothing that can be read is removed: what no episode needs is set aside, in the dataset's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from configs.names import DONE
from configs.text.reading import shown
from configs.text.writing import DRAFT, is_draft
from hil_app.recording.disk import disk
from hil_app.recording.format.layout import (
    CHUNK,
    EPISODES,
    GROUP,
    INFO,
    JOURNAL,
    RECOVERY,
    SET_ASIDE,
    DatasetError,
    Info,
    data_file,
)
from hil_app.recording.format.rows import Numbers
from hil_app.recording.format.tables import columns_of, read_table
from hil_app.recording.index import DatasetIndex, last_row
from hil_app.recording.lock import Lock
from hil_app.recording.mending.recovery import (
    Head,
    JournalContent,
    Part,
    numbers_of,
    read_journal,
    settle,
)
from hil_app.recording.mending.reindex import STAGE, Reindex, is_ours, is_same
from hil_app.recording.mending.set_aside import NOTE, SetAsideFiles
from hil_app.support.files import remove_file
from hil_app.support.words import plural

RECENT = 100  # episodes among which those of a journal may be that was brought back before
FOLDERS = ("data", "meta", "videos", str(RECOVERY), str(SET_ASIDE))


@dataclass(frozen=True)
class Repaired:
    """What there was to repair."""

    episode: int | None = None  # that a crash had cut short, and is now in the dataset
    frames: int = 0  # of it
    parts: int = 0  # episodes that became of it, from that on: more than one if it is damaged
    whole: bool = False  # it had been finished: nothing of it is missing
    damaged: int = 0  # bytes of its journal that cannot be read
    found: int = 0  # whole episodes that the index did not know, or knew wrongly
    set_aside: tuple[str, ...] = ()  # files that no episode needs, relative to the dataset
    place: Path | None = None  # where they are now

    @property
    def anything(self) -> bool:
        """Whether the dataset was changed."""
        return self.episode is not None or bool(self.found) or bool(self.set_aside)


def report_of(found: Repaired) -> list[str]:
    """What was repaired, in lines; none if nothing was."""
    said = []
    if found.found:
        said.append(
            f"{plural(found.found, 'episode')} that meta/ did not know of can be read again"
        )
    if found.episode is not None:
        how = "it had been finished" if found.whole else "its last frame is marked as truncated"
        if found.parts > 1:
            how = f"it is damaged between them, and now {found.parts} episodes"
        frames = plural(found.frames, "frame")
        said.append(f"brought back episode {found.episode} with {frames}: {how}")
    if found.damaged:
        said.append(f"{found.damaged} bytes of the episode's journal cannot be read")
    if found.set_aside:
        files = plural(len(found.set_aside), "file")
        said.append(f"{files} set aside in {found.place}: its {NOTE} says why; remove it at will")
    return said


def repair(root: Path) -> Repaired:
    """Have all count that can be read: whole episodes, and what there is of one cut short.

    Doing it again changes nothing. DatasetError if ``root`` is no dataset, is being written, or
    cannot be.
    """
    with Lock(root), disk(root):
        info = Info.read(root)
        return mend(root, info)[1] if is_ours(root, info) else Repaired()


def mend(root: Path, info: Info) -> tuple[DatasetIndex, Repaired]:
    """The same for who has the dataset locked, which must be one of ours."""
    check_links(root)
    _check_kinds(root, info)
    set_aside = SetAsideFiles(root)
    journal = _journal(root, info, set_aside)
    index = Reindex(root, info, set_aside, journal)
    index.run()
    for path in _left_over(root, index.info):
        set_aside.take(path, "no episode that counts needs it")
    dataset_index = DatasetIndex(root, index.info)
    dataset_index.write_stats()
    back = (
        Repaired()
        if journal is None
        else _settled(dataset_index, info.episodes, journal, set_aside)
    )
    for path in _drafts(root):
        remove_file(path)
    with suppress(OSError):  # other files may be in it
        (root / RECOVERY).rmdir()
    set_aside.forget_copies()
    names = tuple(map(str, set_aside.moved))
    place = set_aside.place if names else None
    found = index.found - back.parts + dataset_index.info.episodes - index.info.episodes
    return dataset_index, replace(back, found=found, set_aside=names, place=place)


def _check_kinds(root: Path, info: Info) -> None:
    """DatasetError if a column is of a kind that is never recorded: ``info.json`` is damaged."""
    for key, feature in info.features.items():
        if not feature.is_number and not feature.is_image:
            raise DatasetError(
                f"{root / INFO} says that {key} is of the kind {shown(feature.dtype, 40)}, which "
                "is never recorded: nothing was changed. Restore it from a copy"
            )


def check_links(root: Path) -> None:
    """DatasetError if something in a dataset is a link: what it leads to is not the dataset's."""
    parts = [root / name for name in FOLDERS]
    while parts:
        path = parts.pop()
        if path.is_symlink():
            raise DatasetError(
                f"{path} is a link, and what it leads to may belong to others: nothing was "
                "changed. Put a copy in its place"
            )
        if path.is_dir():
            parts += path.iterdir()


def _journal(root: Path, info: Info, set_aside: SetAsideFiles) -> JournalContent | None:
    """What the journal holds, if there is one; what is no file is set aside."""
    if not os.path.lexists(root / JOURNAL):
        return None
    if not (root / JOURNAL).is_file():
        set_aside.take(root / JOURNAL, "it is no file")
        return None
    return read_journal(root / JOURNAL, info)


def _settled(
    dataset_index: DatasetIndex, counted: int, journal: JournalContent, set_aside: SetAsideFiles
) -> Repaired:
    """Bring a journal's frames into the dataset, and remove it if nothing of it is missing.

    There were ``counted`` episodes before any repair.
    """
    parts, new, frames, used = journal.parts(dataset_index.info), [], 0, True
    head = journal.head or _guessed(dataset_index)
    for number, part in enumerate(parts):
        episode, length = _there(dataset_index, journal, head.episode + number, part), part.length
        if episode is None:
            episode, length = (
                dataset_index.info.episodes,
                settle(dataset_index, journal, head, part),
            )
        used &= length > 0
        if episode >= counted and length:
            new.append(episode)
            frames += length
    if journal.damaged or not used or not journal.goes_on(parts):
        lost = f"{journal.damaged} of {journal.path.stat().st_size} bytes cannot be read"
        set_aside.take(journal.path, f"it is damaged: {lost}; the dataset has what is whole of it")
    else:
        remove_file(journal.path)
    whole = journal.complete(parts)
    return Repaired(min(new, default=None), frames, len(new), whole, journal.damaged)


def _there(
    dataset_index: DatasetIndex, journal: JournalContent, episode: int, part: Part
) -> int | None:
    """Which episode a part of a journal is already: that one, or one of the last; None if none."""
    wanted, count = numbers_of(journal, dataset_index.info, part), dataset_index.info.episodes
    near: set[int] = {episode, *range(count - RECENT, count)} & {*range(count)}
    for number in sorted(near):
        numbers = _numbers(dataset_index, number)
        if numbers is not None and len(numbers[DONE]) == part.length and is_same(numbers, wanted):
            return number
    return None


def _numbers(dataset_index: DatasetIndex, episode: int) -> Numbers | None:
    """An episode's numbers, if they can be read."""
    path = data_file(dataset_index.root, episode)
    with suppress(DatasetError):
        return columns_of(read_table(path), dataset_index.info, path)
    return None


def _guessed(dataset_index: DatasetIndex) -> Head:
    """What a journal's head may have said, if that is damaged: what was last recorded."""
    info = dataset_index.info
    row = last_row(dataset_index.root, info.episodes) if info.episodes else {}
    stage, tasks = row.get("stage") or STAGE, row.get("tasks") or ["a task whose name is lost"]
    codecs = [(info.features[key].info or {}).get("video.codec") for key in info.cameras.values()]
    return Head(info.episodes, stage, tasks[0], str(codecs[0]) if codecs else "h264")


def _left_over(root: Path, info: Info) -> Iterator[Path]:
    """Files of episodes that do not count."""
    groups = -(-info.episodes // GROUP)
    for pattern, count in (
        ("data/*/*.parquet", info.episodes),
        *((f"videos/{key}/*/*.mp4", info.episodes) for key in info.cameras.values()),
        (f"{EPISODES}/*/*.parquet", groups),
    ):
        for path in sorted(root.glob(pattern)):
            if (number := _number(path)) is not None and number >= count:
                yield path


def _drafts(root: Path) -> Iterator[Path]:
    """What a crash left of files that were being written."""
    for folder in ("data", "meta", "videos"):
        paths = sorted((root / folder).rglob(f"*{DRAFT}"))
        yield from (path for path in paths if is_draft(path) and path.is_file())


def _number(path: Path) -> int | None:
    """Which file it is, over all chunks."""
    chunk, file = path.parent.name.removeprefix("chunk-"), path.stem.removeprefix("file-")
    return int(chunk) * CHUNK + int(file) if chunk.isdecimal() and file.isdecimal() else None
