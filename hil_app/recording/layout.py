"""LeRobotDataset v3.0 on disk: names, places and ``meta/info.json``.

An episode has a parquet file and a video per camera of its own: the format leaves that open, and so
it arrives whole. ``meta/info.json`` is replaced last; what it does not count is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from configs.names import COMPLEMENTARY_INFO, DISCRETE_PENALTY, IS_INTERVENTION, OBS_IMAGES
from configs.reading import Unreadable, read_json
from hil_app.files import make_folder, write_whole

VERSION = "v3.0"
INFO = Path("meta/info.json")
STATS = Path("meta/stats.json")
TASKS = Path("meta/tasks.parquet")
EPISODES = Path("meta/episodes")
RECOVERY = Path("recovery")  # the episode under way, and nothing else
JOURNAL = RECOVERY / "episode.journal"
SET_ASIDE = Path("set_aside")  # what no episode needs; a person may remove it
CHUNK = 1000  # files a folder
# Episodes of which a file of meta/episodes tells. lerobot takes 50 ms to open each file, and cannot
# edit what it has merged from datasets that have several.
GROUP = 1000
PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH = f"data/{PLACE}.parquet"
VIDEO_PATH = f"videos/{{video_key}}/{PLACE}.mp4"
FINAL = "final/"  # before a key: of the observation after an episode's last action

POLICY_ACTION, SENT, SUCCESS = "policy_action", "sent", "next.success"
VERSION_OF_WEIGHTS, STAMP, AFTER_PAUSE, AGE = "weights_version", "stamp", "after_pause", "age."
PENALTY = f"{COMPLEMENTARY_INFO}.{DISCRETE_PENALTY}"
BY_HAND = f"{COMPLEMENTARY_INFO}.{IS_INTERVENTION}"
BY_HAND_TOO = "intervention"  # another reader's name for it
PICTURES = ("video", "image")  # the kinds of columns that are pictures
INDEX = {  # the columns that every dataset has
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


class DatasetError(Exception):
    """A dataset cannot be read or written; the message has the fact and the remedy."""


@dataclass(frozen=True)
class Feature:
    """What a column holds: [1] is one number a frame, "video" a picture (height, width, 3)."""

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None
    info: Mapping[str, Any] | None = None  # of a video

    @classmethod
    def parse(cls, key: str, content: Any) -> Self:
        """A feature of ``info.json``; DatasetError if it is none."""
        if "/" in key:
            raise DatasetError(f'the feature "{key}" has a / in its name, which stands for folders')
        try:
            names = content.get("names")
            shape = tuple(int(side) for side in content["shape"])
            return cls(str(content["dtype"]), shape, _flat(names), content.get("info"))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DatasetError(f'the feature "{key}" of {INFO} has no dtype and shape') from None

    def content(self) -> dict[str, Any]:
        """What ``info.json`` says of it."""
        names = None if self.names is None else list(self.names)
        said = {"dtype": self.dtype, "shape": list(self.shape), "names": names}
        return {**said, "info": dict(self.info)} if self.info is not None else said


def size_of(feature: Feature) -> tuple[int, int]:
    """Height and width of a camera's pictures [px]."""
    height, width, _ = feature.shape
    return height, width


def _flat(names: Any) -> tuple[str, ...] | None:
    """Names as a list; some files group them, {"motors": [...]}, or say where each is."""
    if isinstance(names, Mapping) and all(isinstance(place, int) for place in names.values()):
        names = sorted(names, key=names.__getitem__)
    elif isinstance(names, Mapping):
        names = [name for group in names.values() for name in _several(group)]
    return None if names is None else tuple(map(str, names))


def _several(group: Any) -> list[Any]:
    return group if isinstance(group, list) else [group]


@dataclass(frozen=True)
class Info:
    """``meta/info.json``; keys that are not ours stay in ``rest``."""

    fps: float
    robot_type: str
    features: Mapping[str, Feature]
    episodes: int = 0
    frames: int = 0
    tasks: int = 0
    chunk: int = CHUNK
    data_path: str = DATA_PATH
    video_path: str | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cameras(self) -> Mapping[str, str]:
        """The column of each camera; its name is what comes after ``observation.images.``."""
        return {
            key.removeprefix(f"{OBS_IMAGES}."): key
            for key, feature in self.features.items()
            if feature.dtype in PICTURES
        }

    @classmethod
    def read(cls, root: Path) -> Self:
        """What the dataset in ``root`` says of itself; DatasetError if it is none of v3.0."""
        return cls.parse(_loaded(root), root)

    @classmethod
    def parse(cls, content: Mapping[str, Any], root: Path) -> Self:
        """Check ``content``; DatasetError has the first thing that is wrong with it."""
        if (version := content.get("codebase_version")) != VERSION:
            raise DatasetError(
                f"{root} is a dataset of version {version or 'unknown'}, not {VERSION}: "
                "convert it with lerobot's own tools"
            )
        try:
            rest = {key: value for key, value in content.items() if key not in _OURS}
            return cls(
                fps=_positive(content["fps"]),
                robot_type=str(content.get("robot_type") or "unknown"),
                features={k: Feature.parse(k, f) for k, f in content["features"].items()},
                episodes=_count(content["total_episodes"]),
                frames=_count(content["total_frames"]),
                tasks=_count(content.get("total_tasks", 0)),
                chunk=_count(content.get("chunks_size", CHUNK)),
                data_path=str(content["data_path"]),
                video_path=content["video_path"],
                rest=rest,
            )
        except KeyError as error:
            raise DatasetError(f"{root / INFO} has no {error}: restore it from a copy") from None
        except (AttributeError, TypeError, ValueError) as error:
            raise DatasetError(f"{root / INFO} is damaged ({error}): restore a copy") from None
        except DatasetError as error:
            raise DatasetError(f"{root}: {error}") from None

    def write(self, root: Path) -> None:
        """Replace ``meta/info.json``: from now on its episodes count."""
        make_folder((root / INFO).parent)
        write_whole(root / INFO, (json.dumps(self.content(), indent=4) + "\n").encode())

    def content(self) -> dict[str, Any]:
        """What the file says."""
        return {
            "codebase_version": VERSION,
            "robot_type": self.robot_type,
            "total_episodes": self.episodes,
            "total_frames": self.frames,
            "total_tasks": self.tasks,
            "chunks_size": self.chunk,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": int(self.fps) if self.fps == int(self.fps) else self.fps,
            "splits": {"train": f"0:{self.episodes}"},
            "data_path": self.data_path,
            "video_path": self.video_path,
            "features": {key: feature.content() for key, feature in self.features.items()},
            **self.rest,
        }

    def counting(self, *, episodes: int, frames: int, tasks: int) -> Self:
        """The same dataset with other totals."""
        return replace(self, episodes=episodes, frames=frames, tasks=tasks)


_OURS = {
    "codebase_version",
    "robot_type",
    "total_episodes",
    "total_frames",
    "total_tasks",
    "chunks_size",
    "data_files_size_in_mb",
    "video_files_size_in_mb",
    "fps",
    "splits",
    "data_path",
    "video_path",
    "features",
}


def _loaded(root: Path) -> Mapping[str, Any]:
    path = root / INFO
    try:
        content = read_json(path)
    except FileNotFoundError:
        what = "there is no such folder" if not root.is_dir() else f"it has no {INFO}"
        raise DatasetError(f"{root} is no dataset: {what}") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except Unreadable as error:
        raise DatasetError(f"{path} is damaged: {error}; restore it from a copy") from None
    if not isinstance(content, Mapping):
        raise DatasetError(f"{path} is damaged: it is no JSON object; restore it from a copy")
    return content


def _positive(value: Any) -> float:
    if not float(value) > 0:
        raise ValueError(f"fps is {value}")
    return float(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"a total is {value!r}")
    return value


def place(episode: int) -> dict[str, int]:
    """Chunk and file of an episode of ours."""
    chunk, file = divmod(episode, CHUNK)
    return {"chunk_index": chunk, "file_index": file}


def data_file(root: Path, episode: int) -> Path:
    """An episode's numbers."""
    return root / DATA_PATH.format(**place(episode))


def video_file(root: Path, key: str, episode: int) -> Path:
    """A camera's pictures of an episode."""
    return root / VIDEO_PATH.format(video_key=key, **place(episode))


def episodes_place(episode: int) -> dict[str, int]:
    """Chunk and file of what is known of an episode of ours."""
    return place(episode // GROUP)


def episodes_file(root: Path, episode: int) -> Path:
    """What is known of an episode, and of those around it."""
    return root / EPISODES / f"{PLACE.format(**episodes_place(episode))}.parquet"
