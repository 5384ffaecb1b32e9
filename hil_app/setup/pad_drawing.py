"""A drawing of a gamepad that says what each of its controls does."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from configs.manual import PadConfig
from teleop.words import PLACES, Does, by_control, stick_words

WIDTH, HEIGHT = 980, 560  # [px]
_MIDDLE = 480
_SHIFT = WIDTH // 2 - _MIDDLE  # of all that is drawn
_TEXT_LEFT, _TEXT_RIGHT, _COLUMN = 20, 745, 195  # where the columns of words begin; their width
_INK, _MUTED, _LINE = "#1f2933", "#6b7785", "#9aa5b1"
_BODY, _DEEP, _DARK = "#e4e8ed", "#cbd2d9", "#52606d"  # of the pad

_OUTLINE = (
    "M345 185 C312 185 290 200 277 235 C250 305 238 375 245 420 C251 457 290 464 315 432 "
    "C337 404 352 390 388 390 L572 390 C608 390 623 404 645 432 C670 464 709 457 715 420 "
    "C722 375 710 305 683 235 C670 200 648 185 615 185 Z"
)
_FACE = {  # where it is, colour, and the names on the pads of PlayStation and Nintendo
    "y": ((590, 234), "#c98a00", "△", "X"),
    "x": ((554, 270), "#2f6fc4", "□", "Y"),
    "b": ((626, 270), "#c8372d", "○", "A"),
    "a": ((590, 306), "#2e8b3d", "✕", "B"),
}
_ELSEWHERE = {  # the same of the other buttons
    "lefttrigger": "L2 · ZL",
    "righttrigger": "R2 · ZR",
    "leftshoulder": "L1 · L",
    "rightshoulder": "R1 · R",
    "back": "Share · −",
    "start": "Options · +",
}
_STICKS = {"left": (348, 268), "right": (528, 346)}
_PAD = (432, 346)  # the middle of the D-pad
_REST = ("guide", "misc1", "paddle1", "paddle2", "paddle3", "paddle4", "touchpad")


def drawing(config: PadConfig, *, wrist: bool = False) -> str:
    """The pad as SVG with what each control does under ``config``.

    ``wrist`` has the action space with the motions of the wrist.
    """
    does = by_control(config, wrist=wrist)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f"viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"Inter, 'Segoe UI', 'DejaVu Sans', "
        'system-ui, sans-serif" font-size="14">',
        "<title>What each control of the gamepad does</title>",
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="18" '
        f'fill="#fbfcfd" stroke="{_DEEP}"/>',
        f'<g transform="translate({_SHIFT} 0)">',
        *_heading(wrist),
        *_pad(),
        *_buttons(does),
        *_sticks(does),
        *_faces(does),
        *_footer(does),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, text: str, **style: object) -> str:
    given = {"fill": _INK} | style
    attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in given.items())
    return f'<text x="{x:g}" y="{y:g}"{attributes}>{escape(text)}</text>'


def _heading(wrist: bool) -> Iterator[str]:
    title, space = "What each control does", "the gripper's position"
    space += ", its pitch and roll" if wrist else ""
    middle = {"text_anchor": "middle"}
    yield _text(_MIDDLE, 44, title, font_size=22, font_weight=600, **middle)
    yield _text(_MIDDLE, 68, f"moving {space}", fill=_MUTED, **middle)


def _pad() -> Iterator[str]:
    """The pad itself, as if nothing were said of it."""
    for x, y, width, height, round_ in (
        (306, 110, 72, 62, 20),
        (582, 110, 72, 62, 20),
        (287, 156, 112, 40, 18),
        (561, 156, 112, 40, 18),
    ):
        yield (
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{round_}" '
            f'fill="{_DEEP}" stroke="{_LINE}"/>'
        )
    yield f'<path d="{_OUTLINE}" fill="{_BODY}" stroke="{_LINE}" stroke-width="1.5"/>'
    for x, y in _STICKS.values():
        yield _circle(x, y, 37, _DEEP)
        yield _circle(x, y, 25, _DARK)
        yield f'<circle cx="{x}" cy="{y}" r="15" fill="none" stroke="#7b8794" stroke-width="1.5"/>'
    x, y = _PAD
    round_joins = 'stroke-linejoin="round"'
    cross = f"M{x - 11} {y - 34}h22v23h23v22h-23v23h-22v-23h-23v-22h23z"
    yield f'<path d="{cross}" fill="{_DARK}" stroke="{_DARK}" stroke-width="4" {round_joins}/>'
    for x in (447, 513):
        yield f'<rect x="{x - 13}" y="239" width="26" height="14" rx="7" fill="{_DARK}"/>'
    yield _circle(_MIDDLE, 280, 14, _DEEP)
    for name, ((x, y), colour, *_) in _FACE.items():
        yield _circle(x, y, 17, colour)
        yield _letter(x, y, name)


def _circle(x: float, y: float, r: float, fill: str) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}"/>'


def _letter(x: float, y: float, name: str, size: int = 15) -> str:
    style = {"fill": "#fff", "font_weight": 700, "font_size": size, "text_anchor": "middle"}
    return _text(x, y + 0.36 * size, name.upper(), **style)


def _wire(points: str, x: float, y: float) -> Iterator[str]:
    """A line from words to a control, at whose end is a dot."""
    direction = f"{points} {x:g},{y:g}"
    yield f'<polyline points="{direction}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>'
    yield f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{_INK}" stroke="#fff" stroke-width="1.5"/>'


def _label(
    right: bool, y: float, name: str, lines: list[str], elsewhere: str = ""
) -> Iterator[str]:
    """A control's name and what it does, in the column at one side of the pad."""
    x = _TEXT_RIGHT if right else _TEXT_LEFT
    yield _text(x, y, name, font_weight=600)
    if elsewhere:
        end = {"text_anchor": "end", "fill": _MUTED, "font_size": 12}
        yield _text(x + _COLUMN, y, elsewhere, **end)
    for index, line in enumerate(lines or ["not used"]):
        yield _text(x, y + 19 * (index + 1), line, fill=_INK if lines else _MUTED)


def _buttons(does: Does) -> Iterator[str]:
    """Triggers, shoulders, and the buttons in the middle."""
    for right, control, y, points, (x, end) in (
        (False, "lefttrigger", 110, "225,126", (324, 126)),
        (False, "leftshoulder", 159, "225,172", (305, 172)),
        (False, "back", 208, "225,203 447,203", (447, 243)),
        (True, "righttrigger", 110, "735,126", (636, 126)),
        (True, "rightshoulder", 159, "735,172", (655, 172)),
        (True, "start", 208, "735,203 513,203", (513, 243)),
    ):
        lines = [does[control, 0]] if (control, 0) in does else []
        yield from _label(right, y, PLACES[control], lines, _ELSEWHERE[control])
        yield from _wire(points, x, end)


def _sticks(does: Does) -> Iterator[str]:
    """Both sticks and the D-pad."""
    yield from _label(False, 276, "Left stick", stick_words(does, "left"))
    yield from _wire("225,272", 312, 272)
    yield from _label(True, 400, "Right stick", stick_words(does, "right"))
    yield from _wire("735,396 590,396", 554, 370)
    used = [
        f"{arrow}  {does[f'dp{direction}', 0]}"
        for direction, arrow in _ARROWS.items()
        if (f"dp{direction}", 0) in does
    ]
    yield from _label(False, 400, "D-pad", used)
    yield from _wire("225,396 370,396", 412, 354)


_ARROWS = {"up": "↑", "down": "↓", "left": "←", "right": "→"}


def _faces(does: Does) -> Iterator[str]:
    """The four face buttons, with their names on other pads."""
    x, y = _FACE["y"][0][0], _FACE["x"][0][1]
    yield (
        f'<circle cx="{x}" cy="{y}" r="58" fill="none" stroke="{_LINE}" stroke-width="1.5" '
        'stroke-dasharray="3 4"/>'
    )
    yield f'<polyline points="735,290 {x + 55},290" stroke="{_LINE}" stroke-width="1.5"/>'
    for index, (name, (_, colour, playstation, nintendo)) in enumerate(_FACE.items()):
        row = 272 + 27 * index
        yield _circle(_TEXT_RIGHT + 9, row - 5, 9, colour)
        yield _letter(_TEXT_RIGHT + 9, row - 5, name, 11)
        line = does.get((name, 0))
        yield _text(_TEXT_RIGHT + 26, row, line or "not used", fill=_INK if line else _MUTED)
        end = {"text_anchor": "end", "fill": _MUTED, "font_size": 12}
        yield _text(_TEXT_RIGHT + _COLUMN, row, f"{playstation} · {nintendo}", **end)


def _footer(does: Does) -> Iterator[str]:
    """What is not drawn, and where the names come from."""
    used = [f"{PLACES[name]}: {does[name, 0]}" for name in _REST if (name, 0) in does]
    middle = {"text_anchor": "middle"}
    if used:
        yield _text(_MIDDLE, 510, " · ".join(used), **middle)
    note = "Names as on Xbox pads; in grey: PlayStation · Nintendo. Places count, not letters."
    yield _text(_MIDDLE, 534, note, fill=_MUTED, font_size=12, **middle)
