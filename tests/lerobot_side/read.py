"""Runs in lerobot's environment: writes down all that it reads from a dataset.

    read.py ROOT OUT [STATE_KEY…]

OUT gets ``facts.json`` and, as ``.npz``: ``all`` (every frame), ``episode-<k>`` (opened alone),
``deltas`` (each frame with its neighbours), ``batches`` (a DataLoader's), ``buffer`` (its replay
buffer) and ``stats``. Images are written as uint8 (…, 3, H, W).
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.utils import dataset_to_policy_features
from lerobot.rl.buffer import ReplayBuffer

Arrays = dict[str, np.ndarray]


def opened(root: Path, **options: Any) -> LeRobotDataset:
    return LeRobotDataset("local/dataset", root=root, video_backend="pyav", **options)


def plain(key: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if key.startswith("observation.images") and array.dtype == np.float32:
        return np.rint(array * 255).astype(np.uint8)
    return array


def stacked(items: Iterable[dict[str, Any]]) -> Arrays:
    rows = [{key: plain(key, value) for key, value in item.items()} for item in items]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def frames(dataset: LeRobotDataset) -> Arrays:
    return stacked(dataset[i] for i in range(len(dataset)))


def deltas(root: Path) -> Arrays:
    """Each frame's observations with the one before and the one after, its action with the next."""
    meta = opened(root).meta
    step = 1 / meta.fps
    around = {key: [-step, 0.0, step] for key in meta.features if key.startswith("observation.")}
    return frames(opened(root, delta_timestamps={**around, "action": [0.0, step]}))


def batches(root: Path) -> Arrays:
    loader = torch.utils.data.DataLoader(opened(root), batch_size=8, num_workers=0)
    parts = list(loader)
    return {key: np.concatenate([plain(key, part[key]) for part in parts]) for key in parts[0]}


def buffer(root: Path, state_keys: list[str]) -> Arrays:
    """The transitions in lerobot's replay buffer; ``next_states`` as well."""
    dataset = opened(root)
    replay = ReplayBuffer.from_lerobot_dataset(
        dataset, device="cpu", state_keys=state_keys, capacity=len(dataset), use_drq=False
    )
    sample = replay.sample(4)
    assert sample["action"].shape == (min(4, len(replay)), *replay.actions.shape[1:])
    kept = {
        "actions": replay.actions,
        "rewards": replay.rewards,
        "dones": replay.dones,
        "truncateds": replay.truncateds,
        **{f"states/{key}": value for key, value in replay.states.items()},
        **{f"next_states/{key}": value for key, value in replay.next_states.items()},
        **{f"complementary_info/{k}": v for k, v in replay.complementary_info.items()},
    }
    return {key: plain(key.partition("/")[2], value) for key, value in kept.items()}


def facts(dataset: LeRobotDataset) -> dict[str, Any]:
    return {
        "frames": len(dataset),
        "episodes": dataset.num_episodes,
        "fps": dataset.fps,
        "robot_type": dataset.meta.robot_type,
        "features": dataset.features,
        "cameras": dataset.meta.camera_keys,
        "policy_features": list(dataset_to_policy_features(dataset.features)),
        "tasks": {task: int(row.task_index) for task, row in dataset.meta.tasks.iterrows()},
        "lengths": [int(episode["length"]) for episode in dataset.meta.episodes],
        "episode_tasks": [list(episode["tasks"]) for episode in dataset.meta.episodes],
    }


def main(root: Path, out: Path, state_keys: list[str]) -> None:
    out.mkdir(parents=True)
    dataset = opened(root)
    (out / "facts.json").write_text(json.dumps(facts(dataset)))
    np.savez(out / "all.npz", **frames(dataset))
    for episode in range(dataset.num_episodes):
        np.savez(out / f"episode-{episode}.npz", **frames(opened(root, episodes=[episode])))
    np.savez(out / "deltas.npz", **deltas(root))
    np.savez(out / "batches.npz", **batches(root))
    if state_keys:
        np.savez(out / "buffer.npz", **buffer(root, state_keys))
    stats = dataset.meta.stats
    np.savez(out / "stats.npz", **{f"{k}/{s}": v for k in stats for s, v in stats[k].items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
