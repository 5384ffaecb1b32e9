"""Choosing a part of an image with the mouse."""

from __future__ import annotations

import os
import sys
from typing import Any

from configs.text.paths import typed
from hil_app.datasets.crop import Region
from hil_app.recording.format.layout import DatasetError
from robots.base import U8

LARGE, HUGE = 480, 900  # small images are shown at least so high, large ones at most [px]
LINE = 36  # height of the text below the image [px]
HINT = "drag a box, Enter takes it, Esc cancels"
BACK, INK, BOX = (25, 25, 25), (230, 230, 230), (255, 150, 30)
PERIOD_MS = 20
Point = tuple[int, int]  # x, y in the window [px]


def choose(camera: str, image: U8) -> Region:
    """The part of an ``image`` (H, W, 3) that an operator draws a box around, its sides even.

    DatasetError if there is no screen, or nothing was drawn.
    """
    height, width = image.shape[:2]
    remedy = (
        f"name the part by --roi {typed(camera)}=TOP,LEFT,HEIGHT,WIDTH, of images {height} high "
        f"and {width} wide"
    )
    if not has_screen():
        raise DatasetError(f"there is no screen to choose {camera}'s part on: {remedy}")
    from teleop.gamepad.sdl import pygame

    try:
        pygame.display.init()
        pygame.font.init()
        shrunk = -(-height // HUGE)
        drawn = _Chooser(pygame, camera, image[::shrunk, ::shrunk]).run()
    except pygame.error as error:
        raise DatasetError(f"no window opens ({error}): {remedy}") from None
    finally:
        pygame.display.quit()
    if drawn is None:
        raise DatasetError(f"no part of {camera} was chosen: draw a box, or {remedy}")
    top, left, tall, wide = (side * shrunk for side in drawn)
    return top, left, tall, wide


def has_screen() -> bool:
    """Whether a window can open."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))


def fitted(one: Point, other: Point, scale: int, size: tuple[int, ...]) -> Region | None:
    """The region of an image of ``size`` (H, W) between two points of it ``scale`` times as large.

    Its sides are even; None if nothing is left of it.
    """
    sides = []
    for axis in (1, 0):
        whole = size[1 - axis]
        first, last = sorted(min(max(point[axis], 0), whole * scale) for point in (one, other))
        start, end = first // scale, min(-(-last // scale), whole)
        sides.append((start, (end - start) // 2 * 2))
    (top, height), (left, width) = sides
    return (top, left, height, width) if height and width else None


class _Chooser:
    """The window, until the operator takes a box or cancels."""

    def __init__(self, pygame: Any, camera: str, image: U8) -> None:
        self._pg, self._camera, self._size = pygame, camera, image.shape[:2]
        height, width = self._size
        self._scale = max(1, -(-LARGE // height))
        shown = width * self._scale, height * self._scale
        self._screen = pygame.display.set_mode((max(shown[0], 480), shown[1] + LINE))
        pygame.display.set_caption(f"hil-app dataset crop: {camera}")
        small = pygame.image.frombuffer(image.tobytes(), (width, height), "RGB")
        self._image = pygame.transform.scale(small, shown)
        self._font = pygame.font.Font(None, 22)
        self._corners: tuple[Point, Point] | None = None
        self._held = False

    def run(self) -> Region | None:
        """What was drawn when Enter was pressed; None if the operator wants nothing."""
        pg = self._pg
        while True:
            self._draw()
            for event in pg.event.get():
                if event.type == pg.QUIT or self._pressed(event, pg.K_ESCAPE):
                    return None
                if self._pressed(event, pg.K_RETURN, pg.K_KP_ENTER, pg.K_SPACE) and self._region:
                    return self._region
                self._drag(event)
            pg.time.wait(PERIOD_MS)

    def _pressed(self, event: Any, *keys: int) -> bool:
        return event.type == self._pg.KEYDOWN and event.key in keys

    def _drag(self, event: Any) -> None:
        pg = self._pg
        if event.type == pg.MOUSEBUTTONDOWN and event.button == 1:
            self._held, self._corners = True, (event.pos, event.pos)
        elif event.type == pg.MOUSEMOTION and self._held and self._corners:
            self._corners = self._corners[0], event.pos
        elif event.type == pg.MOUSEBUTTONUP and event.button == 1 and self._held:
            self._held = False

    @property
    def _region(self) -> Region | None:
        if self._corners is None:
            return None
        return fitted(*self._corners, self._scale, self._size)

    def _draw(self) -> None:
        """The image, darker outside of the box, and what can be done."""
        pg, region = self._pg, self._region
        self._screen.fill(BACK)
        self._screen.blit(self._image, (0, 0))
        said = HINT
        if region is not None:
            top, left, height, width = (side * self._scale for side in region)
            inside = pg.Rect(left, top, width, height)
            shade = pg.Surface(self._image.get_size(), pg.SRCALPHA)
            shade.fill((0, 0, 0, 150))
            shade.fill((0, 0, 0, 0), inside)
            self._screen.blit(shade, (0, 0))
            pg.draw.rect(self._screen, BOX, inside, 2)
            said = "top {}, left {}, height {}, width {}".format(*region) + f"; {HINT}"
        text = self._font.render(f"{self._camera}: {said}", True, INK)
        self._screen.blit(text, (10, self._image.get_height() + 10))
        pg.display.flip()
