"""LeRobotDataset v3.0 on disk: names, places and ``meta/info.json``.

An episode has a parquet file and a video per camera of its own: the format leaves that open, and so
it arrives whole. ``meta/info.json`` is replaced last; what it does not count is not there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from configs.names import COMPLEMENTARY_INFO, DISCRETE_PENALTY, IS_INTERVENTION, OBS_IMAGES
from configs.text.reading import Unreadable, read_json, shown
from configs.text.writing import write_whole
from hil_app.recording.format.features import IMAGES as IMAGES
from hil_app.recording.format.features import Feature as Feature
from hil_app.recording.format.features import size_of as size_of
from hil_app.recording.format.inside import DatasetError as DatasetError
from hil_app.recording.format.inside import check_inside, check_pattern, filled
from hil_app.support.files import make_folder

VERSION = "v3.0"
INFO = Path("meta/info.json")
STATS = Path("meta/stats.json")
TASKS = Path("meta/tasks.parquet")
EPISODES = Path("meta/episodes")
RECOVERY = Path("recovery")  # the open episode, and nothing else
JOURNAL = RECOVERY / "episode.journal"
SET_ASIDE = Path("set_aside")  # what no episode needs; you may remove it
CHUNK = 1000  # files a folder
# Episodes of which a file of meta/episodes tells. lerobot takes 50 ms to open each file, and cannot
# edit what it has merged from datasets that have several.
GROUP = 1000
PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH = f"data/{PLACE}.parquet"
VIDEO_PATH = f"videos/{{video_key}}/{PLACE}.mp4"
FILE = ("chunk_index", "file_index")  # what a file's place is made of
MOST_FILES, MOST_FEATURES, FASTEST = 10**9, 10_000, 10_000.0  # beyond, a number is damage
FINAL = "final/"  # before a key: of the observation after an episode's last action

POLICY_ACTION, SENT, SUCCESS = "policy_action", "sent", "next.success"
VERSION_OF_WEIGHTS, STAMP, AFTER_PAUSE, AGE = "weights_version", "stamp", "after_pause", "age."
SEED = "seed"
# Before what the robot sensed. Other tools take what begins with "observation" or "action" for
# what a policy sees or does, and keep what begins with "complementary_info." in their buffers.
MEASURED = "measured."
PENALTY = f"{COMPLEMENTARY_INFO}.{DISCRETE_PENALTY}"
INTERVENTION = f"{COMPLEMENTARY_INFO}.{IS_INTERVENTION}"
INTERVENTION_TOO = "intervention"  # another reader's name for it
INDEX = {  # the columns that every dataset has
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


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
            if feature.is_image and not feature.is_depth
        }

    @property
    def depth(self) -> tuple[str, ...]:
        """The columns of images that are distances; they are left out."""
        found = self.features.items()
        return tuple(key for key, feature in found if feature.is_image and feature.is_depth)

    def data_file(self, root: Path, chunk: int, file: int) -> Path:
        """A file of numbers; DatasetError if it is not in the dataset's folder."""
        place = filled(self.data_path, chunk_index=chunk, file_index=file)
        return check_inside(root, root / place)

    def video_file(self, root: Path, key: str, chunk: int, file: int) -> Path:
        """A file of a camera's images; DatasetError if it is not in the dataset's folder."""
        place = filled(self.video_path or "", video_key=key, chunk_index=chunk, file_index=file)
        return check_inside(root, root / place)

    @classmethod
    def read(cls, root: Path) -> Self:
        """What the dataset in ``root`` says of itself; DatasetError if it is none of v3.0."""
        return cls.parse(_loaded(root), root)

    @classmethod
    def parse(cls, content: Mapping[str, Any], root: Path) -> Self:
        """Check ``content``; DatasetError has the first thing that is wrong with it."""
        if (version := content.get("codebase_version")) != VERSION:
            found = "unknown" if version is None else shown(version, 20)
            raise DatasetError(
                f"{root} is a dataset of version {found}, not {VERSION}: "
                "convert it with lerobot's own tools"
            )
        try:
            rest = {key: value for key, value in content.items() if key not in _OURS}
            return cls(
                fps=_rate(content["fps"]),
                robot_type=_name("robot_type", content.get("robot_type") or "unknown"),
                features=_features(content["features"]),
                episodes=_count("total_episodes", content["total_episodes"]),
                frames=_count("total_frames", content["total_frames"]),
                tasks=_count("total_tasks", content.get("total_tasks", 0)),
                chunk=_count("chunks_size", content.get("chunks_size", CHUNK)),
                data_path=check_pattern("data_path", content["data_path"], FILE, ".parquet"),
                video_path=_video_path(content["video_path"]),
                rest=rest,
            )
        except KeyError as error:
            raise DatasetError(f"{root / INFO} has no {error}: restore it from a copy") from None
        except ValueError as error:
            found = shown(error, 300)
            raise DatasetError(f"{root / INFO} is damaged ({found}): restore a copy") from None
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
    except (FileNotFoundError, NotADirectoryError):
        what = "there is no such folder" if not root.is_dir() else f"it has no {INFO}"
        raise DatasetError(f"{root} is no dataset: {what}") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except Unreadable as error:
        raise DatasetError(f"{path} is damaged ({error}): restore it from a copy") from None
    if not isinstance(content, Mapping):
        raise DatasetError(f"{path} is damaged: it is no JSON object; restore it from a copy")
    return content


def _features(content: Any) -> dict[str, Feature]:
    if not isinstance(content, Mapping) or len(content) > MOST_FEATURES:
        raise ValueError(f"features is {shown(content, 40)}")
    return {key: Feature.parse(key, feature) for key, feature in content.items()}


def _rate(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= FASTEST or not math.isfinite(1 / value):
        raise ValueError(f"fps is {shown(value, 20)}")
    return float(value)


def _name(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is {shown(value, 40)}")
    return shown(value)


def _count(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        raise ValueError(f"{key} is {shown(value, 20)}")
    return value


def _video_path(value: Any) -> str | None:
    if value is None:
        return None
    return check_pattern("video_path", value, ("video_key", *FILE), "")


def place(episode: int) -> dict[str, int]:
    """Chunk and file of an episode of ours."""
    chunk, file = divmod(episode, CHUNK)
    return {"chunk_index": chunk, "file_index": file}


def data_file(root: Path, episode: int) -> Path:
    """An episode's numbers."""
    return root / DATA_PATH.format(**place(episode))


def video_file(root: Path, key: str, episode: int) -> Path:
    """A camera's images of an episode."""
    return root / VIDEO_PATH.format(video_key=key, **place(episode))


def episodes_place(episode: int) -> dict[str, int]:
    """Chunk and file of what is known of an episode of ours."""
    return place(episode // GROUP)


def episodes_file(root: Path, episode: int) -> Path:
    """What is known of an episode, and of those around it."""
    return root / EPISODES / f"{PLACE.format(**episodes_place(episode))}.parquet"
