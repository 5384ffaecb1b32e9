"""Runs in lerobot's environment: makes a dataset with lerobot's own tools from given frames.

    write.py SOURCE ROOT FPS

SOURCE is an ``.npz``: columns by name, (T, …), a bool ``ends`` that is true at each episode's last
frame, a string ``task`` a frame, images uint8 (T, H, W, 3).
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

SIDES = ["height", "width", "channels"]


def feature(key: str, column: np.ndarray) -> dict[str, Any]:
    if key.startswith("observation.images"):
        return {"dtype": "video", "shape": column.shape[1:], "names": SIDES}
    names = [f"part_{i}" for i in range(column.shape[1])]
    return {"dtype": str(column.dtype), "shape": column.shape[1:], "names": names}


def main(source: Path, root: Path, fps: int) -> None:
    columns = dict(np.load(source))
    ends, tasks = columns.pop("ends"), columns.pop("task")
    dataset = LeRobotDataset.create(
        repo_id="local/theirs",
        fps=fps,
        root=root,
        robot_type="so100_follower",
        features={key: feature(key, column) for key, column in columns.items()},
        use_videos=True,
        vcodec="h264",
    )
    for i, end in enumerate(ends):
        dataset.add_frame(
            {**{k: column[i] for k, column in columns.items()}, "task": str(tasks[i])}
        )
        if end:
            dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
