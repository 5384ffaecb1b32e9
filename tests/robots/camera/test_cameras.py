"""Cameras through the real OpenCV: video files, folders of images and MJPEG streams."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sample_cameras import (
    COUNT,
    HEIGHT,
    WIDTH,
    Streams,
    image,
    number_of,
    red_corner,
    streaming,
    write_video_file,
)
from waiting import PATIENCE_S, until

from configs.camera import OpenCVCameraConfig
from configs.events import Event
from robots.base import CameraError, NotConnected
from robots.camera import cameras, capture
from robots.camera.cameras import Cameras

cv2 = pytest.importorskip("cv2", reason="OpenCV's libraries are missing", exc_type=ImportError)
Reported = list[tuple[str, dict[str, Any]]]


def camera(source: object, **options: Any) -> OpenCVCameraConfig:
    content = {"index_or_path": str(source), "width": WIDTH, "height": HEIGHT, **options}
    return OpenCVCameraConfig.model_validate(content)


def one(source: object, reported: Reported | None = None, **options: Any) -> Cameras:
    """A camera; of a stream far fewer images are expected than it sends, as machines are busy."""
    if "://" in str(source):
        options = {"fps": 5, **options}

    def tell(event: Event) -> None:
        if reported is not None:
            reported.append((event.name, event.facts()))

    return Cameras({"front": camera(source, **options)}, tell)


def stamps(cameras: Cameras) -> list[float]:
    """When the images that are kept were taken [s]."""
    assert cameras._cameras is not None
    return [shot.stamp for shot in cameras._cameras["front"]._kept]


def newest(cameras: Cameras) -> Any:
    return cameras.newest(stamps(cameras)[-1])[0]["front"]


def poll(
    cameras: Cameras, done: Callable[[], object], now: Callable[[], float] | None = None
) -> None:
    """Call newest() as a loop does until ``done``: one that is as fast as the camera, or lives in
    the time of ``now``."""
    until(lambda: done() or (cameras.newest(now() if now else stamps(cameras)[-1]) and False))


def give_up(cameras: Cameras) -> None:
    """Live on without a new image for longer than anybody is patient."""
    for minutes in (1, 2):
        cameras.newest(time.monotonic() + 60 * minutes)


def failure(cameras: Cameras) -> str:
    assert cameras._cameras is not None
    return cameras._cameras["front"]._failure or ""


def capture_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("camera ")]


def refusal(cameras: Cameras) -> str:
    """The one line that says why the cameras cannot be opened."""
    with pytest.raises(CameraError) as caught, cameras:
        pass
    assert not capture_threads()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video_file(tmp_path_factory.mktemp("video") / "video.avi")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folder")
    for number in range(COUNT):
        cv2.imwrite(str(path / f"{number:02}.png"), image(number))
    (path / "notes.txt").write_text("not an image")
    return path


@pytest.fixture
def server() -> Iterator[Streams]:
    with streaming() as one:
        yield one


@pytest.fixture(params=["video", "folder"])
def played(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def test_what_is_in_files_plays_in_order_at_its_rate_and_again_and_again(
    played: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(capture, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    with closing(capture.shots("front", camera(played, fps=100), sleep)) as source:
        shown = [next(source) for _ in range(3 * COUNT)]
        now += 0.5  # nobody has asked for a while: it goes on from there
        shown.append(next(source))
    assert [number_of(shot.image) for shot in shown] == [*range(COUNT)] * 3 + [0]
    periods = np.diff([shot.stamp for shot in shown])
    np.testing.assert_allclose(periods[:-1], 0.01, atol=1e-6)
    assert periods[-1] == pytest.approx(0.5)


def test_the_image_is_the_one_nearest_to_the_instant_asked_for(video: Path) -> None:
    with one(video, fps=20) as cameras:
        poll(cameras, lambda: number_of(newest(cameras)) >= 4)
        assert cameras._cameras is not None
        cameras._cameras["front"].stop()  # those that it has are kept
        cameras._cameras["front"].join(time.monotonic() + PATIENCE_S)
        kept = stamps(cameras)
        asked = [stamp + late for stamp in kept for late in (-0.01, 0.01)]
        shown = [cameras.newest(at) for at in asked]
    numbers = [number_of(images["front"]) for images, _ in shown]
    assert numbers[::2] == numbers[1::2]
    assert list(np.diff(numbers[::2]) % COUNT) == [1] * (len(kept) - 1)
    assert [ages["front"] for _, ages in shown] == pytest.approx([-0.01, 0.01] * len(kept))


def test_images_are_rgb_contiguous_and_read_only(played: Path) -> None:
    with one(played) as cameras:
        image = newest(cameras)
    assert (image.shape, image.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert red_corner(image) == "top left"
    assert image.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0, 0] = 1


def test_a_device_that_gives_rgb_is_taken_as_it_is(video: Path) -> None:
    with one(video, channels="rgb") as cameras:
        image = newest(cameras)
    assert red_corner(image) == "nowhere"
    assert red_corner(image[..., ::-1]) == "top left"


@pytest.mark.parametrize(
    ("rotation", "corner"), [(90, "top right"), (180, "bottom right"), (270, "bottom left")]
)
def test_images_are_turned_clockwise(video: Path, rotation: int, corner: str) -> None:
    with one(video, rotation=rotation) as cameras:
        image = newest(cameras)
    assert image.shape == ((HEIGHT, WIDTH, 3) if rotation == 180 else (WIDTH, HEIGHT, 3))
    assert red_corner(image) == corner
    assert image.flags.c_contiguous


def test_several_cameras_open_side_by_side(video: Path, folder: Path, server: Streams) -> None:
    sources = {"video": video, "folder": folder, "stream": server.address}
    configs = {name: camera(source) for name, source in sources.items()}
    with Cameras(configs, lambda *_: None) as cameras:
        images, ages = cameras.newest(time.monotonic())
    assert list(images) == list(ages) == list(sources)


def test_no_cameras_are_no_trouble() -> None:
    with Cameras({}, lambda *_: None) as cameras:
        assert cameras.newest(time.monotonic()) == ({}, {})


def test_cameras_are_used_inside_their_block(video: Path) -> None:
    cameras = one(video)
    with pytest.raises(NotConnected, match="`with` block"):
        cameras.newest(0.0)


@pytest.mark.parametrize("kind", ["video", "folder", "stream"])
def test_another_size_than_asked_for_names_the_options(
    kind: str, video: Path, folder: Path, server: Streams
) -> None:
    source = {"video": video, "folder": folder, "stream": server.address}[kind]
    message = refusal(one(source, width=640, height=480))
    assert f"camera 'front' ({source}) gives 64x48 images, not 640x480" in message
    assert "--robot.cameras.front.width=64 and --robot.cameras.front.height=48" in message


def test_another_pixel_format_than_asked_for_names_the_option(video: Path, server: Streams) -> None:
    for source in (video, server.address):
        message = refusal(one(source, fourcc="YUYV"))
        assert "gives MJPG, not YUYV: set --robot.cameras.front.fourcc=null" in message
        with one(source, fourcc="MJPG") as cameras:
            newest(cameras)


def test_a_source_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/1.png").write_bytes(b"no picture")
    said = {
        tmp_path / "text.mp4": "not a video file",
        tmp_path / "empty": "without images (.png, .jpg, .jpeg)",
        tmp_path / "broken": "1.png, which is not a whole image",
        tmp_path / "nowhere.mp4": "there is no ",
        "http://127.0.0.1:9/front": "check the address",
        "98": "/dev/video98",
    }
    for source, message in said.items():
        assert message in refusal(one(source))


def test_failing_to_open_keeps_off_the_screen() -> None:
    program = """
from configs.camera import OpenCVCameraConfig
from robots.base import CameraError
from robots.camera.cameras import Cameras
for source in (98, "/dev/video98", "http://127.0.0.1:9/front"):
    try:
        with Cameras({"front": OpenCVCameraConfig(index_or_path=source)}, print):
            pass
    except CameraError as error:
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\n" * 3, "")


def test_a_stream_shows_what_was_sent_last(server: Streams) -> None:
    """None waits in a queue: it is at most on its way, at some moment of a busy machine."""
    with one(server.address) as cameras:
        poll(cameras, lambda: server.last > 10)
        until(lambda: (server.last - number_of(newest(cameras))) % COUNT <= 1)


def test_a_stream_that_stalls_is_reported_at_once_and_so_is_its_return(server: Streams) -> None:
    reported: Reported = []
    with one(server.address, reported, max_age_s=0.2, patience_s=20) as cameras:
        poll(cameras, lambda: server.last > 3)
        assert reported == []
        server.running.clear()
        poll(cameras, lambda: reported, time.monotonic)
        assert cameras.newest(time.monotonic())[1]["front"] > 0.2
        server.running.set()
        poll(cameras, lambda: len(reported) > 1)
    (stale, facts), (back, again) = reported
    assert (stale, facts["camera"], back, again["camera"]) == (
        "camera_stale",
        "front",
        "camera_back",
        "front",
    )
    assert f"camera 'front' ({server.address}) gives no new image for " in facts["cause"]
    assert "gives images again, after " in again["cause"]


def test_a_dead_stream_is_opened_again_once_it_is_back(server: Streams) -> None:
    reported: Reported = []
    with one(server.address, reported, max_age_s=0.2, patience_s=20) as cameras:
        server.refusing = True
        server.drop()
        poll(cameras, lambda: reported)
        assert "check" in reported[0][1]["cause"]
        server.refusing = False
        poll(cameras, lambda: len(reported) > 1)
        assert number_of(newest(cameras)) < COUNT
    assert [name for name, _ in reported] == ["camera_stale", "camera_back"]


def test_a_camera_that_stays_dead_ends_the_run_after_its_patience(server: Streams) -> None:
    reported: Reported = []
    with one(server.address, reported, max_age_s=0.2, patience_s=0.5) as cameras:
        server.refusing = True
        server.drop()
        dropped = time.monotonic()
        with pytest.raises(CameraError, match=r"camera 'front' .* check"):
            poll(cameras, lambda: False, time.monotonic)
        assert time.monotonic() - dropped > 0.6
    assert [name for name, _ in reported] == ["camera_stale"]


def test_a_stream_that_comes_back_in_another_size_says_so(server: Streams) -> None:
    with one(server.address, max_age_s=0.2, patience_s=1) as cameras:
        server.size = (96, 128)
        server.drop()
        poll(cameras, lambda: "128x96" in failure(cameras))
        with pytest.raises(CameraError, match="gives 128x96 images, not 64x48"):
            give_up(cameras)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((WIDTH, HEIGHT), "gives 48x64 images, not 64x48: turn it back, or set --robot"),
        ((96, 128), "gives 128x96 images, not 64x48: set --robot"),
        ((24, 32), "gives 32x24 images, not 64x48: set --robot"),
    ],
)
def test_a_stream_that_changes_its_size_under_way_is_not_squeezed_but_told(
    server: Streams, size: tuple[int, int], said: str
) -> None:
    reported: Reported = []
    with one(server.address, reported, max_age_s=0.2, patience_s=30) as cameras:
        poll(cameras, lambda: server.last > 3)
        server.size = size
        poll(cameras, lambda: reported)
        assert reported[0][0] == "camera_stale"
        poll(cameras, lambda: said in failure(cameras))
        server.size = (HEIGHT, WIDTH)  # somebody turns it back
        poll(cameras, lambda: len(reported) > 1)
        assert newest(cameras).shape == (HEIGHT, WIDTH, 3)
    with one(server.address, max_age_s=0.2, patience_s=0.5) as cameras:
        server.size = size
        poll(cameras, lambda: said in failure(cameras))
        with pytest.raises(CameraError, match=said.partition(":")[0]):
            give_up(cameras)


def test_a_stream_that_fails_is_reported_even_if_it_is_back_at_once(server: Streams) -> None:
    reported: Reported = []
    with one(server.address, reported, max_age_s=9) as cameras:
        poll(cameras, lambda: server.last > 3)
        server.size = (WIDTH, HEIGHT)
        poll(cameras, lambda: reported)
        server.size = (HEIGHT, WIDTH)
        poll(cameras, lambda: len(reported) > 1)
    (stale, facts), (back, _) = reported
    assert (stale, back) == ("camera_stale", "camera_back")
    assert f"gives {HEIGHT}x{WIDTH} images, not {WIDTH}x{HEIGHT}: turn it back" in facts["cause"]


def test_grey_images_have_three_channels_and_half_ones_do_not_count(
    server: Streams, capfd: pytest.CaptureFixture[str]
) -> None:
    server.grey = True
    with one(server.address, max_age_s=0.2, patience_s=0.5) as cameras:
        image = newest(cameras)
        assert (image.shape, np.ptp(image, axis=2).max()) == ((HEIGHT, WIDTH, 3), 0)
        server.cut = True
        with pytest.raises(CameraError, match=r"gives no new image for \d+\.\d s"):
            poll(cameras, lambda: False, time.monotonic)
    assert capfd.readouterr() == ("", "")


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = refusal(one(f"http://127.0.0.1:{silent.getsockname()[1]}/front"))
    assert "check the address" in said or "gives no image within" in said
    (tmp_path / "closed").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "iterdir", lambda _: os.listdir("/nowhere/at/all"))
        assert "cannot be read: No such file" in refusal(one(tmp_path / "closed"))


def test_one_device_with_two_names_is_reported_before_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/video97")
    for other in ("/dev/video97", "../dev/../dev/video97", str(tmp_path / "by-id")):
        source = os.path.relpath("/dev/video97") if other.startswith("..") else other
        cameras = Cameras({"front": camera(97), "wrist": camera(source)}, lambda *_: None)
        assert "cameras 'front' and 'wrist' are one device, /dev/video97" in refusal(cameras)


def test_one_stream_may_have_two_names(server: Streams) -> None:
    configs = {name: camera(server.address) for name in ("front", "wrist")}
    with Cameras(configs, lambda *_: None) as cameras:
        assert list(cameras.newest(time.monotonic())[0]) == ["front", "wrist"]


def test_depths_are_no_colours_grey_and_transparent_images_are(tmp_path: Path) -> None:
    def shown(shape: tuple[int, ...], kind: type) -> Path:
        cv2.imwrite(str(tmp_path / "1.png"), np.full(shape, 7, kind))
        return tmp_path

    depths = shown((HEIGHT, WIDTH), np.uint16)
    assert "gives numbers of type uint16, such as depths" in refusal(one(depths))
    for shape in ((HEIGHT, WIDTH), (HEIGHT, WIDTH, 4)):
        with one(shown(shape, np.uint8)) as cameras:
            image = newest(cameras)
        assert (image.shape, set(image.flat)) == ((HEIGHT, WIDTH, 3), {7})


def oversized() -> bytes:
    """A JPEG that says it has more pixels than any memory holds."""
    jpeg = bytearray(cv2.imencode(".jpg", image(1))[1])
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = b"\xfd\xe8" * 2
    return bytes(jpeg)


@pytest.mark.parametrize("sent", ["nothing", "words", "another format", "a huge size"])
def test_whatever_comes_in_place_of_an_image_only_is_none(server: Streams, sent: str) -> None:
    content = {"nothing": b"", "words": b"<html>", "a huge size": oversized()}
    content["another format"] = cv2.imencode(".png", image(1))[1].tobytes()
    reported: Reported = []
    with one(server.address, reported, max_age_s=0.3, patience_s=20) as cameras:
        server.instead = content[sent]
        poll(cameras, lambda: reported, time.monotonic)
        server.instead = None
        poll(cameras, lambda: len(reported) > 1)
    assert [name for name, _ in reported] == ["camera_stale", "camera_back"]


def test_a_camera_that_hangs_while_the_arm_moves_is_stale(server: Streams) -> None:
    reported: Reported = []
    joints = np.zeros(6, np.float32)

    def poll_moving(done: Callable[[], object], step: float) -> None:
        def look() -> object:
            joints[2] += step
            cameras.newest(stamps(cameras)[-1], joints.copy())
            return done()

        until(look)

    with one(server.address, reported, max_age_s=5, patience_s=1) as cameras:
        start = time.monotonic()
        poll_moving(lambda: time.monotonic() > start + 1.2, step=1)  # all is well
        server.hangs = True
        start = time.monotonic()
        poll_moving(lambda: time.monotonic() > start + 1.2, step=0)  # nothing happens: well, too
        assert not reported
        poll_moving(lambda: reported, step=1)
        server.hangs = False
        poll_moving(lambda: len(reported) > 1, step=1)
        server.hangs = True
        with pytest.raises(CameraError, match="the very same image again and again"):
            poll_moving(lambda: False, step=1)
    assert [name for name, _ in reported] == ["camera_stale", "camera_back", "camera_stale"]
    assert "though the arm moves" in reported[0][1]["cause"]


def test_a_file_may_show_the_same_image_for_ever(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), image(1))
    with one(tmp_path, max_age_s=5, patience_s=0) as cameras:
        start = time.monotonic()
        while time.monotonic() < start + 1.3:
            cameras.newest(time.monotonic(), np.full(6, 100 * (time.monotonic() - start)))
            time.sleep(0.01)


def test_black_images_are_reported_of_once(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((HEIGHT, WIDTH, 3), 3, np.uint8))
    reported: Reported = []
    with one(tmp_path, reported) as cameras:
        poll(cameras, lambda: reported)
        for _ in range(10):
            newest(cameras)
    ((name, facts),) = reported
    assert name == "camera_dark"
    assert "gives black images: take its cap off" in facts["cause"]


def test_a_gap_is_not_said_to_be_a_low_rate(server: Streams) -> None:
    reported: Reported = []
    with one(server.address, reported, fps=15, max_age_s=0.5, patience_s=20) as cameras:
        start = time.monotonic()
        poll(cameras, lambda: time.monotonic() > start + 0.5)
        server.running.clear()
        poll(cameras, lambda: reported, time.monotonic)
        time.sleep(1)
        server.running.set()
        start = time.monotonic()
        poll(cameras, lambda: time.monotonic() > start + 2.5)
    assert [name for name, _ in reported] == ["camera_stale", "camera_back"]


def test_a_slow_camera_is_reported_of_once() -> None:
    reported: Reported = []
    with streaming(fps=12) as server, one(server.address, reported, fps=30) as cameras:
        poll(cameras, lambda: reported)
        for _ in range(10):
            newest(cameras)
    ((name, facts),) = reported
    assert name == "camera_slow"
    assert "images/s, not 30: more light" in facts["cause"]
    assert "--robot.cameras.front.fps=" in facts["cause"]


def test_a_defect_in_a_capture_thread_reaches_the_loop(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with one(video) as cameras:
        monkeypatch.setattr(cv2, "cvtColor", lambda *_: 1 / 0)
        with pytest.raises(CameraError, match="failed: ZeroDivisionError") as caught:
            poll(cameras, lambda: False)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_the_threads_end_with_the_block(server: Streams) -> None:
    with one(server.address, max_age_s=5) as cameras:
        newest(cameras)
        assert len(capture_threads()) == 1
    assert not capture_threads()


def test_a_camera_that_blocks_keeps_nobody_waiting(
    server: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def blocking(*_: object) -> Iterator[capture.Shot]:
        shot = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        yield capture.Shot(shot, time.monotonic())
        assert goes_on.wait(PATIENCE_S)
        yield capture.Shot(shot, time.monotonic())

    monkeypatch.setattr(cameras, "shots", blocking)
    with one(server.address, max_age_s=5) as blocked:
        newest(blocked)
    assert len(capture_threads()) == 1
    goes_on.set()  # it finds that all is over
    until(lambda: not capture_threads())
