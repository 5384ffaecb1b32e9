"""Pictures of the page without a run, for `docs.tools.page`: start, a run, a dataset, an arm."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HIL_APP = (sys.executable, "-m", "hil_app")
RUN = (
    *("demo", "--page=false", "--output_dir=runs/first", "--train.ticks=900"),
    *("--train.eval_every=150", "--train.eval_episodes=10", "--eval.episodes=6"),
)
DATASET = (
    *("record", "data/pick", "--config_path=sim_pick_lift_pixels", "--page=false"),
    *("--dataset.num_episodes=8", "--processor.images.resize=null"),
)
ARM = "arm"  # the virtual one's port, in the folder
PATIENCE_MS = 120_000
SETTLED_MS = 1500  # a view that was just opened


def prepare(home: str) -> None:
    """Have a run and a dataset in the folder."""
    for words in (RUN, DATASET):
        subprocess.run([*HIL_APP, *words], cwd=home, check=True, capture_output=True)


@contextmanager
def serving(home: str) -> Iterator[str]:
    """The page and a virtual arm in the folder; gives the link."""
    with (
        started(home, "virtual-arm", f"--link={ARM}", "--world=none") as arm,
        started(home, "page") as page,
    ):
        assert arm.stdout is not None
        assert page.stdout is not None
        arm.stdout.readline()
        yield page.stdout.readline().split()[1]


@contextmanager
def started(home: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command of hil-app, which is ended in order."""
    with subprocess.Popen([*HIL_APP, *words], cwd=home, stdout=subprocess.PIPE, text=True) as run:
        try:
            yield run
        finally:
            run.terminate()


def _start(page: Any) -> None:
    page.get_by_label("train.ticks").fill("50000")


def _run(page: Any) -> None:
    page.wait_for_function("() => document.querySelector('video').readyState > 1")
    page.evaluate("() => { document.querySelector('video').currentTime = 0.4; }")


def _dataset(page: Any) -> None:
    """Trim an episode at both ends, and mark it."""
    page.wait_for_selector(".time")
    for key in ("ArrowRight", "ArrowRight", "[", "End", "ArrowLeft", "]", "s", "Home"):
        page.keyboard.press(key)
    for _ in range(6):
        page.keyboard.press("ArrowRight")


def _calibrate(page: Any) -> None:
    """Begin to, and go on until the joints are followed."""
    page.get_by_label("robot.port").fill(ARM)
    page.get_by_label("robot.id").fill("my_arm")
    page.get_by_role("button", name="Start").click(delay=SETTLED_MS)
    page.get_by_role("button", name="Enter").click(timeout=PATIENCE_MS)
    page.wait_for_selector(".look td", timeout=PATIENCE_MS)


VIEWS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "start": ("start/train", _start),
    "run": ("runs/first", _run),
    "dataset": ("datasets/data/pick/2", _dataset),
    "calibrate": ("setup/calibrate", _calibrate),
}


def take(page: Any, link: str, view: str, file: Path) -> None:
    """A picture of a ``view`` of the page that the link leads to."""
    place, prepared = VIEWS[view]
    page.goto(link)
    page.goto(f"{link.partition('#')[0]}#/{place}")
    page.wait_for_timeout(SETTLED_MS)
    prepared(page)
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=file)
    if stop := page.get_by_role("button", name="Stop").all():
        stop[0].click()
        page.wait_for_selector(".started h2:has-text('was stopped')", timeout=PATIENCE_MS)
