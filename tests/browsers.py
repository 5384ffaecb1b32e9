"""Real headless browsers, for tests of the operator's page; what they need may be missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hil_app.page.site import STATIC

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"),
    *("--enable-unsafe-swiftshader", "--mute-audio"),
)


def missing() -> str | None:
    """What is missing for these tests, and how to get it; None if nothing is."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install -e '.[dev]'"
    if not (STATIC / "index.html").is_file():
        return "the operator's page is not built: make page, with npm"
    if _executable() is None:
        return "no Chromium: apt-get install chromium"
    return None


def _executable() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


needs_browser = pytest.mark.skipif(missing() is not None, reason=missing() or "")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, as Playwright's; each page of it has no state of the others."""
    from playwright.sync_api import sync_playwright

    environment = {**os.environ, "LANG": "en_US.UTF-8"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_executable(), args=[*_OPTIONS], env=environment
        )
        try:
            yield browser
        finally:
            browser.close()


PAD = """
(() => {
  const pad = {
    axes: [0, 0, 0, 0], id: "A pad", index: 0, connected: true, mapping: "standard", timestamp: 0,
    buttons: Array.from({ length: 17 }, () => ({ value: 0, pressed: false, touched: false })),
  };
  window.played = { pad, there: true };
  navigator.getGamepads = () => [window.played.there ? pad : null, null];
})();
"""
"""A script that gives a page a gamepad of the standard layout, moved by :func:`move_pad`."""


def move_pad(page: Any, *, axes: dict[int, float] | None = None, **buttons: float) -> None:
    """Move axes, and buttons such as ``b5=1.0``, of the pad of a page."""
    values = {int(name[1:]): value for name, value in buttons.items()}
    page.evaluate(
        """([axes, buttons]) => {
          for (const [index, value] of Object.entries(axes)) played.pad.axes[index] = value;
          for (const [index, value] of Object.entries(buttons))
            played.pad.buttons[index] = { value, pressed: value > 0.5, touched: value > 0 };
        }""",
        [axes or {}, values],
    )


class Fingers:
    """Real touches of a page, by Chromium's own protocol."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)

    def __call__(self, kind: str, *points: tuple[float, float]) -> None:
        placed = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": placed})


def middle(page: Any, selector: str) -> tuple[float, float]:
    """Where the middle of an element is on the screen."""
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
