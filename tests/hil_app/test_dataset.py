"""Frames to a dataset and back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sample_datasets import CAMERAS, IMAGES, STATE, told, write_dataset

from hil_app.recording.dataset import Dataset
from hil_app.recording.frames import Frame


def assert_same(found: Frame, wanted: Frame) -> None:
    """All numbers bit for bit, and pictures that tell the same."""
    for name in Frame.__slots__:
        one, two = getattr(found, name), getattr(wanted, name)
        if name in ("state", "next_state"):
            assert list(one) == list(two)
            for key in two:
                if key.startswith(IMAGES):
                    assert told(one[key]) == told(two[key]), key
                    assert np.abs(one[key].astype(int) - two[key]).mean() < 3
                else:
                    same(one[key], two[key])
        elif isinstance(two, np.ndarray):
            same(one, two)
        else:
            assert (type(one), one) == (type(two), two), name


def same(one: object, two: object) -> None:
    assert isinstance(one, np.ndarray)
    assert isinstance(two, np.ndarray)
    assert (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_frames_come_back_as_they_were(tmp_path: Path, codec: str) -> None:
    written = write_dataset(tmp_path, codec=codec)
    dataset = Dataset(tmp_path)
    assert (dataset.cameras, len(dataset), dataset.fps) == (CAMERAS, 19, 30)
    for index, frames in enumerate(written):
        for found, wanted in zip(dataset.frames(index), frames, strict=True):
            assert_same(found, wanted)


def test_a_next_state_is_the_next_frames_state(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    frames = list(Dataset(tmp_path).frames(1))
    for one, two in pairwise(frames):
        assert one.next_state is two.state
    assert frames[-1].next_state[STATE][1] == np.float32(9.1)
