"""How long a dataset takes to become a replay buffer, beside the decoding of its images."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.names import ACTION, OBS_IMAGES, OBS_STATE
from hil_app.bench import Result
from hil_app.datasets.to_buffer import Source, buffer_from_dataset
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import IMAGES, Feature, size_of
from hil_app.recording.format.spec import DatasetSpec
from hil_app.recording.frames import Frame
from hil_app.recording.writer import DatasetWriter
from processors.base import Observation
from robots import isolated
from robots.base import Reading

LENGTH = 300  # frames of an episode
STATE_DIM, FPS = 18, 30.0
TURNS = 2  # decoding, before and after loading: the quicker one counts


def write(root: Path, frames: int, side: int) -> None:
    """Write a dataset of one camera with images of ``side`` pixels, in episodes."""
    writer = DatasetWriter(root, DatasetSpec(FPS, "bench", "be read"))
    random = np.random.default_rng(0)
    for first in range(0, frames, LENGTH):
        for frame in _episode(min(LENGTH, frames - first), side, random):
            writer.add(frame, "record")
        writer.finish()
    writer.close()


def load(root: Path) -> Result:
    """Time [s] and memory [MB] of loading the dataset in ``root``, in a process of its own."""
    command, environment = isolated.command(__name__, str(root)), isolated.environment()
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
    result: Result = json.loads(done.stdout)
    return result


def _measure(root: Path) -> Result:
    torch.set_num_threads(1)
    dataset = Dataset(root)
    policy = GaussianActorPolicy(_config(dataset))
    decoding = [_decoded(dataset)]
    before, started = _peak(), time.perf_counter()
    buffer = buffer_from_dataset(Source(dataset), policy, len(dataset))
    seconds, peak = time.perf_counter() - started, _peak()
    decoding += [_decoded(dataset) for _ in range(TURNS - 1)]
    return {
        "frames": len(dataset),
        "episodes": len(dataset.episodes),
        "rows": len(buffer),
        "seconds": {"load": round(seconds, 2), "decode": round(min(decoding), 2)},
        "ratio": round(seconds / min(decoding), 2),
        "memory_mb": {
            "buffer": round(buffer.bytes / 1e6),
            "peak": round((peak - before) / 1e6),
            "process": round(peak / 1e6),
        },
        "pictures": {name: size_of(dataset.features[key]) for name, key in _cameras(dataset)},
    }


def _peak() -> int:
    """The most memory that the process has had [bytes]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _decoded(dataset: Dataset) -> float:
    """Time to decode every image and do nothing with it [s]: what the format asks at least."""
    started = time.perf_counter()
    for camera, _ in _cameras(dataset):
        for path in sorted({dataset.video(e.index, camera)[0] for e in dataset.episodes}):
            with av.open(str(path)) as file:
                stream = file.streams.video[0]
                stream.thread_type = "NONE"
                for _ in file.decode(stream):
                    pass
    return time.perf_counter() - started


def _cameras(dataset: Dataset) -> list[tuple[str, str]]:
    return [(name, f"{OBS_IMAGES}.{name}") for name in dataset.cameras]


def _config(dataset: Dataset) -> GaussianActorConfig:
    """A policy that sees all there is in the dataset."""
    observed = {k: f for k, f in dataset.features.items() if k.startswith("observation.")}
    actions = dataset.features[ACTION].shape[0]
    return GaussianActorConfig(
        input_features={key: _input(key, feature) for key, feature in observed.items()},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (actions,))},
    )


def _input(key: str, feature: Feature) -> PolicyFeature:
    if feature.dtype in IMAGES:
        return PolicyFeature(FeatureType.VISUAL, (3, *size_of(feature)))
    kind = FeatureType.STATE if key == OBS_STATE else FeatureType.ENV
    return PolicyFeature(kind, feature.shape)


def _episode(length: int, side: int, random: np.random.Generator) -> Iterator[Frame]:
    scene = random.integers(0, 256, (8, 8, 3), np.uint8)
    background = scene.repeat(-(-side // 8), 0).repeat(-(-side // 8), 1)[:side, :side]
    observed = _observation(background, 0, random)
    for number in range(length):
        state, observed = observed, _observation(background, number + 1, random)
        last = number == length - 1
        yield Frame(
            tick=number + 1,
            observation=state,
            action=np.append(random.uniform(-1, 1, 3), 1).astype(np.float32),
            policy_action=np.zeros(4, np.float32),
            sent=np.zeros(6, np.float32),
            next_observation=observed,
            reading=_reading(number),
            next_reading=_reading(number + 1),
            reward=float(last),
            discrete_penalty=0.0,
            success=last,
            terminated=last,
            truncated=False,
            is_intervention=True,
            rerecord=False,
            weights_version=0,
        )


def _reading(number: int) -> Reading:
    """All that an arm may sense."""
    some = np.full(6, number, np.float32)
    return Reading(some, number / FPS, some, some, some, some, some[:3])


def _observation(background: Any, number: int, random: np.random.Generator) -> Observation:
    """Numbers, and a block that moves over the background."""
    side = len(background)
    image = background.copy()
    y, x = (round(side * 0.4 * (1 + f(number / 15))) for f in (np.sin, np.cos))
    image[y : y + side // 5, x : x + side // 5] = number % 256
    state = random.normal(size=STATE_DIM).astype(np.float32)
    return {OBS_STATE: state, f"{OBS_IMAGES}.front": image}


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
