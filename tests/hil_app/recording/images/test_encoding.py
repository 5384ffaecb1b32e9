"""Films: what is added comes back, and a disk that refuses is told of."""

import errno
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from sample_runs import tiny

from hil_app.recording.images.encoding import PAUSE, VideoWriter
from hil_app.runs.evaluation import record_video
from hil_app.runs.folder import VIDEO
from hil_app.runs.session import Session
from robots.base import RenderError

HEIGHT, WIDTH = 48, 64
LEVELS = [20, 60, 100, 140, 180, 220]


def image(level):
    """An image whose left half is grey of this level and whose right half is black."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, : WIDTH // 2] = level
    return pixels


def read(path):
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
        return frames, stream.average_rate, stream.codec_context.name


@pytest.mark.parametrize("fps", [10, 30, 29.97])
def test_a_video_has_the_images_in_their_order_at_their_rate(tmp_path, fps):
    path = tmp_path / "film.mp4"
    with VideoWriter(path, fps, HEIGHT, WIDTH) as reel:
        for level in LEVELS:
            reel.add(image(level))
    frames, rate, codec = read(path)
    assert [frame.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * len(LEVELS)
    assert [frame[:, :28].mean() for frame in frames] == pytest.approx(LEVELS, abs=6)
    assert all(frame[:, 36:].mean() < 6 for frame in frames)
    assert rate == Fraction(fps).limit_denominator(1000)
    assert codec == "h264"


def test_the_last_image_can_be_held(tmp_path):
    path = tmp_path / "film.mp4"
    with VideoWriter(path, 10, HEIGHT, WIDTH) as reel:
        reel.hold()  # of nothing: nothing
        reel.add(image(50))
        reel.hold()
        reel.add(image(200))
    frames, _, _ = read(path)
    held = round(PAUSE * 10)
    levels = [frame[:, :28].mean() for frame in frames]
    assert levels == pytest.approx([50] * (1 + held) + [200], abs=6)


def test_an_error_before_the_first_image_is_not_masked(tmp_path):
    with pytest.raises(RenderError, match="no OpenGL"), VideoWriter(tmp_path / "f.mp4", 10, 32, 32):
        raise RenderError("no OpenGL")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_os_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    reel = VideoWriter(tmp_path / "film.mp4", 10, HEIGHT, WIDTH)

    def shoot():
        with reel:
            reel.add(image(100))

    with pytest.raises(OSError, match="No space left"):
        shoot()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_is_cut_off_is_not_there(tmp_path):
    def shoot():
        with VideoWriter(tmp_path / "film.mp4", 10, HEIGHT, WIDTH) as reel:
            reel.add(image(100))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shoot()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [RenderError("no OpenGL"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_an_evaluation_without_a_video_says_why(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    config = tiny(tmp_path / "run")
    with Session(config, "eval") as session:
        monkeypatch.setattr(session.robot, "render", fail)
        policy = session.parts.policy("test")
        assert record_video(session, policy, session.folder / VIDEO) == str(error)
        assert not (session.folder / VIDEO).exists()
