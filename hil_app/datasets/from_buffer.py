"""From a replay buffer back to a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.buffer.images import MAP_SUFFIX
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.recording.format.from_columns import NOTHING
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.format.spec import DatasetSpec
from hil_app.recording.frames import Frame
from hil_app.recording.writer import DatasetWriter
from robots.base import Reading

AT_ONCE = 64  # rows that are in memory beside the buffer


def buffer_to_dataset(
    buffer: ReplayBuffer, root: Path, spec: DatasetSpec, *, discount: float, stage: str = "train"
) -> int:
    """Write a buffer's rows, the oldest first, as episodes of the dataset in `root`.

    An episode ends where a row does, or where the next row begins elsewhere (rows were skipped, or
    a pause is not in the buffer): there it counts as truncated. Kept are observations, actions,
    rewards, ends, penalties and who acted. Not kept, because no buffer has it: what the policy
    wanted while the operator acted (it is what was done), joint targets and what the robot sensed,
    times other than the ticks', the version of the weights; success is an end with a reward.
    Returns how many episodes were written.

    Raises DatasetError if rows are of several ticks, whose discount is not `discount`, that of one
    (with one of 1 they cannot be told apart), if they hold feature maps in the place of images,
    or as `DatasetWriter` does.
    """
    if maps := [key for key in buffer.state_keys if key.endswith(MAP_SUFFIX)]:
        raise DatasetError(
            f"the buffer has {maps[0]}, what a frozen vision encoder made of images that are "
            "gone: take the dataset that the run recorded"
        )
    with closing(DatasetWriter(root, spec)) as writer:
        before = writer.count
        try:
            for frame in _episodes(_frames(buffer, discount), spec.fps):
                writer.add(frame, stage)
                if frame.done:
                    writer.finish()
        except BaseException:
            writer.discard()
            raise
        return writer.count - before


def _frames(buffer: ReplayBuffer, discount: float) -> Iterator[Frame]:
    """The rows, in order, as frames that do not know their place."""
    for first in range(0, len(buffer), AT_ONCE):
        places = range(first, min(first + AT_ONCE, len(buffer)))
        batch = buffer.at(places)
        info = batch["complementary_info"]
        steps = info.get(DISCOUNT, batch["reward"].new_full((len(places),), discount))
        if not torch.allclose(steps, torch.tensor(discount), atol=1e-6):
            raise DatasetError(
                "the buffer's rows sum rewards over several ticks (learner.n_steps), which are no "
                "frames any more: take the dataset that the run recorded"
            )
        none = torch.zeros(len(places))
        for row in range(len(places)):
            action = batch["action"][row].cpu().numpy()
            yield Frame(
                tick=0,
                observation=_observation(batch["state"], row),
                action=action,
                policy_action=action,
                sent=NOTHING,
                next_observation=_observation(batch["next_state"], row),
                reading=Reading(NOTHING, 0.0),
                next_reading=Reading(NOTHING, 0.0),
                reward=float(batch["reward"][row]),
                discrete_penalty=float(info.get(DISCRETE_PENALTY, none)[row]),
                success=bool(batch["done"][row] and batch["reward"][row] > 0),
                terminated=bool(batch["done"][row]),
                truncated=bool(batch["truncated"][row]),
                is_intervention=bool(info.get(IS_INTERVENTION, none)[row]),
                rerecord=False,
                weights_version=0,
            )


def _observation(states: dict[str, Tensor], row: int) -> dict[str, NDArray[Any]]:
    """An observation as the loop has it: images (H, W, C)."""
    found = {key: values[row].cpu() for key, values in states.items()}
    return {
        key: (value.permute(1, 2, 0) if value.ndim == 3 else value).contiguous().numpy()
        for key, value in found.items()
    }


def _episodes(frames: Iterator[Frame], fps: float) -> Iterator[Frame]:
    """The frames in their places, with an end where the next one begins elsewhere."""
    tick = 0
    for frame, following in pairwise(chain(frames, [None])):
        assert frame is not None
        tick += 1
        goes_on = following is not None and _same(frame, following)
        cut = not (frame.done or goes_on)
        reading, next_reading = (Reading(NOTHING, at / fps) for at in (tick - 1, tick))
        placed = replace(frame, tick=tick, reading=reading, next_reading=next_reading)
        yield replace(placed, truncated=frame.truncated or cut)
        if frame.done or cut:
            tick = 0


def _same(frame: Frame, following: Frame) -> bool:
    """Whether one frame begins with what was seen at the other's end."""
    later = following.observation
    return all(np.array_equal(value, later[key]) for key, value in frame.next_observation.items())
