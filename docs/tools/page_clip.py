"""Make a clip of a take-over from the operator's page: a training on the twin, seen in Chromium::

    PYTHONPATH=tests python -m docs.tools.page_clip docs/images/page_take_over.webp

A policy that has learned nothing yet acts, then a gamepad that is played takes over, steers by what
the page is sent, picks the cube up and lets go.
"""

from __future__ import annotations

import base64
import io
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from browsers import PAD, chromium
from page_clients import served
from page_hands import Eyes, PadHand, grasp, reach
from PIL import Image

RUN = (
    *("--page=true", "--teleop.type=page", "--teleop.dead_man_ms=5000", "--window=false"),
    *("--env.paced=true", "--env.control_time_s=120", "--train.demonstrations=0"),
    *("--robot.cameras.front={view: front, width: 320, height: 240}",),
    *("--robot.cameras.wrist={view: wrist, width: 320, height: 240}",),
    "--processor.observation.images=false",
)
SIZE, SCALED = {"width": 1280, "height": 720}, (832, 468)  # of the page, and of the clip [px]
SETTLED_MS = 2000  # a page that was just opened, with its colours and the arm
BEFORE_MS, AFTER_MS = 3500, 2500  # of the policy alone
EVERY_S = 0.2  # between two frames of the clip
LAST_MS = 1500  # for which the last one stays


class _Frame(NamedTuple):
    at: float  # [s]
    jpeg: bytes


def main(file: Path) -> None:
    """Write the clip."""
    with (
        TemporaryDirectory() as folder,
        chromium() as browser,
        served(Path(folder), "train", *RUN) as running,
    ):
        page = browser.new_page(viewport=SIZE)
        page.add_init_script(PAD)
        eyes = Eyes(page)
        page.goto(running.link)
        page.get_by_role("button", name="Take the controls").click()
        page.get_by_role("tab", name="Gamepad").click()
        eyes.until_who("POLICY")
        page.wait_for_timeout(SETTLED_MS)
        with _Filmed(page) as film:
            _take_over(page, eyes)
    _write(film.frames, file)


def _take_over(page: Any, eyes: Eyes) -> None:
    hand, episode = PadHand(page), eyes.states[-1]["stage"]["episode"]
    page.wait_for_timeout(BEFORE_MS)
    hand.move(0.0, 0.0, 0.0)
    eyes.until_who("YOU")
    while not grasp(hand, eyes, episode):
        reach(hand, eyes, 0.0, "open")
    hand.rest()
    page.wait_for_timeout(AFTER_MS)


class _Filmed:
    """What is on the screen, while entered, as Chromium draws it."""

    def __init__(self, page: Any) -> None:
        self.frames: list[_Frame] = []
        self._session = page.context.new_cdp_session(page)
        self._session.on("Page.screencastFrame", self._take)

    def __enter__(self) -> _Filmed:
        self._session.send("Page.startScreencast", {"format": "jpeg", "quality": 90})
        return self

    def __exit__(self, *error: object) -> None:
        self._session.remove_listener("Page.screencastFrame", self._take)
        self._session.send("Page.stopScreencast")

    def _take(self, said: dict[str, Any]) -> None:
        image = base64.b64decode(said["data"])
        self.frames.append(_Frame(said["metadata"]["timestamp"], image))
        self._session.send("Page.screencastFrameAck", {"sessionId": said["sessionId"]})


def _write(frames: list[_Frame], file: Path) -> None:
    kept = frames[:1]
    for frame in frames:
        if frame.at - kept[-1].at >= EVERY_S:
            kept.append(frame)
    lasts = [round(1000 * (b.at - a.at)) for a, b in pairwise(kept)] + [LAST_MS]
    images = [
        Image.open(io.BytesIO(one.jpeg)).resize(SCALED, Image.Resampling.LANCZOS) for one in kept
    ]
    images[0].save(
        file, save_all=True, append_images=images[1:], duration=lasts, loop=0, quality=60, method=6
    )
    print(f"{file}: {len(kept)} frames, {sum(lasts) / 1000:.1f} s, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
