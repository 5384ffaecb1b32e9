import socket
import time
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from waiting import until

from configs.robot import SimCameraConfig
from robots.arm import ARMS
from robots.base import RenderError
from robots.twin.physics import mujoco
from robots.twin.renderer import Renderer
from robots.virtual.mount import Mount
from robots.virtual.world_motors import WorldMotors, draw_from

cv2 = pytest.importorskip("cv2", reason="OpenCV's libraries are missing", exc_type=ImportError)
streams = pytest.importorskip("robots.virtual.streams")

REACHING = np.array([0.0, -20.0, 30.0, 60.0, 15.0, 50.0], np.float32)
CAMERAS = {"front": SimCameraConfig(width=96, height=64), "wrist": SimCameraConfig(view="wrist")}
FPS = 50.0


@pytest.fixture
def motors() -> WorldMotors:
    motors = WorldMotors(ARMS["so101"], "pick_lift", Mount(ARMS["so101"]), REACHING, 0.01)
    try:
        Renderer(motors.world.model, 16, 16, fine=False).close()
    except RenderError as error:
        pytest.skip(str(error))
    return motors


@pytest.fixture
def cameras(motors: WorldMotors) -> Iterator["streams.Streams"]:
    with streams.Streams(motors.world.model, lambda: motors.scene, CAMERAS, FPS, 0) as cameras:
        yield cameras


def test_a_stream_shows_the_scene_of_now_as_the_renderer_draws_it(
    motors: WorldMotors, cameras: "streams.Streams"
) -> None:
    capture = cv2.VideoCapture(cameras.addresses["front"])
    try:
        before = capture.read()[1]
        motors.world.data.qpos[0] += 1.0
        motors.advance(motors.positions, np.zeros(6))
        until(lambda: np.abs(capture.read()[1].astype(int) - before).mean() > 3)
        after = capture.read()[1]
    finally:
        capture.release()
    renderer = Renderer(motors.world.model, 64, 96, fine=False)
    expected = renderer.paint(motors.world.data, "front")[..., ::-1]
    renderer.close()
    assert after.shape == expected.shape
    assert np.abs(after.astype(int) - expected).mean() < 3  # what JPEG loses


def test_what_stays_put_is_shown_turned_as_it_is() -> None:
    motors = WorldMotors(ARMS["so101"], "drawer", Mount(ARMS["so101"]), REACHING, 0.01)
    motors.reset(3)
    motors.advance(motors.positions, np.zeros(6))
    world, shown = motors.world, mujoco.MjData(motors.world.model)
    draw_from(world.model, shown, motors.scene)
    np.testing.assert_allclose(shown.body("cabinet").xquat, world.data.body("cabinet").xquat)
    assert abs(world.data.body("cabinet").xquat[3]) > 0.01  # it is turned


def test_only_what_is_watched_is_drawn(cameras: "streams.Streams") -> None:
    studio = cameras._studio
    time.sleep(0.1)
    assert studio.number("front") == 0
    with urllib.request.urlopen(cameras.addresses["front"], timeout=20) as stream:
        assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        start = time.monotonic()
        until(lambda: studio.number("front") > 25)
        assert time.monotonic() - start > 0.8 * 25 / FPS  # no faster than asked
        assert studio.number("wrist") == 0
    until(lambda: not studio._watchers.total())
    last = -1
    while last != (last := studio.number("front")):
        time.sleep(0.1)  # what was begun is drawn
    time.sleep(0.2)
    assert studio.number("front") == last


def test_many_may_watch_and_the_end_ends_every_stream(motors: WorldMotors) -> None:
    with streams.Streams(motors.world.model, lambda: motors.scene, CAMERAS, FPS, 0) as cameras:
        addresses = [*cameras.addresses.values()] * 2
        watching = [urllib.request.urlopen(address, timeout=20) for address in addresses]
        for stream in watching:
            assert stream.read(2000).startswith(b"--picture\r\nContent-Type: image/jpeg\r\n")
    for stream in watching:
        with stream:
            stream.read()  # to its end


def test_those_who_ask_for_nothing_are_few_and_leave_room_again(
    cameras: "streams.Streams", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams._Handler, "timeout", 0.2)
    idle = [socket.create_connection(("127.0.0.1", cameras.port)) for _ in range(40)]
    until(lambda: sum(ended(one) for one in idle) >= 8)  # turned away at once
    until(lambda: all(ended(one) for one in idle))  # the others after their time
    for one in idle:
        one.close()
    with urllib.request.urlopen(cameras.addresses["front"], timeout=20) as stream:
        assert stream.read(2) == b"--"


def ended(connection: socket.socket) -> bool:
    """Whether the other end has hung up."""
    connection.settimeout(0.01)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
