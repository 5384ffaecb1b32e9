"""Images to video, one image at a time, and back before they are in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from configs.dataset import EncodingConfig
from configs.text.writing import new_file
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.images.decoding import open_video, rgb
from hil_app.recording.images.priority import usual_priority
from hil_app.support.files import make_folder
from robots.base import U8

LIMITED, BT601 = 1, 5  # the colour range and space that the conversion from RGB makes


@dataclass(frozen=True)
class _Codec:
    encoder: str
    decoder: str
    options: dict[str, str]


# One image in, one out: nothing is held back that a crash would take. SVT-AV1's presets from 9 on
# are faster, but leave out what changes in an image all at once.
CODECS = {
    "h264": _Codec("libx264", "h264", {"preset": "superfast", "tune": "zerolatency"}),
    "av1": _Codec(
        "libsvtav1", "libdav1d", {"preset": "8", "svtav1-params": "pred-struct=1:lp=1:scd=0"}
    ),
}


def described(config: EncodingConfig, fps: float) -> dict[str, Any]:
    """What ``info.json`` says of a video, beside its size."""
    return {
        "video.codec": config.codec,
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "video.fps": int(fps) if fps == int(fps) else fps,
        "video.channels": 3,
        "has_audio": False,
    }


def rate_of(fps: float) -> Fraction:
    """Images a second as containers count them."""
    return Fraction(fps).limit_denominator(1001)


class VideoEncoder:
    """Encodes one camera's images (height, width, 3) of an episode, in order."""

    def __init__(
        self, camera: str, size: tuple[int, int], fps: float, config: EncodingConfig
    ) -> None:
        height, width = size
        if height % 2 or width % 2:
            raise DatasetError(
                f"images of {camera} are {width}x{height}, but video needs even sides: change "
                "processor.images.crop or processor.images.resize"
            )
        codec = CODECS[config.codec]
        os.environ.setdefault("SVT_LOG", "1")  # only errors of SVT-AV1
        self._camera, self._count = camera, 0
        try:
            context = av.CodecContext.create(codec.encoder, "w")
            assert isinstance(context, VideoCodecContext)
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base, context.framerate = 1 / rate_of(fps), rate_of(fps)
            context.gop_size = max(1, round(fps / 2))
            context.color_range, context.colorspace = LIMITED, BT601
            context.options = {**codec.options, "crf": str(config.quality)}
            context.thread_count = 1  # the control loop has the other cores
            with usual_priority():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            raise self._died(error) from error
        self._context = context

    def add(self, image: U8) -> list[tuple[int, bool, bytes]]:
        """Encode the next image; returns what is ready: number, whether a key image, content.

        DatasetError if the encoder dies.
        """
        try:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = self._count
            self._count += 1
            return self._ready(self._context.encode(frame))
        except (av.FFmpegError, ValueError) as error:
            raise self._died(error) from error

    def flush(self) -> list[tuple[int, bool, bytes]]:
        """The rest of what is ready; nothing can be added any more."""
        try:
            return self._ready(self._context.encode(None))
        except (av.FFmpegError, ValueError) as error:
            raise self._died(error) from error

    @staticmethod
    def _ready(packets: Iterable[Any]) -> list[tuple[int, bool, bytes]]:
        return [(packet.pts or 0, packet.is_keyframe, bytes(packet)) for packet in packets]

    def _died(self, error: Exception) -> DatasetError:
        return DatasetError(f"the video encoder of {self._camera} died: {error}")


def write_video(
    path: Path,
    packets: Iterable[tuple[int, bool, bytes]],
    size: tuple[int, int],
    fps: float,
    codec: str,
) -> None:
    """Make an mp4 of encoded images, whole or not at all; OSError if the disk refuses."""
    make_folder(path.parent)
    with new_file(path) as sink, av.open(sink, "w", format="mp4") as file:
        _mux(file, packets, size, fps, codec)


def _mux(
    file: Any,
    packets: Iterable[tuple[int, bool, bytes]],
    size: tuple[int, int],
    fps: float,
    codec: str,
) -> None:
    rate = rate_of(fps)
    height, width = size
    stream = file.add_mux_stream(CODECS[codec].encoder, rate=rate, width=width, height=height)
    stream.time_base = 1 / rate
    for number, key, content in packets:
        packet = av.Packet(content)
        packet.pts = packet.dts = number
        packet.duration, packet.time_base = 1, 1 / rate
        packet.is_keyframe, packet.stream = key, stream
        file.mux(packet)


def images_in(path: Path) -> int:
    """How many images a video has, none of them decoded; DatasetError if it is none."""
    try:
        with open_video(path) as file:
            return sum(packet.size > 0 for packet in file.demux(video=0))
    except (av.FFmpegError, IndexError, OSError, ValueError) as error:
        raise DatasetError(f"{path} is missing or damaged ({error})") from error


def decoded(packets: Iterable[tuple[int, bool, bytes]], codec: str) -> Iterator[U8]:
    """The images (height, width, 3) of encoded ones."""
    context = av.CodecContext.create(CODECS[codec].decoder, "r")
    assert isinstance(context, VideoCodecContext)
    to_rgb = VideoReformatter()
    for content in [*(content for _, _, content in packets), None]:
        for frame in context.decode(None if content is None else av.Packet(content)):
            yield rgb(frame, to_rgb)
