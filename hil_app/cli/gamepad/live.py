"""``hil-app gamepad test``: a live view of a gamepad or a keyboard. It moves nothing."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.live import Live

from configs.load import ConfigError, Parser, load
from configs.manual import MOTIONS, ManualConfig
from hil_app.build import devices
from hil_app.cli.gamepad.layout import MAIN, PRESET, manual
from hil_app.cli.gamepad.view import image, summary
from hil_app.cli.gamepad.watch import Watch
from hil_app.control.signals import StopRequest
from hil_app.support.tables import print_table
from teleop.base import TeleopError
from teleop.device import Device
from teleop.keys import KeyReader

if TYPE_CHECKING:
    from teleop.window.client import Window

DESCRIPTION = """\
Show what every stick, trigger, button or key does in a run with these options, while you move it.
Nothing else moves, so all can be tried; every press is counted. q or Ctrl-C ends it. Where there is
no terminal, a line is printed for all that happens.

examples:
  hil-app gamepad test
  hil-app gamepad test --teleop.type=keyboard
  hil-app gamepad test --config_path mine.yaml --teleop.controls.success=dpup
"""
_PERIOD = 1 / 30  # from one poll to the next [s]
_DRAW_EVERY = 2  # polls
_NEWS = 3  # lines that are shown
Show = Callable[[Watch, Sequence[str], float], None]


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app gamepad test", DESCRIPTION)
    parser.add_argument("--seconds", type=float, help="end after so long [s]")
    config, options = load(parser, argv, PRESET, main=MAIN)
    if options.seconds is not None and not 0 < options.seconds < inf:
        raise ConfigError("--seconds is above 0 and finite")
    teleop, wrist = manual(config), config.processor.wrist is not None
    end = _now() + (options.seconds or float("inf"))
    console = Console(highlight=False)
    with StopRequest() as stop, ExitStack() as stack:
        device, window = _device(teleop, wrist, stack)
        stack.enter_context(device)
        how = f"{teleop.how}: nothing moves. q or Ctrl-C ends this."
        print(f"Watching {device.name}, {how}", flush=True)
        watch = Watch(teleop, device, wrist=wrist)
        with KeyReader() as keys, _screen(console) as show:
            shows = [show] if window is None else [show, _in_window(window)]
            for news in _news(watch, window):
                for each in shows:
                    each(watch, news, _now())
                if stop() or "stop" in keys.pressed() or _now() >= end:
                    break
        print_table(summary(watch))
    return 0


_now = time.monotonic


def _news(watch: Watch, window: Window | None) -> Iterator[list[str]]:
    """What happens in each period, until the ``window`` is closed."""
    due = _now()
    while True:
        try:
            news = watch.look(_now())
        except TeleopError:
            if window is not None and window.closed:
                return
            raise
        yield news
        due = max(due + _PERIOD, _now())
        time.sleep(max(0.0, due - _now()))


@contextmanager
def _screen(console: Console) -> Iterator[Show]:
    """How to show what happens: an image in a terminal, else lines."""
    if not (console.is_terminal and sys.stdin.isatty()):
        yield _print
        return
    news: deque[str] = deque(maxlen=_NEWS)
    turns = iter(range(sys.maxsize))
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def draw(watch: Watch, newest: Sequence[str], now: float) -> None:
            news.extend(newest)
            if next(turns) % _DRAW_EVERY == 0:
                live.update(image(watch, news, now, console.width), refresh=True)

        yield draw


def _print(_: Watch, newest: Sequence[str], __: float) -> None:
    for line in newest:
        print(line, flush=True)


def _in_window(window: Window) -> Show:
    """How to show what happens in the window that has the keys, as a run does."""
    from teleop.window.shown import Mood, Shown

    last: deque[str] = deque([""], maxlen=1)

    def show(watch: Watch, newest: Sequence[str], _: float) -> None:
        last.extend(newest)
        sample, mood = watch.sample, "policy"
        if sample.paused or sample.intervening:
            mood = "paused" if sample.paused else "you"
        ways = zip(MOTIONS, sample.action[:-1], strict=False)
        facts = {str(name): f"{value:+.2f}" for name, value in ways}
        window.show(Shown(mood.upper(), cast(Mood, mood), facts=facts, message=last[0]))

    return show


def _device(teleop: ManualConfig, wrist: bool, stack: ExitStack) -> tuple[Device, Window | None]:
    """The device, and the window that has its keys, opened on the ``stack``."""
    window = None
    if teleop.in_window:
        opened = devices.window_with_keys(teleop, "hil-app gamepad test", wrist=wrist)
        window = stack.enter_context(opened)
    return devices.device(teleop, window), window
