"""Take pictures of the operator's page beside a simulated run, in Chromium, which must be there::

    python -m docs.tools.page docs/images

A picture for each of `WANTED`, as soon as the page says that.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

TOKEN = "only-for-these-pictures"
RUN = (
    *("train", "--page=true", f"--page.token={TOKEN}", "--env.paced=true", "--window=false"),
    *("--robot.cameras.front={view: front, width: 320, height: 240}",),
    *("--robot.cameras.wrist={view: wrist, width: 320, height: 240}",),
    *("--processor.observation.images=false", "--train.demonstrations=3", "--output_dir=run"),
)
WANTED = (("POLICY", "light"), ("OPERATOR", "dark"))  # who has the arm, and the page's colours
SIZE = {"width": 1280, "height": 800}
EPISODES = 12  # that the page lists by then
LONGEST = 300_000  # until it does [ms]


def main(folder: Path) -> None:
    """Write ``page_policy.png`` and so on into the folder."""
    with TemporaryDirectory() as home, run_in(home) as link, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        options = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        for who, colours in WANTED:
            page = browser.new_page(viewport=SIZE, color_scheme=colours)
            page.goto(link)
            file = folder / f"page_{who.lower()}.png"
            _take(page, who, file)
            print(file)
            page.close()
        browser.close()


def _take(page: Any, who: str, file: Path) -> None:
    there = f"document.querySelectorAll('#episodes tbody tr').length >= {EPISODES}"
    says = f"document.querySelector('#who').textContent === '{who}'"
    page.wait_for_function(f"() => {there} && {says}", timeout=LONGEST, polling=20)
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
