"""Take pictures of the operator's page beside a simulated run, in Chromium, which must be there::

    python -m docs.tools.page docs/images

One in light colours, and one in dark ones.
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

from playwright.sync_api import ViewportSize, sync_playwright

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
LONGEST = 300_000  # until it does [ms]
SETTLED = 3000  # a page that was just opened, with its curves and colours [ms]


def main(folder: Path) -> None:
    """Write ``page_light.png`` and ``page_dark.png`` into the folder."""
    with TemporaryDirectory() as home, run_in(home) as link, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        options = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        for colours in COLOURS:
            page = browser.new_page(viewport=SIZE, color_scheme=colours)
            page.goto(link)
            file = folder / f"page_{colours}.png"
            _take(page, file)
            print(file)
            page.close()
        browser.close()


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
