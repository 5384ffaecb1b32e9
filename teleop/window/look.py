"""Colours, letters and rounded boxes of the operator's window."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import pygame

from teleop.window.shown import Mood

Colour = tuple[int, int, int]

BACK: Colour = (17, 19, 24)
PANEL: Colour = (30, 33, 41)
EDGE: Colour = (58, 63, 76)
BRIGHT: Colour = (236, 238, 243)
DIM: Colour = (142, 149, 166)
HELP: Colour = (255, 171, 46)
MOODS: MappingProxyType[Mood, Colour] = MappingProxyType(
    {
        "you": (87, 214, 141),
        "policy": (104, 169, 255),
        "paused": (240, 196, 92),
        "alarm": (255, 102, 102),
    }
)

_FINE = 4  # all is drawn so many times larger, then scaled down: smooth corners, even letters
_LONGEST = 300  # letters of a text that are looked at


@lru_cache(64)
def font(size: int) -> pygame.font.Font:
    """pygame's own font, letters about ``size`` pixels high."""
    return pygame.font.Font(None, max(6, round(size * 1.35)))


@lru_cache(512)
def text(string: str, size: int, colour: Colour, width: int) -> pygame.Surface:
    """One line, at most ``width`` pixels long: what does not fit ends in an ellipsis."""
    used, string = font(size * _FINE), _plain(string)
    if used.size(string)[0] > width * _FINE:
        low, high = 0, len(string)
        while low < high:  # the most letters that fit
            middle = (low + high + 1) // 2
            fits = used.size(string[:middle].rstrip() + "…")[0] <= width * _FINE
            low, high = (middle, high) if fits else (low, middle - 1)
        string = string[:low].rstrip() + "…" if low else ""
    large = used.render(string, True, colour)
    across, down = large.get_size()
    return pygame.transform.smoothscale(
        large, (min(-(-across // _FINE), max(width, 0)), down // _FINE)
    )


def width_of(string: str, size: int) -> int:
    """How long the line is in full [px]."""
    return -(-font(size * _FINE).size(_plain(string))[0] // _FINE)


@lru_cache(256)
def box(
    size: tuple[int, int], radius: int, fill: tuple[int, ...], edge: Colour | None = None
) -> pygame.Surface:
    """A box with round corners, RGB or RGBA."""
    width, height = size
    large = pygame.Surface((max(1, width) * _FINE, max(1, height) * _FINE), pygame.SRCALPHA)
    large.fill((*fill[:3], 0))
    if edge is not None:
        pygame.draw.rect(large, edge, large.get_rect(), border_radius=radius * _FINE)
    inner = large.get_rect() if edge is None else large.get_rect().inflate(-2 * _FINE, -2 * _FINE)
    pygame.draw.rect(large, fill, inner, border_radius=radius * _FINE)
    return pygame.transform.smoothscale(large, (max(1, width), max(1, height)))


def _plain(string: str) -> str:
    """Without what cannot be drawn on one line."""
    return "".join(c if c.isprintable() and c <= "\uffff" else " " for c in string[:_LONGEST])
