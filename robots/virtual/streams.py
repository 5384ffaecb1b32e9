"""The cameras of a virtual arm: MJPEG streams over HTTP, as IP cameras serve them."""

from __future__ import annotations

import copy
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

import cv2

from configs.robot import SimCameraConfig
from robots.base import RenderError
from robots.twin.physics import mujoco
from robots.twin.renderer import Renderer
from robots.virtual.world_motors import SceneState, draw_from

_HOST = "127.0.0.1"
_BOUNDARY = "picture"
_JPEG = (  # images are small: spare the colours
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
_PATIENCE_S = 10.0  # for the first image, and with who asks or takes one slowly
_MOST = 32  # that watch; more are turned away

StateSource = Callable[[], SceneState]


class Streams:
    """Draws what is watched, in a thread of its own, and serves it at ``/<camera>``.

    ``port`` 0, or one that is taken, picks a free one; ``addresses`` says where each camera is.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        scene: StateSource,
        cameras: Mapping[str, SimCameraConfig],
        fps: float,
        port: int,
    ) -> None:
        self._studio = _Studio(model, scene, cameras, fps)
        self._server = _open(port, self._studio)
        self.port: int = self._server.server_address[1]
        self.addresses = {name: f"http://{_HOST}:{self.port}/{name}" for name in cameras}

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()
        self._studio.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._studio.stop()
        self._server.shutdown()
        self._server.server_close()


class _Studio(threading.Thread):
    """The thread that draws; an OpenGL context belongs to the thread that made it."""

    def __init__(
        self,
        model: mujoco.MjModel,
        scene: StateSource,
        cameras: Mapping[str, SimCameraConfig],
        fps: float,
    ) -> None:
        super().__init__(name="cameras", daemon=True)
        self.cameras = cameras
        self.failure: str | None = None
        self._model, self._scene, self._period = copy.copy(model), scene, 1.0 / fps
        self._watchers: Counter[str] = Counter()
        self._images: dict[str, tuple[int, bytes]] = {}  # number and JPEG, by camera
        self._changed = threading.Condition()
        self._ending = False

    def run(self) -> None:
        """Draw while anyone watches."""
        try:
            with ExitStack() as stack:
                self._draw_all(stack)
        except BaseException as error:  # whoever watches hears of it
            known = isinstance(error, RenderError)
            with self._changed:
                self.failure = str(error) if known else f"{type(error).__name__}: {error}"
                self._changed.notify_all()

    def stop(self) -> None:
        """End the thread and every stream."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self.join()

    @contextmanager
    def watch(self, camera: str) -> Any:
        """While entered, someone watches ``camera``."""
        with self._changed:
            self._watchers[camera] += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._watchers[camera] -= 1

    def newer(self, camera: str, than: int) -> tuple[int, bytes] | None:
        """The first image of ``camera`` after number ``than``; None when there will be none."""

        def there() -> bool:
            return self._ending or self.failure is not None or self.number(camera) > than

        with self._changed:
            if not self._changed.wait_for(there, _PATIENCE_S) or self._ending or self.failure:
                return None
            return self._images[camera]

    def number(self, camera: str) -> int:
        """Of the newest image of ``camera``; 0 before the first."""
        return self._images[camera][0] if camera in self._images else 0

    def _draw_all(self, stack: ExitStack) -> None:
        data = mujoco.MjData(self._model)
        renderers: dict[tuple[int, int], Renderer] = {}
        due = time.monotonic()
        while watched := self._await_watchers():
            draw_from(self._model, data, self._scene())
            for name in watched:
                camera = self.cameras[name]
                size = camera.height, camera.width
                if size not in renderers:
                    renderers[size] = Renderer(self._model, *size, fine=False)
                    stack.callback(renderers[size].close)
                self._publish(name, renderers[size].paint(data, camera.view))
            due = max(due + self._period, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _await_watchers(self) -> list[str]:
        """The cameras that are watched; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending or self._watchers.total())
            return [] if self._ending else [name for name in self.cameras if self._watchers[name]]

    def _publish(self, name: str, image: Any) -> None:
        _, jpeg = cv2.imencode(".jpg", image[..., ::-1], _JPEG)
        with self._changed:
            self._images[name] = (self.number(name) + 1, jpeg.tobytes())
            self._changed.notify_all()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    studio: _Studio

    def __init__(self, address: tuple[str, int]) -> None:
        self._free = threading.BoundedSemaphore(_MOST)
        super().__init__(address, _Handler)

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002
        """Turn away who comes while so many watch."""
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one who watches."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        studio, name = self.server.studio, self.path.strip("/")
        if name not in studio.cameras:
            return self._refuse(404, f"Cameras: {', '.join('/' + one for one in studio.cameras)}")
        with studio.watch(name):
            image = studio.newer(name, than=studio.number(name))
            if image is None:
                return self._refuse(503, studio.failure or "No image in time.")
            self._stream(name, image)
        return None

    def _stream(self, name: str, image: tuple[int, bytes] | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        while image is not None:
            number, jpeg = image
            head = (
                f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            )
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:  # nobody watches any more
                return
            image = self.server.studio.newer(name, number)

    def _refuse(self, code: int, message: str) -> None:
        content = (message + "\n").encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _open(port: int, studio: _Studio) -> _Server:
    """A server at ``port``, or at a free one if that is taken."""
    try:
        server = _Server((_HOST, port))
    except OSError:
        server = _Server((_HOST, 0))
    server.studio = studio
    return server
