"""Take pictures of the operator's page in Chromium, which must be there::

    python -m docs.tools.page docs/images

Of a simulated run, and of the page without one; each in light colours and in dark ones.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from docs.tools import home

TOKEN = "only-for-these-pictures"
RUN = (
    *("train", "--page=true", f"--page.token={TOKEN}", "--env.paced=true", "--window=false"),
    *("--robot.cameras.front={view: front, width: 320, height: 240}",),
    *("--robot.cameras.wrist={view: wrist, width: 320, height: 240}",),
    *("--processor.observation.images=false", "--train.demonstrations=3", "--output_dir=run"),
)
COLOURS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZE: ViewportSize = {"width": 1280, "height": 800}
EPISODES = 12  # that the page lists by then
LONGEST = 900_000  # until it does [ms]
SETTLED = 3000  # a page that was just opened, with its curves and colours [ms]


def main(folder: Path) -> None:
    """Write ``page_light.png``, ``page_dark.png``, ``page_start_light.png`` … into the folder."""
    with TemporaryDirectory() as place, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        options = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        with run_in(place) as link:
            for page, colours in _pages(browser):
                page.goto(link)
                _take(page, folder / f"page_{colours}.png")
        home.prepare(place)
        with home.serving(place) as link:
            for view in home.VIEWS:
                for page, colours in _pages(browser):
                    home.take(page, link, view, folder / f"page_{view}_{colours}.png")
        browser.close()


def _pages(browser: Browser) -> Iterator[tuple[Any, str]]:
    """A new page in each of the colours."""
    for colours in COLOURS:
        page = browser.new_page(viewport=SIZE, color_scheme=colours)
        yield page, colours
        page.close()


def _take(page: Any, file: Path) -> None:
    many = f"document.querySelectorAll('#episodes tbody tr').length >= {EPISODES}"
    acts = "document.querySelector('#who').textContent === 'POLICY'"
    page.wait_for_function(f"() => {many} && {acts}", timeout=LONGEST, polling=20)
    page.wait_for_timeout(SETTLED)
    page.screenshot(path=file)


@contextmanager
def run_in(home: str) -> Iterator[str]:
    """A training under way; gives the link to its page."""
    command = [sys.executable, "-m", "hil_app", *RUN]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        links = (line.split()[1] for line in run.stdout if line.startswith("page: "))
        try:
            yield next(links)
        finally:
            run.terminate()
            run.stdout.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
