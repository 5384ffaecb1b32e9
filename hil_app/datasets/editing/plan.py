"""What an edit leaves of a dataset: episode by episode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hil_app.datasets.editing.edits import Delete, Edit, Mark, Operation, Restore, Trim
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.support.words import plural


@dataclass(frozen=True)
class Kept:
    """An episode that goes into the edited dataset."""

    dataset: Dataset  # that it is from
    episode: int  # its number there
    first: int  # frame that is kept
    end: int  # behind the last one that is
    success: bool | None = None  # what it is marked as; None as it was

    @classmethod
    def whole(cls, dataset: Dataset, episode: int) -> Kept:
        """All of an episode, as it was."""
        return cls(dataset, episode, 0, dataset.episodes[episode].length)

    @property
    def length(self) -> int:
        """Frames."""
        return self.end - self.first

    @property
    def is_trimmed(self) -> bool:
        """Whether frames of it are left out."""
        return self.length != self.dataset.episodes[self.episode].length

    @property
    def is_changed(self) -> bool:
        """Whether it is another than before, wherever it stands."""
        return self.is_trimmed or self.success is not None


def plan(dataset: Dataset, edit: Edit, version: Callable[[int], Dataset]) -> list[Kept]:
    """What ``edit`` leaves of ``dataset``, in order.

    ``version`` gives the dataset as it was before an earlier edit, which counts from 1.
    DatasetError if the edit does not fit: an episode or frame is not there, or two operations
    contradict each other.
    """
    if not edit:
        raise DatasetError(f"{dataset.root}: an edit without operations changes nothing")
    deleted, trims, marks = _by_episode(dataset, edit)
    kept = [
        _kept(dataset, about.index, trims, marks)
        for about in dataset.episodes
        if about.index not in deleted
    ]
    restored = [o for o in edit if isinstance(o, Restore)]
    if len(set(restored)) < len(restored):
        raise DatasetError(f"{dataset.root}: an episode is restored twice")
    kept += [Kept.whole(version(o.edit), o.episode) for o in restored]
    if not kept:
        raise DatasetError(
            f"{dataset.root}: this would leave no episode: keep one, or remove the folder"
        )
    return kept


def _by_episode(dataset: Dataset, edit: Edit) -> tuple[set[int], dict[int, Trim], dict[int, Mark]]:
    """The operations on episodes that are there; DatasetError if they cannot be."""
    deleted: set[int] = set()
    trims: dict[int, Trim] = {}
    marks: dict[int, Mark] = {}
    for operation in edit:
        number = operation.episode
        if isinstance(operation, Restore):
            continue
        if number >= len(dataset.episodes):
            count = plural(len(dataset.episodes), "episode")
            raise DatasetError(f"{dataset.root} has no episode {number}: it has {count}, from 0 on")
        _check_alone(dataset, operation, deleted, trims, marks)
        if isinstance(operation, Delete):
            deleted.add(number)
        elif isinstance(operation, Mark):
            marks[number] = operation
        else:
            _check_frames(dataset, operation)
            trims[number] = operation
    return deleted, trims, marks


def _check_alone(
    dataset: Dataset,
    operation: Operation,
    deleted: set[int],
    trims: dict[int, Trim],
    marks: dict[int, Mark],
) -> None:
    number = operation.episode
    others: tuple[set[int] | dict[int, Trim] | dict[int, Mark], ...] = {
        "delete": (deleted, trims, marks),
        "mark": (deleted, marks),
        "trim": (deleted, trims),
    }[operation.do]
    if any(number in other for other in others):
        raise DatasetError(
            f"{dataset.root}: two operations on episode {number} contradict each other: give one"
        )


def _check_frames(dataset: Dataset, trim: Trim) -> None:
    length = dataset.episodes[trim.episode].length
    if not trim.first <= trim.last < length:
        raise DatasetError(
            f"{dataset.root}: episode {trim.episode} has the frames 0 to {length - 1}, of which "
            f"{trim.first} to {trim.last} cannot be kept"
        )


def _kept(dataset: Dataset, number: int, trims: dict[int, Trim], marks: dict[int, Mark]) -> Kept:
    trim, mark = trims.get(number), marks.get(number)
    whole = Kept.whole(dataset, number)
    first, end = (whole.first, whole.end) if trim is None else (trim.first, trim.last + 1)
    return Kept(dataset, number, first, end, None if mark is None else mark.success)


def all_of(dataset: Dataset, first: int = 0) -> Sequence[Kept]:
    """The episodes of a dataset from number ``first`` on, as they are."""
    return [Kept.whole(dataset, about.index) for about in dataset.episodes[first:]]
