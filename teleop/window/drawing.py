"""The operator's window, drawn: who acts, the cameras, the facts and the keys."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pygame

from robots.base import U8
from teleop.window.caps import draw_keys, height_of
from teleop.window.look import BACK, BRIGHT, DIM, HELP, MOODS, PANEL, Colour, box, text, width_of
from teleop.window.shown import KeyHelp, Shown

_USUAL = (900, 640)  # size of a window in which a unit is a pixel
_UNITS = (0.6, 2.5)
_CELL, _FACT = 148, 50  # width and height of a fact
_ASK = "HELP WANTED   the policy asks you to take over"
_CLICK = "Click here: keys count only while this window has the focus"


@dataclass(frozen=True, slots=True)
class WindowView:
    """What the window knows by itself."""

    keys: KeyHelp = field(default_factory=dict)
    down: frozenset[str] = frozenset()  # of them
    focused: bool = True


@dataclass(frozen=True, slots=True)
class _Band:
    """A part of the window, over its whole width."""

    height: int  # that it would like
    paint: Callable[[pygame.Surface], None]


def render(shown: Shown, view: WindowView, size: tuple[int, int]) -> pygame.Surface:
    """An image of the window; needs no screen, only ``pygame.font.init()``."""
    surface = pygame.Surface(size)
    draw(surface, shown, view)
    return surface


def draw(surface: pygame.Surface, shown: Shown, view: WindowView) -> None:
    """Draw the window on ``surface``, whatever its size."""
    surface.fill(BACK)
    unit = unit_of(surface.get_size())
    pygame.draw.rect(surface, MOODS[shown.mood], (0, 0, surface.get_width(), round(5 * unit)))
    inside = surface.get_rect().inflate(-2 * round(16 * unit), -2 * round(14 * unit))
    if inside.width < 1 or inside.height < 1:
        return
    bands = _bands(shown, view, inside.width, unit)
    for name, place in places(
        {name: band.height for name, band in bands.items()}, inside, round(10 * unit)
    ).items():
        bands[name].paint(surface.subsurface(place))


def unit_of(size: tuple[int, int]) -> float:
    """How large everything is drawn in a window of this size."""
    scale = min(size[0] / _USUAL[0], size[1] / _USUAL[1])
    return min(max(scale, _UNITS[0]), _UNITS[1])


def _bands(shown: Shown, view: WindowView, width: int, unit: float) -> dict[str, _Band]:
    """The parts of the window from top to bottom."""
    colour = MOODS[shown.mood]
    bands = {"head": _Band(round(64 * unit), partial(_head, shown=shown, unit=unit))}
    if shown.help_wanted:
        banner = partial(_banner, string=_ASK, colour=HELP, unit=unit)
        bands["help"] = _Band(round(44 * unit), banner)
    bands["middle"] = _Band(0, partial(_middle, shown=shown, unit=unit))
    if shown.facts:
        rows = math.ceil(len(shown.facts) / _columns(len(shown.facts), width, unit))
        facts = partial(_facts, facts=dict(shown.facts), unit=unit)
        bands["facts"] = _Band(rows * round(_FACT * unit), facts)
    if view.keys:
        keys = partial(draw_keys, keys=view.keys, down=view.down, lit=colour, unit=unit)
        bands["keys"] = _Band(height_of(view.keys, width, unit), keys)
    if not view.focused:
        banner = partial(_banner, string=_CLICK, colour=HELP, unit=unit)
        bands["focus"] = _Band(round(34 * unit), banner)
    return bands


def places(wanted: dict[str, int], inside: pygame.Rect, gap: int) -> dict[str, pygame.Rect]:
    """Where each band is: the middle gets what the others leave, at least a third.

    If there is too little room, the facts go first, then the keys.
    """
    room = inside.height - inside.height // 3
    given: dict[str, int] = {}
    for name in ("head", "help", "focus", "keys", "facts"):
        if name in wanted:
            given[name] = max(0, min(wanted[name], room - gap))
            room -= given[name] + gap
    used = sum(height + gap for height in given.values() if height)
    given["middle"] = inside.height - used
    found, top = {}, inside.top
    for name in wanted:
        if given[name] > 0:
            found[name] = pygame.Rect(inside.left, top, inside.width, given[name])
            top += given[name] + gap
    return found


def _head(area: pygame.Surface, shown: Shown, unit: float) -> None:
    """Who acts, and beside it the title and the message."""
    width, height = area.get_size()
    size, pad = round(32 * unit), round(22 * unit)
    badge = min(width_of(shown.state, size) + 2 * pad, width)
    area.blit(box((badge, height), round(14 * unit), MOODS[shown.mood]), (0, 0))
    word = text(shown.state, size, BACK, badge - pad)
    area.blit(word, word.get_rect(center=(badge // 2, height // 2)))
    left, room = badge + pad, width - badge - pad
    title = text(shown.title, round(15 * unit), DIM, room)
    area.blit(title, title.get_rect(midleft=(left, height * 3 // 10)))
    message = text(shown.message, round(18 * unit), BRIGHT, room)
    area.blit(message, message.get_rect(midleft=(left, height * 7 // 10)))


def _banner(area: pygame.Surface, string: str, colour: Colour, unit: float) -> None:
    """A line that nobody overlooks."""
    width, height = area.get_size()
    area.blit(box((width, height), round(10 * unit), colour), (0, 0))
    line = text(string, min(round(19 * unit), height // 2), BACK, width - round(20 * unit))
    area.blit(line, line.get_rect(center=(width // 2, height // 2)))


def _middle(area: pygame.Surface, shown: Shown, unit: float) -> None:
    """The cameras side by side; without any, who acts in letters to be read from far."""
    size = area.get_size()
    area.blit(box(size, round(12 * unit), PANEL), (0, 0))
    if not shown.images:
        letters = min(size[1] // 2, round(size[0] / max(4, len(shown.state))))
        word = text(shown.state, letters, MOODS[shown.mood], size[0])
        area.blit(word, word.get_rect(center=(size[0] // 2, size[1] // 2)))
        return
    images = list(shown.images.items())
    columns = _best_columns([image.shape for _, image in images], size)
    rows = math.ceil(len(images) / columns)
    tile = (size[0] // columns, size[1] // rows)
    if min(tile) < 1:
        return
    for number, (name, image) in enumerate(images):
        row, column = divmod(number, columns)
        place = pygame.Rect((column * tile[0], row * tile[1]), tile)
        _image(area.subsurface(place), name, image, unit)


def _best_columns(shapes: list[tuple[int, ...]], size: tuple[int, int]) -> int:
    """How many images side by side make them largest."""

    def scale(columns: int) -> float:
        rows = math.ceil(len(shapes) / columns)
        across, down = size[0] / columns, size[1] / rows
        return min(min(across / wide, down / tall) for tall, wide, _ in shapes)

    return max(range(1, len(shapes) + 1), key=scale)


def _image(area: pygame.Surface, name: str, image: U8, unit: float) -> None:
    """A camera's image (H, W, 3), as large as it fits, and its name."""
    width, height = area.get_size()
    margin = round(5 * unit)
    tall, wide = image.shape[:2]
    scale = min((width - 2 * margin) / wide, (height - 2 * margin) / tall)
    size = (round(wide * scale), round(tall * scale))
    if min(size) < 1:
        return
    surface = pygame.image.frombuffer(image.data, (wide, tall), "RGB")
    place = pygame.Rect((0, 0), size)
    place.center = (width // 2, height // 2)
    area.blit(pygame.transform.smoothscale(surface, size), place)
    label = text(name, round(14 * unit), BRIGHT, max(0, place.width - round(28 * unit)))
    tag = label.get_rect().inflate(round(16 * unit), round(10 * unit))
    tag.bottomleft = (place.left + margin, place.bottom - margin)
    area.blit(box(tag.size, round(7 * unit), (*BACK, 200)), tag)
    area.blit(label, label.get_rect(center=tag.center))


def _columns(count: int, width: int, unit: float) -> int:
    """How many facts stand side by side: rows of about the same length."""
    most = max(1, int(width // (_CELL * unit)))
    return math.ceil(count / math.ceil(count / most))


def _facts(area: pygame.Surface, facts: dict[str, str], unit: float) -> None:
    """Values, each under its label; as many rows as there is room for."""
    columns = _columns(len(facts), area.get_width(), unit)
    across, down = area.get_width() // columns, round(_FACT * unit)
    for number, (label, value) in enumerate(facts.items()):
        row, column = divmod(number, columns)
        if (row + 1) * down > area.get_height():
            return
        x, y, room = column * across, row * down, across - round(10 * unit)
        area.blit(text(label, round(13 * unit), DIM, room), (x, y + round(4 * unit)))
        area.blit(text(value, round(19 * unit), BRIGHT, room), (x, y + round(22 * unit)))
