"""Images of datasets, from videos and from images in a table: each the one of its time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from configs.text.reading import Unreadable, content_of, shown
from hil_app.recording.format.features import is_deep
from hil_app.recording.format.inside import DatasetError, check_inside, check_regular
from hil_app.recording.format.tables import Rows
from robots.base import U8

Size = tuple[int, int]  # height, width [px]
MOST_PIXELS = 1 << 25  # of an image; 8K has as many
LONGEST_IMAGE = 1 << 26  # bytes of an image's own file
EXACT = 0.1  # share of a frame's time: no other image is nearer
_MP4 = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_MATROSKA = b"\x1a\x45\xdf\xa3"
_JPEG_SCAN, _JPEG_ENDS = b"\xff\xda", b"\xff\xd9"
_IMAGES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "mjpeg"}


def open_video(path: Path) -> Any:
    """An MP4 or Matroska file, and nothing else: other containers may name other files to read.

    DatasetError if it is no file; ValueError, OSError or FFmpegError if it is no such video.
    """
    check_regular(path)
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] not in _MP4 and head[:4] != _MATROSKA:
        raise ValueError("it is neither MP4 nor Matroska")
    kind = "matroska" if head[:4] == _MATROSKA else "mp4"
    options = {"protocol_whitelist": "file", "max_pixels": str(MOST_PIXELS)}
    return av.open(f"file:{path}", format=kind, options=options, metadata_errors="replace")


def read_video(
    path: Path, start: float, count: int, fps: float, size: Size | None = None
) -> Iterator[U8]:
    """The ``count`` images (height, width, 3) from ``start`` [s] on, each decoded once.

    Each is the one of its time, within half a frame. DatasetError if the file is missing, damaged
    or too short, an image is missing or has another ``size``, or shows depth.
    """
    found, to_rgb = 0, VideoReformatter()
    try:
        frames = _frames(path, start - 0.5 / fps)
        with closing(frames):
            for frame in _timed(frames, start, count, fps, path):
                _check(frame, size, path)
                yield rgb(frame, to_rgb)
                found += 1
    except (av.FFmpegError, IndexError, OSError, ValueError) as error:
        what = shown(error)
        raise DatasetError(f"{path} is damaged after {found} images ({what})") from error
    if found < count:
        raise DatasetError(f"{path} is cut short: {found} images of {count}")


@dataclass(frozen=True)
class _Packed:
    """An image that is not decoded."""

    time: float  # [s]


def check_video(path: Path, start: float, count: int, fps: float, size: Size) -> None:
    """DatasetError if :func:`read_video` would not find its images; none is decoded."""
    try:
        with open_video(path) as file:
            stream = file.streams.video[0]
            found = stream.codec_context.height, stream.codec_context.width
            times = [
                float(packet.pts * packet.time_base)
                for packet in file.demux(stream)
                if packet.size and packet.pts is not None and not packet.is_discard
            ]
        number = sum(1 for _ in _timed(map(_Packed, sorted(times)), start, count, fps, path))
    except (av.FFmpegError, AttributeError, IndexError, OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({shown(error)}): restore a copy") from error
    if number < count:
        raise DatasetError(f"{path} is cut short: {number} images of {count}: restore a copy")
    if found != size:
        raise _other_size(path, found, size)


def _frames(path: Path, first: float) -> Generator[Any, None, None]:
    """The frames of a video from before the time ``first`` [s] on."""
    with open_video(path) as file:
        stream = file.streams.video[0]
        stream.thread_type = "NONE"  # threads cost small images more than they bring
        if first > 0 and stream.time_base:
            file.seek(int(first / stream.time_base), stream=stream)
        yield from file.decode(stream)


def _timed(
    frames: Iterator[Any], start: float, count: int, fps: float, path: Path
) -> Iterator[Any]:
    """The frame that is nearest to each of ``count`` instants from ``start`` [s] on, if any is."""
    number, held, near = 0, None, 0.5
    for frame in frames:
        if frame.time is None:
            raise ValueError("an image has no time")
        while number < count:
            off = abs(late := (frame.time - start) * fps - number)  # frames
            if late < -near:
                break
            if held is None and late > near:
                raise DatasetError(
                    f"{path} has no image within half a frame of {start + number / fps:.3f} s, "
                    f"the next is at {frame.time:.3f} s"
                )
            if held is None or off <= held[1]:
                held = frame, off
                if off > EXACT:
                    break
            yield held[0]
            used, held, number = held[0], None, number + 1
            if used is frame:
                break
        if number == count:
            return
    if held is not None and number < count:
        yield held[0]


def read_images(rows: Rows, key: str, root: Path, size: Size | None = None) -> Iterator[U8]:
    """The images (height, width, 3) that other tools put in a column, or in files beside it.

    DatasetError if one of them is none, has another ``size``, or shows depth.
    """
    to_rgb = VideoReformatter()
    if key not in rows.table.column_names:
        raise DatasetError(f"{rows.path} has no column {key}, which info.json declares")
    for number, image in enumerate(rows.table.column(key)):
        content = _content(image.as_py(), root)
        if content is None:
            raise rows.wrong(number, key, "is missing")
        try:
            frame = _decoded(content)
        except _NoImageError as error:
            raise rows.wrong(number, key, str(error)) from None
        except (av.FFmpegError, ValueError) as error:
            raise rows.wrong(number, key, f"cannot be read ({shown(error)})") from error
        _check(frame, size, rows.path)
        yield rgb(frame, to_rgb)


def pixels_of(image: Any, root: Path) -> str:
    """The kind of pixels of an image as a table has it; empty if there is none.

    DatasetError, ValueError or FFmpegError if it is damaged.
    """
    content = _content(image, root)
    return "" if content is None else _decoded(content).format.name


class _NoImageError(ValueError):
    """These bytes are no image of a kind that is read."""


def _decoded(content: bytes) -> av.VideoFrame:
    """The one image of an image's bytes; ValueError or FFmpegError if there is none."""
    codec = next((name for mark, name in _IMAGES.items() if content.startswith(mark)), None)
    if codec is None:
        raise _NoImageError("is neither PNG nor JPEG")
    if codec == "mjpeg" and content.rfind(_JPEG_ENDS) < content.rfind(_JPEG_SCAN):
        raise ValueError("it has no end")  # the codec would make one up
    (frame,) = _decoder(codec).decode(av.Packet(content))
    return frame


def _content(image: Any, root: Path) -> bytes | None:
    """The bytes of an image as a table has it: themselves, or in a file of the dataset's."""
    if isinstance(image, bytes):
        return image
    if not isinstance(image, dict):
        return None
    content, path = image.get("bytes"), image.get("path")
    if content is None and isinstance(path, str) and path:
        try:
            return content_of(check_inside(root, root / path), LONGEST_IMAGE)
        except (Unreadable, OSError) as error:
            raise DatasetError(f"{root / path} cannot be read ({shown(error)})") from None
    return content if isinstance(content, bytes) else None


def _decoder(codec: str) -> VideoCodecContext:
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.options = {"max_pixels": str(MOST_PIXELS), "err_detect": "explode"}
    context.thread_count = 1  # an image comes out as it goes in
    return context


def _check(frame: av.VideoFrame, size: Size | None, path: Path) -> None:
    if is_deep(frame.format.name):
        raise DatasetError(
            f"{path} has images of {frame.format.name}, which are depth: nothing looks at them, "
            "leave the camera out"
        )
    if size is not None and (frame.height, frame.width) != size:
        raise _other_size(path, (frame.height, frame.width), size)
    if frame.is_corrupt:  # the codec has made up what it could not read
        raise DatasetError(f"{path} is damaged: an image is not whole. Restore a copy")


def _other_size(path: Path, found: Size, size: Size) -> DatasetError:
    return DatasetError(
        f"{path} has an image of {found[1]}x{found[0]}, but info.json says {size[1]}x{size[0]}: "
        "record it again, or set the size right if all are like this"
    )


def rgb(frame: av.VideoFrame, to_rgb: VideoReformatter) -> U8:
    """The image; one ``to_rgb`` for many, as a new one takes longer than decoding."""
    image: U8 = to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()  # type: ignore[assignment]
    return image
