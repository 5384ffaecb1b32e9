"""``hil-app page``: the operator's page without a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from configs.errors import ConfigError
from configs.load import DEFAULT_PRESET, Parser, load_with_origins
from configs.options.parser import OPEN
from configs.page import PageConfig
from configs.text.paths import expanded

if TYPE_CHECKING:
    from hil_app.page.home.places import Places

DESCRIPTION = """\
Serve a page for the browser, until Ctrl-C: start a demo, a training, an evaluation and so on there,
look at runs and datasets, compare and remove runs, set an arm up, have all that a run needs looked
at. It ends what was started from it when it ends.

  hil-app page --open
  hil-app page --page.port=9000 --runs=other/runs --data=my/datasets
"""
MAIN = tuple(f"page.{name}" for name in PageConfig.model_fields if name not in ("enabled", "open"))
_LOOK_S = 0.1  # between two looks whether it was told to end


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status, 128 and the signal that ended it."""
    from hil_app.page.home.places import DATA, Places
    from hil_app.runs.folder import RUNS

    parser = Parser("hil-app page", DESCRIPTION)
    parser.add_config_flag(*OPEN)
    for name, folder, what in (
        ("runs", RUNS, "runs lie"),
        ("data", DATA, "other datasets lie"),
    ):
        parser.add_argument(
            f"--{name}",
            type=expanded,
            default=folder,
            metavar="FOLDER",
            help=f"where {what} (default: {folder}/)",
        )
    found = load_with_origins(parser, argv, DEFAULT_PRESET, main=MAIN)
    if others := [name for name in found.given if name.partition(".")[0] != "page"]:
        raise ConfigError(f"{others[0]}: no run is started yet; say it on the page's start view")
    if found.config.page.enabled is False:
        raise ConfigError("page.enabled: this command is the page: leave it out")
    return _serve(found.config.page, Places(found.options.runs, found.options.data))


def _serve(config: PageConfig, places: Places) -> int:
    from rich.console import Console

    from hil_app.control.signals import StopRequest
    from hil_app.page.home.server import serving
    from hil_app.page.link import show_link
    from hil_app.runs.at_the_page import PagePlace

    console = Console()
    with StopRequest() as stop, PagePlace(config) as place, serving(place, places) as desk:
        show_link(place, console)
        while not stop():
            time.sleep(_LOOK_S)
        if (command := desk.under_way) is not None:
            console.out(f"ending what was started: {command.line}", highlight=False)
    return 128 + (stop.signal or 0)
