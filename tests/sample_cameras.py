"""Cameras to test with: images that say which they are, in files and from a server of streams."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 10  # brightness from one image to the next
COUNT = 20  # images that can be told apart
RED = (20, 20, 230)  # BGR
HEIGHT, WIDTH = 48, 64


def image(number: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """BGR (H, W, 3), its top left quarter red, the rest as bright as its number says."""
    pixels = np.full((height, width, 3), number % COUNT * STEP + STEP, np.uint8)
    pixels[: height // 2, : width // 2] = RED
    return pixels


def number_of(pixels: NDArray[np.uint8]) -> int:
    """Which image this is (H, W, 3), in any order of colours, if it is not turned."""
    height, width = pixels.shape[:2]
    return round(pixels[height * 5 // 8 :, width * 5 // 8 :].mean() / STEP) - 1


def red_corner(pixels: NDArray[np.uint8]) -> str:
    """Where the RGB image (H, W, 3) is red."""
    height, width = pixels.shape[:2]
    corners = {"top left": (1, 1), "top right": (1, 7), "bottom right": (7, 7)}
    corners["bottom left"] = (7, 1)
    for name, (down, right) in corners.items():
        red, green, blue = pixels[height * down // 8, width * right // 8].astype(int)
        if red > 150 and max(green, blue) < 90:
            return name
    return "nowhere"


def write_video_file(path: Path, count: int = COUNT, fps: float = 30) -> Path:
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (WIDTH, HEIGHT))
    for number in range(count):
        writer.write(image(number))
    writer.release()
    return path


class Streams(ThreadingHTTPServer):
    """A server of one MJPEG stream that can stall, drop its viewers and refuse new ones."""

    daemon_threads = True

    def __init__(self, fps: float = 30) -> None:
        super().__init__(("127.0.0.1", 0), _Viewer)
        self.fps, self.size = fps, (HEIGHT, WIDTH)
        self.grey = self.cut = False  # images without colours; half images
        self.instead: bytes | None = None  # of an image
        self.hangs = False  # the same image again and again
        self.running, self.refusing, self.epoch = threading.Event(), False, 0
        self.running.set()
        self.last = -1  # number of the newest image sent
        self.viewers = self.most_viewers = 0  # now, and at once so far

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/front.mjpg"

    def drop(self) -> None:
        self.epoch += 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Viewers that hang up are no news."""


class _Viewer(BaseHTTPRequestHandler):
    server: Streams

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.server.refusing:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        self.server.viewers += 1
        self.server.most_viewers = max(self.server.most_viewers, self.server.viewers)
        try:
            self._show()
        finally:
            self.server.viewers -= 1

    def _show(self) -> None:
        import cv2

        epoch, number = self.server.epoch, 0
        while self.server.epoch == epoch:
            if self.server.running.wait(0.01):
                shown = image(number, *self.server.size)
                shown = shown[..., 0] if self.server.grey else shown
                data = cv2.imencode(".jpg", shown)[1].tobytes()
                data = data[: len(data) // 2] if self.server.cut else data
                data = data if self.server.instead is None else self.server.instead
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                self.server.last, number = number % COUNT, number + (not self.server.hangs)
                time.sleep(1 / self.server.fps)


@contextmanager
def streaming(fps: float = 30) -> Iterator[Streams]:
    server = Streams(fps)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.drop()
        server.shutdown()
        thread.join()
        server.server_close()
