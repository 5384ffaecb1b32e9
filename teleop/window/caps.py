"""Keys, drawn as they look on a keyboard, with what they do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import pygame

from teleop.window.look import BACK, BRIGHT, DIM, EDGE, PANEL, Colour, box, text, width_of
from teleop.window.shown import KeyHelp

_LABELS = MappingProxyType(
    {
        "pageup": "PgUp",
        "pagedown": "PgDn",
        "insert": "Ins",
        "delete": "Del",
        "return": "Enter",
        "escape": "Esc",
        "leftshift": "left Shift",
        "rightshift": "right Shift",
        "leftctrl": "left Ctrl",
        "rightctrl": "right Ctrl",
        "leftalt": "left Alt",
        "rightalt": "right Alt",
    }
)
_ARROWS = MappingProxyType({"up": 0, "left": 90, "down": 180, "right": 270})  # degrees
_SIZE, _ROW, _PAD, _GAP = 15, 34, 9, 22  # of letters, a row, beside letters, between items [px]


class Item(NamedTuple):
    """Where a deed and its keys stand, and how wide they are."""

    x: int
    row: int
    width: int
    does: str
    keys: tuple[str, ...]


def flow(keys: KeyHelp, width: int, unit: float) -> list[Item]:
    """The deeds one after the other, in as many rows as it takes."""
    items: list[Item] = []
    x = row = 0
    for does, used in keys.items():
        caps = sum(_cap_width(key, unit) + round(4 * unit) for key in used)
        length = min(caps + width_of(does, round(_SIZE * unit)) + round(4 * unit), width)
        if x and x + length > width:
            x, row = 0, row + 1
        items.append(Item(x, row, length, does, used))
        x += length + round(_GAP * unit)
    return items


def height_of(keys: KeyHelp, width: int, unit: float) -> int:
    """How high :func:`draw_keys` would like to be [px]."""
    items = flow(keys, width, unit)
    return (items[-1].row + 1) * round(_ROW * unit) if items else 0


def draw_keys(
    area: pygame.Surface, keys: KeyHelp, down: frozenset[str], lit: Colour, unit: float
) -> None:
    """Draw as many rows as there is room for; keys that are down are ``lit``."""
    row = round(_ROW * unit)
    for item in flow(keys, area.get_width(), unit):
        if (item.row + 1) * row <= area.get_height():
            _draw_item(area, item, item.row * row, down, lit, unit)


def _draw_item(
    area: pygame.Surface, item: Item, top: int, down: frozenset[str], lit: Colour, unit: float
) -> None:
    x, size = item.x, round(_SIZE * unit)
    for key, place in _caps(item, top, unit):
        held = key in down
        face, ink = (lit, BACK) if held else (PANEL, BRIGHT)
        area.blit(box(place.size, round(6 * unit), face, lit if held else EDGE), place)
        if key in _ARROWS:
            label = _arrow(_ARROWS[key], round(12 * unit), ink)
        else:
            label = text(_label(key), size, ink, place.width)
        area.blit(label, label.get_rect(center=place.center))
        x = place.right + round(4 * unit)
    left = item.x + item.width - x
    middle = top + round(_ROW * unit) // 2
    label = text(item.does, size, DIM, left)
    area.blit(label, label.get_rect(midleft=(x + round(4 * unit), middle)))


def _caps(item: Item, top: int, unit: float) -> Iterator[tuple[str, pygame.Rect]]:
    x, height = item.x, round((_ROW - 8) * unit)
    for key in item.keys:
        place = pygame.Rect(x, top + round(4 * unit), _cap_width(key, unit), height)
        yield key, place
        x = place.right + round(4 * unit)


@lru_cache(32)
def _arrow(turned: float, size: int, colour: Colour) -> pygame.Surface:
    """An arrow's head in a square of this size; ``turned`` to the left from up [degrees]."""
    fine = pygame.Surface((4 * size, 4 * size), pygame.SRCALPHA)
    fine.fill((*colour, 0))
    middle = pygame.Vector2(2 * size, 2 * size)
    corners = [
        pygame.Vector2(x, y).rotate(-turned) for x, y in ((0, -0.5), (0.55, 0.4), (-0.55, 0.4))
    ]
    pygame.draw.polygon(fine, colour, [middle + 4 * size * corner for corner in corners])
    return pygame.transform.smoothscale(fine, (size, size))


def _cap_width(key: str, unit: float) -> int:
    least = round((_ROW - 8) * unit)
    if key in _ARROWS:
        return least
    return max(least, width_of(_label(key), round(_SIZE * unit)) + round(2 * _PAD * unit))


def _label(key: str) -> str:
    return _LABELS.get(key, key.capitalize())
