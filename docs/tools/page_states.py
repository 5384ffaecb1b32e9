"""Take pictures of every state of the operator's page, of a page's process that is played::

    PYTHONPATH=tests python -m docs.tools.page_states docs/images

One sheet in light colours and one in dark ones; each state on a screen of 1280 pixels across, and
the first one on a telephone and on a screen of 1920 pixels, too. With a third argument, a folder,
every single picture of all three sizes goes there.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from browsers import chromium
from fake_page import PlayedPage
from PIL import Image, ImageDraw, ImageFont
from sample_page import curves, episodes
from waiting import until

SIZES = ((1280, 800), (360, 740), (1920, 1080))
SETTLED_MS = 2500
CELL, GAP, LINE, COLUMNS = (480, 300), 10, 24, 3  # of a sheet [px]
GROUNDS = {"light": "#d7dbe0", "dark": "#2b323c"}
COLOURS = 128
TELEOPERATION = {
    "name": "teleoperate",
    "title": "The operator moves the arm",
    "unit": "episodes",
    "done": 3,
    "goal": None,
    "left": None,
}
GYM: dict[str, Any] = {
    "robot": "gym",
    "task": "FetchPickAndPlace-v4",
    "urdf": None,
    "urdf_joints": None,
    "bounds": None,
    "joints": ["x", "y", "z", "gripper"],
    "units": [""] * 4,
    "limits": [[-1.0, 1.0]] * 4,
}
NO_ARM: dict[str, Any] = {
    **dict.fromkeys(("tip", "object", "loads", "temperatures")),
    "joints": [0.1, 0.2, -0.3, 0.0],
    "target": [0.1, 0.4, -0.2, 0.3],
}
EVENTS = (
    ("checkpoint", "after 2000 ticks, 15900 updates"),
    ("evaluation", "19 of 20 successful after 2000 ticks"),
)
NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing(_: PlayedPage) -> None:
    """All goes on."""


def _another(played: PlayedPage) -> None:
    """Another browser has the controls."""
    played.holder = "browser 0"


def _old(played: PlayedPage) -> None:
    """What the cameras have given is long ago."""
    played.age = 2.4


def _leave(played: PlayedPage) -> None:
    """The run's page has gone."""
    played.refuses = True
    played.hang_up()


class _State(NamedTuple):
    """What differs from the played page's usual state, its run and its stage, and what happens."""

    name: str
    who: str
    mood: str
    yours: bool = False
    state: Mapping[str, Any] = NOTHING
    run: Mapping[str, Any] = NOTHING
    stage: Mapping[str, Any] = NOTHING
    happens: Callable[[PlayedPage], None] = _nothing


STATES = (
    _State("policy", "POLICY", "policy"),
    _State("you", "YOU", "you", yours=True),
    _State("another operator", "YOU", "you", happens=_another),
    _State("reset", "RESET", "paused", stage={"reset_left": 3.2}),
    _State("holding", "HOLDING", "paused", True, {"learner": None}, stage=TELEOPERATION),
    _State("ready", "READY", "paused", yours=True),
    _State("paused", "PAUSED", "paused", yours=True),
    _State("lost", "LOST", "paused", yours=True),
    _State("stopped", "STOPPED", "alarm"),
    _State("finished", "ENDED", "paused", stage={"done": 4000, "left": 0.0}),
    _State("help", "POLICY", "policy", state={"help": True}),
    _State("old images", "POLICY", "policy", happens=_old),
    _State("no line", "POLICY", "policy", happens=_leave),
    _State("no cameras", "POLICY", "policy", run={"cameras": []}),
    _State("another robot", "POLICY", "policy", state=NO_ARM, run=GYM),
)


def main(folder: Path, single: Path | None) -> None:
    """Write ``page_states_light.png`` and ``page_states_dark.png`` into the folder."""
    with chromium() as browser:
        for colours, ground in GROUNDS.items():
            cells = list(_cells(browser, colours, single))
            file = folder / f"page_states_{colours}.png"
            _sheet(cells, ground).quantize(COLOURS).save(file, optimize=True)
            print(file)


def _cells(browser: Any, colours: str, single: Path | None) -> Iterator[tuple[str, Image.Image]]:
    """Pictures and what they are of, as many as a sheet has."""
    for place, one in enumerate(STATES):
        sizes = SIZES if single is not None or place == 0 else SIZES[:1]
        for size in sizes:
            image = _picture(browser, one, size, colours)
            if single is not None:
                image.save(single / f"{one.name.replace(' ', '_')}_{colours}_{size[0]}.png")
            if size == SIZES[0] or place == 0:
                yield (one.name if size == SIZES[0] else f"{one.name}, {size[0]} px", image)


def _picture(browser: Any, one: _State, size: tuple[int, int], colours: str) -> Image.Image:
    with PlayedPage().serving() as played:
        played.state |= {"who": one.who, "mood": one.mood, **one.state}
        played.state["stage"] |= one.stage
        played.hello["run"] |= one.run
        width, height = size
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=colours,
            reduced_motion="reduce",
        )
        page.goto(played.url)
        until(lambda: played.sockets)
        if one.state.get("learner", True):
            played.tell(type="curves", **{"from": 0}, series=curves())
        played.tell(type="episodes", add=episodes())
        for name, message in EVENTS:
            played.tell(type="event", name=name, message=message, problem=False)
        if one.yours:
            page.get_by_role("button", name="Take the controls").click()
        one.happens(played)
        page.wait_for_timeout(SETTLED_MS)
        found = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        page.close()
    return found


def _sheet(cells: list[tuple[str, Image.Image]], ground: str) -> Image.Image:
    """All pictures in rows, each below its name."""
    width, height = CELL[0] + GAP, CELL[1] + LINE + GAP
    rows = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), ground)
    words = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for number, (name, image) in enumerate(cells):
        x, y = GAP + number % COLUMNS * width, GAP + number // COLUMNS * height
        words.text((x, y), name, "#e9edf3" if ground == GROUNDS["dark"] else "#171c23", font)
        image.thumbnail(CELL, Image.Resampling.LANCZOS)
        sheet.paste(image, (x, y + LINE))
    return sheet


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
