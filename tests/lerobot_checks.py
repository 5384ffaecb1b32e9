"""That what lerobot reads from a dataset is what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import sample_datasets as sample
from av import VideoFrame
from lerobot_env import Arrays, Seen
from numpy.typing import NDArray

from hil_app.recording.dataset import Dataset
from hil_app.recording.format.columns import SENSED
from hil_app.recording.frames import Frame

Episodes = Sequence[Sequence[Frame]]
CAMERAS = [f"{sample.IMAGES}.{name}" for name in sample.CAMERAS]
STATE = [sample.STATE, CAMERAS[1]]  # what goes into lerobot's replay buffer
QUANTILES = ("min", "q01", "q10", "q50", "q90", "q99", "max")
WORST, MEAN = 80, 3  # what a codec may make of values from 0 to 255, beside coarser colours


def stacked(frames: Sequence[Frame], of: Any) -> NDArray[Any]:
    return np.stack([np.asarray(of(frame)) for frame in frames])


def expected(episodes: Episodes, fps: float) -> dict[str, NDArray[Any]]:
    """What lerobot must read: each frame's facts, straight from the frames."""
    frames = [frame for episode in episodes for frame in episode]
    lengths = [len(episode) for episode in episodes]
    number = np.concatenate([np.arange(length) for length in lengths])
    sensed = frames[0].reading
    facts = {
        "action": lambda f: f.action,
        "policy_action": lambda f: f.policy_action,
        "sent": lambda f: f.sent,
        "next.reward": lambda f: np.float32(f.reward),
        "next.done": lambda f: f.terminated,
        "next.truncated": lambda f: f.truncated,
        "next.success": lambda f: f.success,
        "complementary_info.discrete_penalty": lambda f: np.float32(f.discrete_penalty),
        "complementary_info.is_intervention": lambda f: f.is_intervention,
        "intervention": lambda f: f.is_intervention,
        "weights_version": lambda f: f.weights_version,
        "stamp": lambda f: f.reading.stamp,
        "after_pause": lambda f: f.after_pause,
        "seed": lambda f: f.seed,
        **{k: lambda f, of=of: of(f.reading) for k, of in SENSED.items() if of(sensed) is not None},
        **{f"age.{name}": lambda f, name=name: f.reading.ages[name] for name in sensed.ages},
        **{key: lambda f, key=key: f.observation[key] for key in frames[0].observation},
    }
    return {
        **{key: stacked(frames, of) for key, of in facts.items()},
        "timestamp": np.float32(number / fps),
        "frame_index": number,
        "episode_index": np.repeat(np.arange(len(lengths)), lengths),
        "index": np.arange(len(frames)),
        "task_index": np.zeros(len(frames), int),
    }


def same(found: NDArray[Any], wanted: NDArray[Any]) -> None:
    """Every value is as wanted; lerobot gives all numbers with a point as float32."""
    single = wanted.astype(np.float32) if wanted.dtype == np.float64 else wanted
    np.testing.assert_array_equal(found, single)


def close(found: NDArray[Any], wanted: NDArray[Any], worst: float, mean: float) -> None:
    """Images (T, 3, H, W) as lerobot has them against (T, H, W, 3)."""
    difference = np.abs(np.moveaxis(found, -3, -1).astype(int) - wanted)
    assert difference.max() <= worst, difference.max()
    assert difference.mean() <= mean, difference.mean()


def coarse_colours(images: NDArray[Any]) -> NDArray[Any]:
    """What is left of images (T, H, W, 3) if four pixels share a colour, as in any yuv420p."""
    frames = (VideoFrame.from_ndarray(image, format="rgb24") for image in images)
    return np.stack([f.reformat(format="yuv420p").to_ndarray(format="rgb24") for f in frames])


def everything_is_as(seen: Seen, episodes: Episodes, fps: int) -> None:
    """All that lerobot read is what was recorded; images but for the codec's error."""
    wanted = expected(episodes, fps)
    found = seen["all"]
    assert set(found) == {*wanted, "task"}
    for key, values in wanted.items():
        if key.startswith(sample.IMAGES):
            close(found[key], coarse_colours(values), WORST, MEAN)
        else:
            same(found[key], values)


def facts_are_as(seen: Seen, episodes: Episodes, fps: int, task: str) -> None:
    facts = seen.facts
    lengths = [len(episode) for episode in episodes]
    assert (facts["frames"], facts["episodes"]) == (sum(lengths), len(lengths))
    assert (facts["fps"], type(facts["fps"])) == (fps, int)
    assert facts["lengths"] == lengths
    assert facts["tasks"] == {task: 0}
    assert facts["episode_tasks"] == [[task]] * len(lengths)
    assert set(seen["all"]["task"]) == {task}
    assert sorted(facts["cameras"]) == sorted(CAMERAS)
    frame = episodes[0][0]
    assert sorted(facts["policy_features"]) == sorted([*frame.observation, "action"])
    for key, value in {**frame.observation, "action": frame.action}.items():
        assert facts["features"][key]["shape"] == list(value.shape)
        assert len(facts["features"][key]["names"]) == value.shape[-1] or key in CAMERAS


def parts_are_as(seen: Seen, episodes: Episodes) -> None:
    """One episode opened alone, neighbours by time, batches: the same frames as all of them."""
    found = dict(seen["all"])
    ends = list(accumulate(len(episode) for episode in episodes))
    starts = [0, *ends[:-1]]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        alone = seen[f"episode-{number}"]
        assert set(alone) == set(found)
        for key, values in found.items():
            same(alone[key], values[start:end])
    for key, values in found.items():
        same(seen["batches"][key], values)
    deltas = seen["deltas"]
    for start, end in zip(starts, ends, strict=True):
        for i in range(start, end):
            asked = {key: (i - 1, i, i + 1) for key in found if key.startswith("observation.")}
            for key, rows in {**asked, "action": (i, i + 1)}.items():
                inside = [min(max(row, start), end - 1) for row in rows]
                same(deltas[key][i], found[key][inside])
                same(deltas[f"{key}_is_pad"][i], np.not_equal(rows, inside))


def buffer_is_as(seen: Seen, episodes: Episodes) -> None:
    """Transitions as lerobot understands them: it knows no truncation."""
    kept, found = seen["buffer"], seen["all"]
    frames = [frame for episode in episodes for frame in episode]
    last = np.array([frame.done for frame in frames])
    following = np.where(last, np.arange(len(frames)), np.arange(len(frames)) + 1)
    for key in STATE:
        same(kept[f"states/{key}"], found[key])
        same(kept[f"next_states/{key}"], found[key][following])
    same(kept["actions"], stacked(frames, lambda f: f.action))
    same(kept["rewards"], stacked(frames, lambda f: np.float32(f.reward)))
    same(kept["dones"], stacked(frames, lambda f: f.terminated))
    same(
        kept["complementary_info/discrete_penalty"],
        stacked(frames, lambda f: np.float32(f.discrete_penalty)),
    )
    same(
        kept["complementary_info/is_intervention"],
        stacked(frames, lambda f: np.float32(f.is_intervention)),
    )
    assert {key for key in kept if key.startswith("complementary_info/")} == {
        "complementary_info/discrete_penalty",
        "complementary_info/is_intervention",
    }


def stats_are_as(seen: Seen, episodes: Episodes, fps: float) -> None:
    """Every feature has its statistics; those of numbers are those of all frames."""
    stats, wanted = seen["stats"], expected(episodes, fps)
    assert {key.rpartition("/")[0] for key in stats} == set(wanted)
    for key, values in wanted.items():
        flat = values.reshape(len(values), -1).astype(float)
        found = {name: stats[f"{key}/{name}"] for name in ("min", "max", "mean", "std", "count")}
        if key in CAMERAS:
            flat = np.moveaxis(values, -1, 0).reshape(3, -1).T / 255
            assert found["mean"].shape == (3, 1, 1)
            np.testing.assert_allclose(found["mean"].ravel(), flat.mean(0), atol=0.02)
            continue
        np.testing.assert_allclose(found["min"].ravel(), flat.min(0), rtol=1e-6)
        np.testing.assert_allclose(found["max"].ravel(), flat.max(0), rtol=1e-6)
        np.testing.assert_allclose(found["mean"].ravel(), flat.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found["std"].ravel(), flat.std(0), rtol=1e-4, atol=1e-6)
        assert found["count"].tolist() == [len(values)]
        ordered = [stats[f"{key}/{name}"] for name in QUANTILES]
        assert (np.diff(np.stack(ordered), axis=0) >= -1e-6 * np.abs(ordered[-1])).all()


def places(episodes: Episodes) -> list[tuple[int, int]]:
    """Episode and number of every frame."""
    return [(episode, n) for episode, frames in enumerate(episodes) for n in range(len(frames))]


def steps(episode: int, frames: Sequence[Frame], last_seen: bool) -> Iterator[tuple[int, int, int]]:
    """Which images an episode's transitions go between, as our reader must have them."""
    for number, frame in enumerate(frames):
        if last_seen or not frame.done:
            yield episode, number, number + 1
        elif frame.terminated:
            yield episode, number, number  # nothing is learned from what came after


def read_by_us(root: Path) -> list[tuple[int, int, int]]:
    """Episode, number and number of the next state that all images of each frame tell."""
    dataset, found = Dataset(root), []
    for episode in dataset.episodes:
        for frame in dataset.frames(episode.index):
            reported = [
                (
                    sample.identified(frame.observation[key]),
                    sample.identified(frame.next_observation[key]),
                )
                for key in CAMERAS
            ]
            places = {(now[1], now[2], then[2]) for now, then in reported}
            assert [now[0] for now, _ in reported] == list(range(len(CAMERAS)))
            assert len(places) == 1
            found += places
    return found


def identified_images(found: Arrays) -> list[tuple[int, int]]:
    """Episode and number that each frame's images tell, those of all cameras alike."""
    by_camera = [
        [sample.identified(each) for each in np.moveaxis(found[k], 1, -1)] for k in CAMERAS
    ]
    for number, reported in enumerate(by_camera):
        assert {camera for camera, _, _ in reported} == {number}
    places = [[place for _, *place in reported] for reported in by_camera]
    assert all(each == places[0] for each in places)
    return [(episode, number) for episode, number in places[0]]


def images_are_ours(seen: Seen, root: Path) -> None:
    """What lerobot decodes is what our reader does, but for rounding: FFmpeg is another."""
    dataset = Dataset(root)
    for key, camera in zip(CAMERAS, sample.CAMERAS, strict=True):
        ours = np.concatenate(
            [
                np.stack(list(dataset.images(episode.index, camera))[: episode.length])
                for episode in dataset.episodes
            ]
        )
        close(seen["all"][key], ours, worst=2, mean=0.1)
