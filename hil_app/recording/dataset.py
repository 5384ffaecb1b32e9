"""Reading a dataset: episode by episode, each picture decoded once, nothing held that is past."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from configs.names import ACTION, DONE, REWARD, TRUNCATED
from hil_app.recording.episodes import EpisodeInfo as EpisodeInfo  # named with its dataset
from hil_app.recording.episodes import episode_of, episode_rows
from hil_app.recording.frames import Frame
from hil_app.recording.layout import (
    AFTER_PAUSE,
    AGE,
    BY_HAND,
    BY_HAND_TOO,
    EPISODES,
    FINAL,
    PENALTY,
    PICTURES,
    POLICY_ACTION,
    SENT,
    STAMP,
    SUCCESS,
    VERSION_OF_WEIGHTS,
    DatasetError,
    Feature,
    Info,
)
from hil_app.recording.rows import Numbers
from hil_app.recording.tables import column, read_table
from hil_app.recording.video import read_images, read_video
from processors.base import Features
from robots.base import JOINTS, U8


class Dataset:
    """A LeRobotDataset v3.0 as it is now; episodes that come later need a new one.

    It may be written meanwhile. Raises DatasetError with one line of what is wrong and what to do::

        dataset = Dataset(Path("runs/pick/dataset"))
        for episode in dataset.episodes:
            for frame in dataset.frames(episode.index):
                ...
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.info = Info.read(root)
        self._shared: tuple[Path | None, Any] = None, None
        self._rows = episode_rows(root, self.info)
        self.episodes: Sequence[EpisodeInfo] = [episode_of(row) for row in self._rows]

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.info.fps

    @property
    def robot_type(self) -> str:
        """Which robot it was."""
        return self.info.robot_type

    @property
    def features(self) -> Mapping[str, Feature]:
        """What the columns hold."""
        return self.info.features

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras' names, without ``observation.images.``."""
        return tuple(self.info.cameras)

    def __len__(self) -> int:
        """All frames."""
        return self.info.frames

    def columns(self, episode: int) -> Numbers:
        """An episode's numbers: observations and actions (T, n), all else (T,)."""
        path, table = self._table(episode)
        return {
            key: column(table, key, feature, path)
            for key, feature in self.features.items()
            if feature.dtype not in (*PICTURES, "string")
        }

    def _table(self, episode: int) -> tuple[Path, Any]:
        """The rows of an episode, and the file that they are from."""
        row = self._rows[episode]
        path = self.root / self.info.data_path.format(
            chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
        )
        if self._shared[0] == path:
            table = self._shared[1]
        elif (table := read_table(path)).num_rows > row["length"]:
            self._shared = path, table  # other tools put many episodes in a file
        if table.num_rows > row["length"]:
            table = _part(table, episode, path)
        if table.num_rows != row["length"]:
            raise DatasetError(
                f"{path} has {table.num_rows} frames of episode {episode}, which had "
                f"{row['length']}: restore a copy"
            )
        return path, table

    def final(self, episode: int) -> Numbers | None:
        """The numbers of what was seen after an episode's last action; None if not recorded."""
        row = self._rows[episode]  # of a merge with a dataset that has none, it is null
        found = {
            key: np.asarray(row[f"{FINAL}{key}"], feature.dtype)
            for key, feature in self.features.items()
            if row.get(f"{FINAL}{key}") is not None
        }
        return found or None

    def pictures(self, episode: int, camera: str) -> Iterator[U8]:
        """An episode's pictures (height, width, 3) in order, each decoded once.

        There are T, or T + 1 where what was seen last is recorded too.
        """
        key = self.info.cameras.get(camera)
        if key is not None and self.features[key].dtype == "image":
            return read_images(*self._table(episode), key)
        path, start, count = self.video(episode, camera)
        return read_video(path, start, count, self.fps)

    def video(self, episode: int, camera: str) -> tuple[Path, float, int]:
        """Where an episode's pictures are: the file, their begin [s] and how many there are."""
        key = self.info.cameras.get(camera)
        if key is None or self.info.video_path is None or self.features[key].dtype != "video":
            raise DatasetError(
                f"{self.root} has no video of a camera {camera}; it has those of "
                f"{', '.join(self.cameras) or 'none'}"
            )
        row = self._rows[episode]
        try:
            place = {name: row[f"videos/{key}/{name}"] for name in ("chunk_index", "file_index")}
            start = float(row[f"videos/{key}/from_timestamp"])
        except KeyError as error:
            raise DatasetError(f"{self.root / EPISODES} has no {error}: restore a copy") from None
        path = self.root / self.info.video_path.format(video_key=key, **place)
        return path, start, row["length"] + (self.final(episode) is not None)

    def frames(self, episode: int, cameras: Collection[str] | None = None) -> Iterator[Frame]:
        """An episode's frames, as the loop made them, with all pictures or those of ``cameras``.

        A frame's ``next_state`` is the very object that is the next frame's ``state``. What a
        dataset of other tools lacks: the policy wanted what was done; a person acted; the episode
        succeeded if it ended with a reward; an end without one, or that is not marked, is
        truncated, and then the last row, whose next state is not known, is left out. The frame
        before an ``after_pause`` has the state after the pause for its next.
        """
        if ACTION not in self.features:
            raise DatasetError(f"{self.root} has no {ACTION} in it: frames need one")
        columns, final = self.columns(episode), self.final(episode)
        facts = _facts(columns)
        length = len(columns[ACTION])
        following: Features = {}
        for number, seen in enumerate(self._seen(episode, columns, final, cameras)):
            if number:
                frame = _frame(number - 1, following, seen, facts)
                cut = final is None and number == length - 1 and not facts[DONE][-1]
                yield replace(frame, truncated=True) if cut else frame
            following = seen
        if final is None and length and facts[DONE][-1]:
            yield _frame(length - 1, following, following, facts)

    def _seen(
        self,
        episode: int,
        columns: Numbers,
        final: Numbers | None,
        wanted: Collection[str] | None,
    ) -> Iterator[Features]:
        """All observations of an episode, in order, the last one too if it is recorded."""
        keys = [key for key in columns if key.startswith("observation.")]
        length = len(columns[ACTION]) + (final is not None)
        cameras = {
            key: self.pictures(episode, name)
            for name, key in self.info.cameras.items()
            if wanted is None or name in wanted
        }
        for number in range(length):
            numbers = (
                {k: columns[k][number] for k in keys} if number < len(columns[ACTION]) else final
            )
            pictures = {key: next(camera) for key, camera in cameras.items()}
            yield {**(numbers or {}), **pictures}


def _part(table: Any, episode: int, path: Path) -> Any:
    """The rows of one episode."""
    try:
        indices = table.column("episode_index").to_numpy()
    except KeyError:
        raise DatasetError(f"{path} has no column episode_index: restore a copy") from None
    rows = np.flatnonzero(indices == episode)
    return table.slice(rows[0], len(rows)) if len(rows) else table.slice(0, 0)


def _facts(columns: Numbers) -> Numbers:
    """The columns that frames need, with defaults for those that are missing."""
    length = len(columns[ACTION])
    nothing = np.zeros(length, np.float32)
    no, yes = np.zeros(length, bool), np.ones(length, bool)
    reward, done = columns.get(REWARD, nothing), columns.get(DONE, no)
    if TRUNCATED not in columns:  # other tools call the time limit done, too
        done = done & (reward > 0)
    ends = np.arange(length) == length - 1
    return {
        POLICY_ACTION: columns[ACTION],
        SENT: np.full((length, len(JOINTS)), np.nan, np.float32),
        REWARD: reward,
        TRUNCATED: ends & ~done,
        SUCCESS: done & (reward > 0),
        PENALTY: nothing,
        BY_HAND: columns.get(BY_HAND_TOO, yes),
        VERSION_OF_WEIGHTS: np.zeros(length, np.int64),
        STAMP: columns.get("timestamp", nothing).astype(np.float64),
        AFTER_PAUSE: no,
        **columns,
        DONE: done,
    }


def _frame(number: int, state: Features, following: Features, facts: Numbers) -> Frame:
    at = {key: values[number] for key, values in facts.items()}
    return Frame(
        tick=number + 1,
        state=state,
        action=at[ACTION],
        policy_action=at[POLICY_ACTION],
        sent=at[SENT],
        next_state=following,
        reward=float(at[REWARD]),
        discrete_penalty=float(at[PENALTY]),
        success=bool(at[SUCCESS]),
        terminated=bool(at[DONE]),
        truncated=bool(at[TRUNCATED]),
        is_intervention=bool(at[BY_HAND]),
        rerecord=False,
        weights_version=int(at[VERSION_OF_WEIGHTS]),
        stamp=float(at[STAMP]),
        after_pause=bool(at[AFTER_PAUSE]),
        ages={key.removeprefix(AGE): float(v) for key, v in at.items() if key.startswith(AGE)},
    )
