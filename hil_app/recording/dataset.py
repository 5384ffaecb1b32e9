"""Reading a dataset: episode by episode, each image decoded once, nothing held that is past."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from configs.names import ACTION, DONE
from configs.text.reading import shown
from hil_app.recording.format.checksums import CHECKSUM, is_altered
from hil_app.recording.format.columns import FLAGS, SENSED, is_known
from hil_app.recording.format.episodes import EpisodeInfo as EpisodeInfo  # named with its dataset
from hil_app.recording.format.episodes import episode_of, episode_rows
from hil_app.recording.format.from_columns import NOTHING, Instant, completed, frame_of, readings
from hil_app.recording.format.layout import EPISODES, FINAL, DatasetError, Feature, Info, size_of
from hil_app.recording.format.rows import Numbers
from hil_app.recording.format.tables import REMEDY, Rows, column, read_table, rows_of
from hil_app.recording.frames import Frame
from hil_app.recording.images.clips import Clip, clips
from hil_app.recording.images.decoding import read_images, read_video
from hil_app.recording.images.depth import left_out, with_depth
from hil_app.recording.lock import identity
from hil_app.recording.values import check_times, flags
from processors.base import Observation
from robots.base import U8, Reading


class Dataset:
    """A LeRobotDataset v3.0 as it is now; episodes that come later need a new one.

    It may be written meanwhile. Raises DatasetError with one line of what is wrong and what to do::

        dataset = Dataset(Path("runs/pick/dataset"))
        for episode in dataset.episodes:
            for frame in dataset.frames(episode.index):
                ...
    """

    def __init__(self, root: Path) -> None:
        self.root, self._folder = root, identity(root)
        info = Info.read(root)
        self._shared: tuple[Any, Any] = None, None
        self._latest: tuple[int | None, Numbers] = None, {}
        self._known_clips: dict[str, Sequence[Clip | None]] = {}
        self._rows = episode_rows(root, info)
        self.info = with_depth(root, info, self._rows)
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

    @property
    def left_out(self) -> str | None:
        """A line for the cameras that show depth; None if there are none."""
        return left_out(self.root, self.info)

    def unmeasured(self) -> Dataset:
        """The same without what the robot measured, for whoever does not look at it."""
        found = copy(self)
        kept = {key: feature for key, feature in self.features.items() if key not in SENSED}
        found.info = replace(self.info, features=kept)
        found._shared, found._latest = (None, None), (None, {})
        return found

    def __len__(self) -> int:
        """All frames."""
        return sum(episode.length for episode in self.episodes)

    def columns(self, episode: int, keys: Collection[str] | None = None) -> Numbers:
        """An episode's numbers: observations and actions (T, n), all else (T,); flags are bool.

        All there are, or those of ``keys`` that there are; what is not a number is left out.
        DatasetError, with episode and frame, if one is missing or cannot be what it stands for.
        """
        if keys is not None:
            return self._columns(episode, [key for key in self.features if key in keys])
        if self._latest[0] != episode:
            self._latest = episode, self._columns(episode, list(self.features))
        return dict(self._latest[1])

    def _columns(self, episode: int, keys: Sequence[str]) -> Numbers:
        wanted = [key for key in keys if self._is_number(key, self.features[key])]
        rows = self._part(episode, wanted)
        found = {key: column(rows, key, self.features[key]) for key in wanted}
        for key in FLAGS & found.keys():
            found[key] = flags(rows, key, found[key])
        if "timestamp" in found:
            check_times(rows, found["timestamp"], self.fps)
        return found

    def _is_number(self, key: str, feature: Feature) -> bool:
        if is_known(key) and not feature.is_number:
            kind = shown(feature.dtype, 40)
            raise DatasetError(f"{self.root}: {key} is of the kind {kind}, which is no number")
        return feature.is_number

    def _part(self, episode: int, wanted: Sequence[str]) -> Rows:
        """The rows of an episode, with these columns; a file that several share is kept."""
        row = self._rows[episode]
        where = (row["data/chunk_index"], row["data/file_index"])
        path = self.info.data_file(self.root, *where)
        keys = (path, *wanted)
        if self._shared[0] == keys:
            table = self._shared[1]
        else:
            table = read_table(path, among={*wanted, "episode_index", "frame_index"})
            self._check_same()
            if table.num_rows > row["length"]:
                self._shared = keys, table  # other tools put many episodes in a file
        return rows_of(path, table, episode, row["length"])

    def rows(self, episode: int) -> Rows:
        """An episode's rows as their file has them, with images that are in it; DatasetError."""
        return self._part(episode, [k for k, f in self.features.items() if f.dtype != "video"])

    def _check_same(self) -> None:
        """DatasetError if another dataset has taken its place: episodes have other numbers now."""
        if identity(self.root) != self._folder:
            raise DatasetError(f"{self.root} was edited meanwhile: open it again")

    def final(self, episode: int) -> Numbers | None:
        """The numbers of what was seen after an episode's last action; None if not recorded."""
        row = self._rows[episode]  # of a merge with a dataset that has none, it is null
        found = {
            key: self._last(episode, key, feature, row[f"{FINAL}{key}"])
            for key, feature in self.features.items()
            if feature.is_number and row.get(f"{FINAL}{key}") is not None
        }
        return found or None

    def _last(self, episode: int, key: str, feature: Feature, value: Any) -> Any:
        try:
            found = np.asarray(value, feature.dtype).reshape(feature.shape)
        except (TypeError, ValueError):
            raise DatasetError(
                f"{self.root / EPISODES}: {FINAL}{key} of episode {episode} is not {feature.dtype} "
                f"{list(feature.shape)}: {REMEDY}"
            ) from None
        return found

    def images(self, episode: int, camera: str) -> Iterator[U8]:
        """An episode's images (height, width, 3) in order, each decoded once.

        There are T, or T + 1 where what was seen last is recorded too. Grey ones and those with
        transparency become RGB. DatasetError, with episode and frame, if one is missing, is not of
        its frame's time, or has another size than the dataset says.
        """
        key = self.info.cameras.get(camera)
        if key is not None and self.features[key].dtype == "image":
            size = size_of(self.features[key])
            found = read_images(self._part(episode, [key]), key, self.root, size)
        else:
            path, start, count = self.video(episode, camera)
            key = self.info.cameras[camera]
            self.check_video(episode, camera)
            found = read_video(path, start, count, self.fps, size_of(self.features[key]))
        return _located(found, episode, key, self._check_same)

    def video(self, episode: int, camera: str) -> tuple[Path, float, int]:
        """Where an episode's images are: the file, their begin [s] and how many there are."""
        key = self.info.cameras.get(camera)
        if key is None or self.info.video_path is None or self.features[key].dtype != "video":
            depth = f", and depth of {', '.join(self.info.depth)}" if self.info.depth else ""
            raise DatasetError(
                f"{self.root} has no video of a camera {camera}; it has those of "
                f"{', '.join(self.cameras) or 'none'}{depth}"
            )
        found = self._clips(key)[episode]
        if found is None:
            raise DatasetError(
                f"{self.root}: episode {episode} has no images of {camera}, whose place in "
                f"{EPISODES} is empty: do without this camera, or without the episode"
            )
        path = self.info.video_file(self.root, key, found.chunk, found.file)
        return path, found.start, found.length + (self.final(episode) is not None)

    def check_video(self, episode: int, camera: str) -> None:
        """DatasetError, with the episode, if its video is not the one that was recorded."""
        path, key = self.video(episode, camera)[0], self.info.cameras[camera]
        if is_altered(path, self._rows[episode].get(f"videos/{key}/{CHECKSUM}")):
            raise DatasetError(
                f"episode {episode}, {key}: {path} is not what was recorded (its checksum "
                "differs): restore a copy"
            )

    def lacks(self, camera: str) -> list[int]:
        """The episodes that have no video of a camera; DatasetError if none says where it is."""
        key = self.info.cameras[camera]
        if self.features[key].dtype != "video":
            return []
        return [episode for episode, clip in enumerate(self._clips(key)) if clip is None]

    def _clips(self, key: str) -> Sequence[Clip | None]:
        if key not in self._known_clips:
            self._known_clips[key] = clips(self.root, self._rows, key, self.fps)
        return self._known_clips[key]

    def frames(self, episode: int, cameras: Collection[str] | None = None) -> Iterator[Frame]:
        """An episode's frames, as the loop made them, with all images or those of ``cameras``.

        A frame's ``next_state`` is the very object that is the next frame's ``state``. What a
        dataset of other tools lacks: the policy wanted what was done; the operator acted; the
        episode succeeded if it ended with a reward; an end without one, or that is not marked, is
        truncated, and then the last row, whose next state is not known, is left out. The frame
        before an ``after_pause`` has the state after the pause for its next.
        """
        if ACTION not in self.features:
            raise DatasetError(f"{self.root} has no {ACTION} in it: frames need one")
        columns, final = self.columns(episode), self.final(episode)
        facts, length = completed(columns), len(columns[ACTION])
        observation = self._observations(episode, columns, final, cameras)
        now: Instant = {}, Reading(NOTHING, np.nan)
        for number, later in enumerate(zip(observation, readings(columns, final), strict=True)):
            if number:
                frame = frame_of(number - 1, now, later, facts)
                cut = final is None and number == length - 1 and not facts[DONE][-1]
                yield replace(frame, truncated=True) if cut else frame
            now = later
        if final is None and length and facts[DONE][-1]:
            yield frame_of(length - 1, now, now, facts)

    def _observations(
        self,
        episode: int,
        columns: Numbers,
        final: Numbers | None,
        wanted: Collection[str] | None,
    ) -> Iterator[Observation]:
        """All observations of an episode, in order, the last one too if it is recorded."""
        keys = [key for key in columns if key.startswith("observation.")]
        length = len(columns[ACTION]) + (final is not None)
        cameras = {
            key: self.images(episode, name)
            for name, key in self.info.cameras.items()
            if wanted is None or name in wanted
        }
        last = {k: v for k, v in (final or {}).items() if k.startswith("observation.")}
        for number in range(length):
            amid = number < len(columns[ACTION])
            numbers = {k: columns[k][number] for k in keys} if amid else last
            images = {key: next(camera) for key, camera in cameras.items()}
            yield {**numbers, **images}


def _located(
    images: Iterator[U8], episode: int, key: str, opened: Callable[[], None]
) -> Iterator[U8]:
    """The images; whatever is wrong with one is reported with its place.

    ``opened`` looks at the dataset once the file is open: from then on it stays the same.
    """
    number = 0
    try:
        for image in images:
            if not number:
                opened()
            yield image
            number += 1
    except DatasetError as error:
        raise DatasetError(f"episode {episode}, frame {number}, {key}: {error}") from error
