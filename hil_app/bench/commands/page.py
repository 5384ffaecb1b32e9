"""``hil-app bench page``: what the operator's page costs, and how soon it is obeyed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.load import DEFAULT_PRESET, load
from configs.options.parser import count, seconds
from hil_app.bench import showing

DESCRIPTION = """\
How late the ticks of a 30 Hz loop with two made-up cameras of 640x480 pixels are, in turns without
a page and with one that somebody looks at; what the loop itself does for it in a tick; and how old
the images are once they are drawn, from when they were taken. Then the time from a press in a
browser, at random between two ticks, to the new goals on the bus of a virtual arm; "own" is the
software's share of it, without waiting for a tick. The browser is Chromium, without a window, where
that and Playwright are installed (pip install playwright), or a client that draws nothing.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if a press was lost."""
    parser = showing.parser("page", DESCRIPTION)
    parser.add_argument("--seconds", type=seconds, default=20, help="a turn [s] (default: 20)")
    parser.add_argument("--turns", type=count, default=3, help="turns of each (default: 3)")
    parser.add_argument("--presses", type=count, default=200, help="how many (default: 200)")
    config, options = load(parser, argv, DEFAULT_PRESET)
    from hil_app.bench.page import (
        browser,
        lateness,
        presses,
    )  # loads torch: once the options are good
    from hil_app.bench.virtual import virtual_arm
    from hil_app.runs.session import calm_threads

    showing.check_folder(config)
    calm_threads()
    late = lateness.lateness(config, options.seconds, options.turns)
    with virtual_arm("--world=none") as port:
        pressed = presses.press_latency(port, options.presses)
    drawn = "a client that draws nothing" if browser.executable() is None else "Chromium"
    result = {"browser": drawn, "loop": late, "presses": pressed}
    showing.save(result, config)
    showing.show(result, options.json, lambda: _tables(drawn, late, pressed))
    return 1 if pressed["lost"] else 0


def _tables(drawn: str, late: Mapping[str, Any], pressed: Mapping[str, Any]) -> Table:
    columns = ("", *showing.PERCENTILES)
    rows = [[name, *showing.figures(values)] for name, values in late["lateness_ms"].items()]
    rows += [["with / without", *(f"{value}x" for value in showing.figures(late["ratio"]))], []]
    rows += [["the loop's own part", *showing.figures(late["handed_over_ms"], form=".4f")]]
    rows += [["age of images drawn", *showing.figures(late["image_age_ms"])], []]
    rows += [[name, *showing.figures(values)] for name, values in pressed["ms"].items()]
    caption = (
        f"browser: {drawn}; {late['ticks_each']} ticks each, {late['images_per_s']} images/s; "
        f"{pressed['presses']} presses, {pressed['lost']} lost"
    )
    return showing.table("page [ms]", columns, rows, caption)
