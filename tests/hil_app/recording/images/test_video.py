"""Images to video and back."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from sample_datasets import identified, image

from configs.dataset import EncodingConfig
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.images.decoding import read_video
from hil_app.recording.images.video import VideoEncoder, decoded, write_video
from robots.base import U8

Packets = list[tuple[int, bool, bytes]]
CODECS = ["h264", "av1"]
SIZE = (64, 80)


def config(codec: str, crf: int | None = None) -> EncodingConfig:
    return EncodingConfig.model_validate({"codec": codec, "crf": crf})


def encoded(images: list[U8], codec: str, fps: float = 30, crf: int | None = None) -> Packets:
    height, width = images[0].shape[:2]
    encoder = VideoEncoder("front", (height, width), fps, config(codec, crf))
    return [packet for each in images for packet in encoder.add(each)] + encoder.flush()


def identifiable(count: int) -> list[U8]:
    return [image(1, 2, number) for number in range(count)]


@pytest.mark.parametrize("fps", [30, 10, 29.97, 12.5])
@pytest.mark.parametrize("codec", CODECS)
def test_images_come_back_in_order_at_their_times(tmp_path: Path, codec: str, fps: float) -> None:
    path = tmp_path / "deep" / "film.mp4"
    write_video(path, encoded(identifiable(40), codec, fps), SIZE, fps, codec)
    assert [identified(each) for each in read_video(path, 0, 40, fps)] == [
        (1, 2, n) for n in range(40)
    ]
    assert [identified(each)[2] for each in read_video(path, 23 / fps, 9, fps)] == list(
        range(23, 32)
    )
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.time_base is not None
        times = [float(frame.pts * stream.time_base) for frame in file.decode(stream)]
    np.testing.assert_allclose(times, np.arange(40) / fps, atol=1e-4)
    assert [each.name for each in path.parent.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_is_held_back(codec: str) -> None:
    """What an encoder holds back, a crash would take."""
    encoder = VideoEncoder("front", SIZE, 30, config(codec))
    assert [[number for number, _, _ in encoder.add(each)] for each in identifiable(20)] == [
        [number] for number in range(20)
    ]
    assert encoder.flush() == []


@pytest.mark.parametrize("codec", CODECS)
def test_there_is_a_key_image_every_half_second(codec: str) -> None:
    keys = [number for number, key, _ in encoded(identifiable(60), codec) if key]
    assert keys[0] == 0
    assert max(np.diff([*keys, 60])) <= 16


@pytest.mark.parametrize("codec", CODECS)
def test_packets_are_decoded_without_a_file(codec: str) -> None:
    packets = encoded(identifiable(12), codec)
    assert [identified(each)[2] for each in decoded(packets[:9], codec)] == list(range(9))


@pytest.mark.parametrize("codec", CODECS)
def test_crf_trades_size_for_likeness(codec: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, *SIZE, 3), dtype=np.uint8)
    fine, coarse = (encoded(list(noise), codec, crf=crf) for crf in (10, 45))
    assert sum(len(p[2]) for p in fine) > 2 * sum(len(p[2]) for p in coarse)


@pytest.mark.parametrize("side", [16, 64])
@pytest.mark.parametrize("codec", CODECS)
def test_what_changes_all_at_once_is_in_its_image(codec: str, side: int) -> None:
    """Fast presets of SVT-AV1 leave blocks as they were."""
    draw = np.random.default_rng(1)
    blocks, images = draw.integers(0, 2, (256 // side, 320 // side)), list[U8]()
    for _ in range(60):
        blocks = np.where(draw.random(blocks.shape) < 0.1, 1 - blocks, blocks)
        grey = (50 + 150 * blocks).astype(np.uint8).repeat(side, 0).repeat(side, 1)
        images.append(np.repeat(grey[:, :, None], 3, 2))
    for seen, wanted in zip(decoded(encoded(images, codec), codec), images, strict=True):
        assert np.abs(seen.astype(int) - wanted).mean() < 2


@pytest.mark.parametrize("codec", CODECS)
def test_colours_stay(codec: str) -> None:
    for colour in ((200, 40, 60), (30, 180, 90), (20, 60, 220), (250, 250, 250), (0, 0, 0)):
        flat = np.full((*SIZE, 3), colour, np.uint8)
        for seen in decoded(encoded([flat] * 3, codec), codec):
            assert np.abs(seen.astype(int) - flat).max() <= 4, colour


def test_a_crop_is_encoded_as_it_looks() -> None:
    """A crop is a view into a bigger image; its bytes do not lie side by side."""
    big = np.repeat(np.repeat(image(1, 2, 77), 2, 0), 2, 1)
    view = big[::2, ::2]
    assert not view.flags.c_contiguous
    (seen,) = decoded(encoded([view], "h264"), "h264")
    assert identified(seen) == (1, 2, 77)


def test_a_video_of_too_few_images_is_cut_short(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", encoded(identifiable(5), "h264"), SIZE, 30, "h264")
    found = read_video(tmp_path / "film.mp4", 0, 6, 30)
    assert [identified(next(found))[2] for _ in range(5)] == list(range(5))
    with pytest.raises(DatasetError, match=r"film.mp4 is cut short: 5 images of 6"):
        next(found)


def test_a_size_that_no_encoder_takes_is_one_line() -> None:
    with pytest.raises(DatasetError, match=r"the video encoder of front died: .*") as error:
        VideoEncoder("front", (0, 0), 30, config("h264")).add(np.zeros((0, 0, 3), np.uint8))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="priorities are Linux's")
@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_no_encoder_takes_the_processor_away_from_the_loop(codec: str) -> None:
    """SVT-AV1 makes real-time threads where it may, and all that is started later inherits it."""

    def in_real_time() -> list[str]:
        kinds = {os.SCHED_FIFO, os.SCHED_RR}
        threads = os.listdir("/proc/self/task")
        return [thread for thread in threads if os.sched_getscheduler(int(thread)) in kinds]

    assert not in_real_time()
    encoder = VideoEncoder("front", (64, 64), 30, EncodingConfig.model_validate({"codec": codec}))
    for number in range(4):
        encoder.add(np.full((64, 64, 3), 40 * number, np.uint8))
        assert not in_real_time()
    encoder.flush()
    assert not in_real_time()
