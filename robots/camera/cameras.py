"""All cameras of an arm: a capture thread each, of which the loop takes the newest images."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Self

import numpy as np

from configs.camera import OpenCVCameraConfig
from configs.events import Tell
from configs.text.paths import option
from robots.base import F32, U8, CameraError, NotConnected
from robots.camera.capture import Shot, device_of, is_played, shots
from robots.camera.opencv import load_opencv
from robots.camera.stillness import Stillness
from robots.events import CameraBack, CameraDark, CameraSlow, CameraStale

START = 5.0  # longest wait for the first image [s]
END = 0.5  # longest wait for the threads to end; one that blocks in its device is left behind [s]
KEPT = 4  # images kept of each camera, to find the one nearest to an instant
RETRY, LONGEST_RETRY = 0.1, 1.0  # waits before a dead camera is opened again; they double [s]
WINDOW = 2.0  # time over which the rate of images is measured [s]
SLOW = 0.8  # share of the configured rate below which a camera counts as slow
DARK = 10.0  # mean of an image below which it counts as black, of 255
UNCOVER = "take its cap off, and switch on the light"
_SAME = "gives the very same image again and again though the arm moves: see whether it hangs"


class Cameras:
    """All cameras of an arm: a capture thread each.

    ::

        with Cameras(config.cameras, tell) as cameras:
            while True:
                images, ages = cameras.newest(time.monotonic())

    ``tell`` is called by :meth:`newest` alone, in the thread of its caller: ``camera_stale``,
    ``camera_back``, ``camera_slow`` and ``camera_dark``, each with the ``camera`` and the
    ``cause``.
    """

    def __init__(self, configs: Mapping[str, OpenCVCameraConfig], tell: Tell) -> None:
        self._configs, self._tell = dict(configs), tell
        self._cameras: dict[str, _Camera] | None = None

    def __enter__(self) -> Self:
        if self._configs:
            load_opencv("a camera")  # here, so that a failure is not the thread's
        _check_apart(self._configs)
        self._cameras = {name: _Camera(name, config) for name, config in self._configs.items()}
        try:
            deadline = time.monotonic() + START
            for camera in self._cameras.values():
                camera.wait_for_image(deadline)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        cameras, self._cameras = self._cameras or {}, None
        for camera in cameras.values():
            camera.stop()
        deadline = time.monotonic() + END
        for camera in cameras.values():
            camera.join(deadline)

    def newest(
        self, at: float, joints: F32 | None = None
    ) -> tuple[dict[str, U8], dict[str, float]]:
        """Of each camera the image (H, W, 3) RGB taken nearest to ``at``, and its age then [s].

        ``at`` is a recent time.monotonic(); an age is below 0 if the image came after it. Never
        blocks. A camera that fails, or has no new image for its ``max_age_s``, is reported, and
        its last one goes on being returned; CameraError once there was none for ``patience_s``. So
        is one that gives the same image while the arm's ``joints`` (6,) [deg, %] move.
        """
        if self._cameras is None:
            raise NotConnected("The cameras are used outside their `with` block: enter it first.")
        images, ages = {}, {}
        for name, camera in self._cameras.items():
            camera.check(at, joints, self._tell)
            shot = camera.nearest(at)
            images[name], ages[name] = shot.image, at - shot.stamp
        return images, ages


class _Camera:
    """One camera and the thread that keeps its newest images."""

    def __init__(self, name: str, config: OpenCVCameraConfig) -> None:
        self._name, self._config = name, config
        self._kept: tuple[Shot, ...] = ()  # oldest first; replaced as a whole, so no lock is needed
        self._failure: str | None = None  # why there are no images just now
        self._died: BaseException | None = None  # what no new try will mend
        self._rate: float | None = None  # of the last window [images/s]
        self._brightness = 255.0  # of an image in it
        self._changed = 0.0  # the stamp of the first of the images that are like the newest
        self._stillness = None if is_played(config.index_or_path) else Stillness(config.fps)
        self._stale_since: float | None = None
        self._last_good: float | None = None  # the stamp before what was reported as stale
        self._slow = self._dark = False  # reported already
        self._stop, self._first = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._thread.start()

    def wait_for_image(self, deadline: float) -> None:
        """Return once there is an image; CameraError if it fails, or has none at ``deadline``."""
        self._first.wait(max(0.0, deadline - time.monotonic()))
        if not self._kept:
            raise self._error(f"gives no image within {START:g} s; is it in use, or far away?")

    def nearest(self, at: float) -> Shot:
        """Of the images kept the one taken nearest to ``at``."""
        return min(self._kept, key=lambda shot: abs(shot.stamp - at))

    def check(self, at: float, joints: F32 | None, tell: Tell) -> None:
        """Tell what changed; CameraError if the camera has been stale for longer than patience."""
        age = at - self._kept[-1].stamp
        if self._died is not None:
            raise self._error()
        same = self._hangs(at, joints)
        stale = _SAME if same else f"gives no new image for {age:.1f} s"
        fresh, failed = age <= self._config.max_age_s and not same, self._failure is not None
        if fresh and not failed:
            self._check_back(tell)
            self._check_rate(tell)
            self._check_light(tell)
        elif self._last_good is None:  # one that fails is reported at once, even if it soon is back
            self._last_good = self._kept[-1].stamp
            tell(CameraStale(camera=self._name, cause=str(self._error(stale))))
        if fresh:
            self._stale_since = None
            return
        self._stale_since = at if self._stale_since is None else self._stale_since
        if at - self._stale_since >= self._config.patience_s:
            raise self._error(stale)

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stop.set()

    def join(self, deadline: float) -> None:
        """Wait until the thread has ended, but not past ``deadline``."""
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _hangs(self, at: float, joints: F32 | None) -> bool:
        """Whether the image stays the same though the arm moves."""
        if joints is None or self._stillness is None:
            return False
        return self._stillness.lasts_too_long(self._changed, joints, at)

    def _check_back(self, tell: Tell) -> None:
        if self._last_good is not None:
            seconds, self._last_good = self._kept[-1].stamp - self._last_good, None
            cause = f"{self._where} gives images again, after {seconds:.1f} s without"
            tell(CameraBack(camera=self._name, cause=cause))

    def _check_rate(self, tell: Tell) -> None:
        rate, wanted = self._rate, self._config.fps
        if rate is not None and rate < SLOW * wanted and not self._slow:
            self._slow = True
            cause = (
                f"{self._where} gives {rate:.1f} images/s, not {wanted:g}: more light, "
                f"fourcc=MJPG, a smaller size or a USB port of its own may help; or set "
                f"{option(f'robot.cameras.{self._name}.fps', round(rate))}"
            )
            tell(CameraSlow(camera=self._name, cause=cause))

    def _check_light(self, tell: Tell) -> None:
        if self._brightness > 2 * DARK:
            self._dark = False
        if self._brightness < DARK and not self._dark:
            self._dark = True
            cause = f"{self._where} gives black images: {UNCOVER}"
            tell(CameraDark(camera=self._name, cause=cause))

    @property
    def _where(self) -> str:
        return f"camera '{self._name}' ({self._config.index_or_path})"

    def _error(self, fact: str = "failed") -> CameraError:
        """What is wrong: the failure that the thread met, else ``fact``."""
        error = CameraError(f"{self._where} {self._failure or fact}")
        error.__cause__ = self._died
        return error

    def _run(self) -> None:
        """The thread: take images, and open the camera again whenever it fails."""
        wait = RETRY
        while not self._stop.is_set():
            before = self._kept
            try:
                self._take_images()
            except CameraError as error:
                self._failure = str(error)
            except BaseException as error:  # a defect: no new try mends it, so newest() raises it
                self._failure = f"failed: {type(error).__name__}: {error}"
                self._died = error
                self._stop.set()
            self._first.set()
            wait = RETRY if self._kept is not before else min(2 * wait, LONGEST_RETRY)
            self._stop.wait(wait)

    def _take_images(self) -> None:
        """Keep the newest images until the end is asked for; CameraError if the camera fails."""
        window: list[float] = []  # stamps, without a gap [s]
        with closing(shots(self._name, self._config, self._stop.wait)) as source:
            for shot in source:
                self._keep(shot)
                if self._stop.is_set():
                    return
                if window and shot.stamp - window[-1] > self._config.max_age_s:
                    window.clear()  # it was stale, which says nothing of its rate
                window.append(shot.stamp)
                if (lasted := window[-1] - window[0]) >= WINDOW:
                    self._rate = (len(window) - 1) / lasted
                    self._brightness = float(shot.image.mean())
                    window = [shot.stamp]

    def _keep(self, shot: Shot) -> None:
        if not self._kept or not np.array_equal(shot.image, self._kept[-1].image):
            self._changed = shot.stamp
        self._kept = (*self._kept[1 - KEPT :], shot)
        self._failure = None
        self._first.set()


def _check_apart(configs: Mapping[str, OpenCVCameraConfig]) -> None:
    """Raise CameraError if one device has two names: it gives images to one only."""
    names: dict[str, str] = {}
    for name, config in configs.items():
        device = device_of(config.index_or_path)
        if device is not None and (other := names.setdefault(device, name)) != name:
            raise CameraError(
                f"cameras '{other}' and '{name}' are one device, {device}: give each its own "
                "index_or_path; `hil-app find-cameras` lists the devices"
            )
