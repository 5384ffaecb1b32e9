"""Images, in a terminal, of what a device with sticks, buttons or keys does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from configs.manual import MOTIONS, TRIGGERS
from hil_app.cli.gamepad.watch import VERDICTS, Watch
from teleop.base import CLOSE, OPEN
from teleop.words import AXES, DEEDS, DIRECTIONS, PLACES, Does, place, stick_words

_LIT_S = 0.4  # how long what was there for an instant stays lit
_ROOMY = 28  # a stick's field that is wider has room for words [characters]
_WIDE, _HIGH = 15, 5  # where the stick moves in it [characters]
_COMMON = (  # a pad's buttons that are shown whether they do something or not
    *("y", "b", "a", "x", "back", "start"),
    *("leftshoulder", "rightshoulder", *TRIGGERS, "leftstick", "rightstick"),
    *("dpup", "dpdown", "dpleft", "dpright"),
)
_SHORT = {  # names that are too long for a column
    "leftstick": "L stick",
    "rightstick": "R stick",
    "dpup": "D-pad ↑",
    "dpdown": "D-pad ↓",
    "dpleft": "D-pad ←",
    "dpright": "D-pad →",
    "touchpad": "touch",
}
WIDTH = 100  # at most [characters]


def image(watch: Watch, news: Iterable[str], now: float, width: int = WIDTH) -> RenderableType:
    """The device at ``now`` [s], what a run would make of it, and the newest ``news``.

    It is ``width`` characters wide, from 80 on, and up to 24 high.
    """
    wide = width >= WIDTH
    lines = Text("\n".join(deque(news, 3)), style="dim", no_wrap=True, overflow="ellipsis")
    if watch.pad is None:
        rows = [_beside([_run(watch, now), lines]), _buttons(watch, now, 2)]
    else:
        sticks = [_stick(watch, side, 29 if wide else 20) for side in ("left", "right")]
        rows = [_beside([*sticks, _run(watch, now)]), _buttons(watch, now, 3 if wide else 2), lines]
    return Panel(
        Group(*rows),
        title=Text(watch.name, "bold") if watch.state is not None else _lost(watch),
        subtitle=Text("q ends this; nothing moves", "dim"),
        width=min(width, WIDTH),
        padding=(0, 0),
        border_style="dim",
    )


def layout_table(does: Does, *, pad: bool) -> Table:
    """What each control does."""
    table = Table("control", "does")
    for (control, direction), words in does.items():
        table.add_row(place(control, direction, pad=pad), words)
    return table


def summary(watch: Watch) -> RenderableType:
    """How often each control was pressed, and what a run would have heard."""
    table = Table("control", "does", "presses")
    table.columns[-1].justify = "right"
    for control in watch.config.available:
        if count := watch.presses[control]:
            name = place(control, pad=watch.pad is not None)
            table.add_row(name, watch.does.get((control, 0), "nothing"), str(count))
    heard = ", ".join(_NAMES.get(name, name) for name in watch.events) or "nothing"
    lost = f"lost {watch.events['hands_lost']}×, back {watch.events['hands_back']}×"
    return Group(
        table if watch.presses else "No press.",
        f"A run would have heard: {heard}.",
        f"The device was {lost}.",
    )


_NAMES = {
    **DEEDS,
    "hands_lost": "device lost",
    "hands_back": "device back",
    "paused": "pause",
    "resumed": "end of a pause",
}


def _lost(watch: Watch) -> Text:
    return Text(f"{watch.name} is gone: plug it in again", "bold red")


def _beside(fields: Sequence[RenderableType]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row(*fields)
    return table


def _stick(watch: Watch, side: str, width: int) -> RenderableType:
    """Where a stick is (○), and where it counts as being (●)."""
    state = watch.state
    raw = [state.axes.get(f"{side}{axis}", 0.0) if state else 0.0 for axis in "xy"]
    used = [watch.used.get(f"{side}{axis}", 0.0) for axis in "xy"]
    field = [[" "] * _WIDE for _ in range(_HIGH)]
    field[_HIGH // 2] = ["·"] * _WIDE
    for row in field:
        row[_WIDE // 2] = "·"
    for mark, (x, y) in (("○", raw), ("●", used)):
        field[_cell(y, _HIGH)][_cell(x, _WIDE)] = mark
    text = Text("\n".join("".join(row) for row in field))
    text.highlight_regex("●", "bold green" if any(used) else "bold")
    text.highlight_regex("[·○]", "dim")
    numbers = [f"○ {raw[0]:+.2f} {raw[1]:+.2f}", f"● {used[0]:+.2f} {used[1]:+.2f}"]
    if width > _ROOMY:
        numbers = [f"{numbers[0]} raw", f"{numbers[1]} used"]
    words = [*stick_words(watch.does, side), "", ""][:2]
    caption = Text("\n").join([*map(Text, numbers), *(Text(line, "cyan") for line in words)])
    caption.no_wrap, caption.overflow = True, "ellipsis"
    return Panel(
        Group(Align.center(text), caption), title=f"{side} stick", width=width, border_style="dim"
    )


def _cell(value: float, count: int) -> int:
    return min(max(round((value + 1) / 2 * (count - 1)), 0), count - 1)


def _run(watch: Watch, now: float) -> RenderableType:
    """Triggers, and the action that a run would get."""
    table = Table.grid(padding=(0, 1))
    if watch.pad is not None:
        for trigger in TRIGGERS:
            raw = watch.state.axes.get(trigger, 0.0) if watch.state else 0.0
            used = watch.used.get(trigger, 0.0)
            table.add_row(PLACES[trigger], _bar(used), f"{raw:.2f}", f"→ {used:.2f}")
    action = watch.sample.action
    for name, value in zip(MOTIONS, action[:-1], strict=False):
        positive, negative = DIRECTIONS[name]
        words = positive if value > 0 else negative if value < 0 else ""
        table.add_row(name, _swing(float(value)), f"{value:+.2f}", Text(words, "cyan"))
    grip = int(action[-1])
    word = "open" if grip == OPEN else "close" if grip == CLOSE else ""
    table.add_row("grip", Text(word, "cyan"))
    body = Group(table, Text(" ").join([_who(watch), *_verdicts(watch, now)]))
    height = 11 if watch.pad is not None else None  # as high as a stick's field
    return Panel(body, title="what a run gets", border_style="dim", width=38, height=height)


def _bar(share: float, width: int = 9) -> Text:
    full = round(share * width)
    return Text("█" * full + "░" * (width - full), "green" if full else "dim")


def _swing(value: float, half: int = 4) -> Text:
    full = round(abs(value) * half)
    left, right = ("░" * half,) * 2
    if value < 0:
        left = "░" * (half - full) + "█" * full
    else:
        right = "█" * full + "░" * (half - full)
    return Text(f"{left}│{right}", "green" if full else "dim")


def _who(watch: Watch) -> Text:
    if watch.sample.paused:
        return Text(" PAUSED ", "bold black on yellow")
    if watch.sample.intervening:
        return Text(" THE OPERATOR ACTS ", "bold black on green")
    return Text("the policy acts", "dim")


def _verdicts(watch: Watch, now: float) -> Iterator[Text]:
    """The events that a run hears, lit for a moment."""
    for event in VERDICTS:
        if now - watch.seen.get(f"event {event}", -_LIT_S) < _LIT_S:
            yield Text(f" {DEEDS[event]} ", "bold black on red" if "stop" in event else "reverse")


def _buttons(watch: Watch, now: float, count: int) -> RenderableType:
    """Buttons or keys: lit while they are down, with how often they were pressed."""
    names = [name for name in watch.config.available if _shown(watch, name)]
    if watch.pad is not None:
        names = [*_COMMON, *(name for name in names if name not in _COMMON)]
    rows = -(-len(names) // count)
    columns = [names[start : start + rows] for start in range(0, len(names), rows)]
    return _beside([_column(watch, some, now) for some in columns])


def _shown(watch: Watch, control: str) -> bool:
    axis = watch.pad is not None and control in AXES
    return not axis and ((control, 0) in watch.does or control in watch.presses)


def _column(watch: Watch, names: Sequence[str], now: float) -> Table:
    table = Table.grid(padding=(0, 1))
    for width in (1, 8 if watch.pad is not None else 10, 16, 5):
        table.add_column(width=width, no_wrap=True, overflow="ellipsis")
    held = watch.state.held if watch.state else frozenset()
    for name in names:
        lit = name in held or now - watch.seen.get(name, -_LIT_S) < _LIT_S
        style = "bold green" if lit else ""
        label = _SHORT.get(name, PLACES[name]) if watch.pad is not None else name
        does = watch.does.get((name, 0), "")
        count = f"{watch.presses[name]}×" if watch.presses[name] else ""
        table.add_row(
            Text("●" if lit else "○", style or "dim"), Text(label, style), Text(does, "cyan"), count
        )
    return table
