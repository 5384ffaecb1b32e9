"""How the operator's window is drawn: without a screen, at any size, whatever there is to show."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_window import FACTS, KEYS, shown

from robots.base import U8
from teleop.window.caps import draw_keys, flow, height_of
from teleop.window.drawing import WindowView, places, render
from teleop.window.look import BACK, HELP, MOODS, PANEL, Colour, text, width_of
from teleop.window.shown import Mood, Shown

SIZE = (900, 660)
RED, BLUE = (230, 20, 20), (20, 20, 230)


@pytest.fixture(autouse=True, scope="module")
def letters() -> None:
    pygame.font.init()


def plain(colour: Colour, height: int = 60, width: int = 80) -> U8:
    return np.full((height, width, 3), colour, np.uint8)


def pixels(surface: pygame.Surface) -> Any:
    """(H, W, 3)"""
    return pygame.surfarray.array3d(surface).swapaxes(0, 1).astype(int)


def like(surface: pygame.Surface, colour: Colour) -> Any:
    """Where (H, W) the surface has this colour."""
    return (np.abs(pixels(surface) - colour) <= 2).all(axis=-1)


def where(surface: pygame.Surface, colour: Colour) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what has this colour."""
    rows, columns = np.nonzero(like(surface, colour))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_images_stand_side_by_side_as_large_as_they_fit() -> None:
    images = {"front": plain(RED), "wrist": plain(BLUE)}
    surface = render(Shown("YOU", "you", images), WindowView(), SIZE)
    red, blue = where(surface, RED), where(surface, BLUE)
    assert red[2] < blue[0]
    assert (red[1], red[3]) == (blue[1], blue[3])
    for left, top, right, bottom in (red, blue):
        assert right - left > 400
        assert (right - left) / (bottom - top) == pytest.approx(80 / 60, abs=0.02)


def test_images_are_the_right_way_up_with_their_own_colours() -> None:
    image = plain((20, 230, 20))
    image[:30, :40] = RED
    image[30:, 40:] = BLUE
    surface = render(Shown("YOU", "you", {"front": image}), WindowView(), SIZE)
    left, top, right, bottom = where(surface, (20, 230, 20))
    found = pixels(surface)
    near = {"left": left + 60, "right": right - 60, "top": top + 60, "bottom": bottom - 60}
    assert found[near["top"], near["left"]] == pytest.approx(RED, abs=2)
    assert found[near["bottom"], near["right"]] == pytest.approx(BLUE, abs=2)
    assert found[near["top"], near["right"]] == pytest.approx((20, 230, 20), abs=2)


@pytest.mark.parametrize("mood", get_args(Mood))
def test_who_acts_has_a_colour_of_its_own(mood: Mood) -> None:
    surface = render(Shown("WORD", mood), WindowView(), SIZE)
    amounts = {name: int(like(surface, colour).sum()) for name, colour in MOODS.items()}
    assert amounts.pop(mood) > 3000
    assert not any(amounts.values())


def test_without_cameras_who_acts_is_written_large() -> None:
    surface = render(Shown("YOU", "you"), WindowView(KEYS), SIZE)
    assert like(surface, MOODS["you"])[200:].sum() > 5000


def test_a_call_for_help_is_not_overlooked() -> None:
    quiet = like(render(shown({}), WindowView(), SIZE), HELP).sum()
    loud = like(render(shown({}, help_wanted=True), WindowView(), SIZE), HELP).sum()
    assert (quiet == 0, loud > 20_000) == (True, True)


def test_a_window_without_the_focus_says_so() -> None:
    assert like(render(shown({}), WindowView(KEYS, focused=True), SIZE), HELP).sum() == 0
    assert like(render(shown({}), WindowView(KEYS, focused=False), SIZE), HELP).sum() > 15_000


@pytest.mark.parametrize("facts", [{}, {"episode": "34"}, FACTS])
def test_facts_and_messages_are_drawn(facts: dict[str, str]) -> None:
    without = pixels(render(Shown("YOU", "you"), WindowView(), SIZE))
    drawn = pixels(render(Shown("YOU", "you", facts=facts), WindowView(), SIZE))
    assert bool((without != drawn).any()) == bool(facts)
    for field in ("title", "message"):
        drawn = pixels(render(Shown("YOU", "you", **{field: "something"}), WindowView(), SIZE))
        assert (without != drawn)[:90].any()
        assert not (without != drawn)[90:].any()


def test_keys_that_are_down_are_lit_and_no_others() -> None:
    lit: Colour = (1, 2, 250)

    def drawn(*down: str) -> Any:
        area = pygame.Surface((868, height_of(KEYS, 868, 1)))
        draw_keys(area, KEYS, frozenset(down), lit, 1)
        return like(area, lit)

    assert not drawn().any()
    assert not drawn("f12").any()
    both, one, other = drawn("s", "leftshift"), drawn("s"), drawn("leftshift")
    assert one.any()
    assert other.any()
    assert not (one & other).any()
    assert (both == (one | other)).all()


@given(st.integers(50, 2000), st.floats(0.6, 2.5))
def test_keys_do_not_overlap_and_stay_inside(width: int, unit: float) -> None:
    items = flow(KEYS, width, unit)
    assert [item.does for item in items] == list(KEYS)
    for before, item in pairwise(items):
        assert item.row >= before.row
        if item.row == before.row:
            assert item.x >= before.x + before.width
    assert all(item.x + item.width <= width for item in items)
    assert height_of(KEYS, width, unit) >= (items[-1].row + 1) * 20


BANDS = ("head", "help", "middle", "facts", "keys", "focus")


@given(
    st.dictionaries(st.sampled_from(BANDS), st.integers(0, 600)),
    st.integers(3, 1500),
    st.integers(0, 25),
)
def test_bands_do_not_overlap_and_stay_inside(
    wanted: dict[str, int], height: int, gap: int
) -> None:
    inside = pygame.Rect(16, 14, 400, height)
    wanted = {name: wanted.get(name, 0) for name in BANDS if name in wanted or name == "middle"}
    found = list(places(wanted, inside, gap).items())
    assert "middle" in dict(found)
    assert dict(found)["middle"].height >= inside.height // 3
    assert all(inside.contains(place) for _, place in found)
    for (_, above), (_, below) in pairwise(found):
        assert below.top == above.bottom + gap


@given(st.text(max_size=400), st.integers(0, 600), st.integers(6, 40))
def test_a_line_is_never_longer_than_it_may_be(string: str, width: int, size: int) -> None:
    assert text(string, size, BACK, width).get_width() <= width


def test_a_line_that_fits_is_whole() -> None:
    string = "let go of left Shift"
    whole = text(string, 18, BACK, 1000)
    assert whole.get_width() == width_of(string, 18)
    assert text(string, 18, BACK, width_of(string, 18)).get_width() == whole.get_width()
    assert 60 < text(string, 18, BACK, 90).get_width() <= 90


cameras = st.dictionaries(
    st.text(max_size=30),
    st.tuples(st.integers(1, 90), st.integers(1, 90)).map(lambda size: plain(RED, *size)),
    max_size=5,
)
anything = st.builds(
    Shown,
    st.text(max_size=40),
    st.sampled_from(get_args(Mood)),
    cameras,
    title=st.text(max_size=80),
    facts=st.dictionaries(st.text(max_size=40), st.text(max_size=40), max_size=14),
    message=st.text(max_size=300),
    help_wanted=st.booleans(),
)


@given(
    anything,
    st.builds(
        WindowView, st.sampled_from([{}, KEYS]), st.just(frozenset({"up", "s"})), st.booleans()
    ),
    st.tuples(st.integers(1, 1000), st.integers(1, 800)),
)
def test_whatever_there_is_to_show_is_drawn_at_any_size(
    what: Shown, view: WindowView, size: tuple[int, int]
) -> None:
    surface = render(what, view, size)
    assert surface.get_size() == size
    edge = pixels(surface)[:, -1]  # nothing but the line at the top comes this far
    assert (edge[min(13, size[1]) :] == BACK).all()


def test_small_windows_still_show_who_acts_and_the_images() -> None:
    surface = render(shown({"front": plain(RED)}), WindowView(KEYS), (320, 240))
    assert like(surface, MOODS["you"]).sum() > 1500
    assert like(surface, RED).sum() > 3000
    assert like(surface, PANEL).any()
