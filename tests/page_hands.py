"""Hands at a real browser that steer by what it is shown: at a pad, at keys, on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
from browsers import Fingers, middle, move_pad
from waiting import until

from teleop.oracles.base import HOVER, Grasp, Stick
from teleop.oracles.pick_lift import INSIDE

GAIN, NEAR = 30.0, 0.004  # of who steers by eye [1/m], and what they take for there [m]
LIFTED = 0.12  # the cube would have come with the gripper until there [m]
LOOK_MS = 5  # from one look at the page to the next
RB, GRIPPER = "b5", {"close": "b6", "open": "b7"}
NONE, LEAST = 0.1, 0.35  # a push that is not worth a move, and the least that one makes
REACH = 0.3  # of an on-screen stick, as a share of its width

State = dict[str, Any]
Gripper = Literal["open", "close"] | None


class Eyes:
    """What a page is sent of the run, as it comes; made before the page is opened."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.states: list[State] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._see))

    def _see(self, frame: str | bytes) -> None:
        if isinstance(frame, str) and (said := json.loads(frame))["type"] == "state":
            self.states.append(said)

    def until(self, condition: Callable[[State], object]) -> State:
        """Wait for a state, from the newest one on, with something in it; looks at each once."""
        looked = max(0, len(self.states) - 1)

        def found() -> State | None:
            nonlocal looked
            self._page.wait_for_timeout(LOOK_MS)
            while looked < len(self.states):
                looked += 1
                if condition(self.states[looked - 1]):
                    return self.states[looked - 1]
            return None

        return until(found, why="no such state is seen")  # type: ignore[return-value]

    def until_who(self, who: str) -> State:
        return self.until(lambda state: state["who"] == who)

    def wait(self, ticks: int) -> None:
        """Look on for as many."""
        begun = self.states[-1]["stage"]["ticks"]
        self.until(lambda state: state["stage"]["ticks"] >= begun + ticks)

    def holders(self) -> dict[int, set[str]]:
        """Who had the arm, by the tick of the first episode, in all that was seen of it."""
        found: dict[int, set[str]] = {}
        for state in self.states:
            tick = state["stage"].get("episode_ticks")
            if tick and state["stage"]["episode"] == 1 and state["who"] != "ENDED":
                found.setdefault(tick, set()).add(state["who"])
        return found


class Hand(Protocol):
    """Takes over, and moves the gripper: forward, left and up, each in [-1, 1]."""

    def move(self, x: float, y: float, z: float, *, gripper: Gripper = None) -> None: ...

    def rest(self) -> None:
        """Let go of everything."""


class PadHand:
    """At the gamepad that the page is given."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def move(self, x: float, y: float, z: float, *, gripper: Gripper = None) -> None:
        pushes = {axis: -_felt(push) for axis, push in ((1, x), (0, y), (3, z))}
        pulled = {button: float(gripper == way) for way, button in GRIPPER.items()}
        move_pad(self._page, axes=pushes, **{RB: 1.0}, **pulled)

    def rest(self) -> None:
        move_pad(self._page, axes={0: 0.0, 1: 0.0, 3: 0.0}, **dict.fromkeys((RB, "b6", "b7"), 0.0))


class KeyHand:
    """At the keys: holds them on a long way, taps them on a short one, and looks after a tap."""

    KEYS = (("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"), ("KeyE", "KeyD"))
    GRIPPER: Mapping[Gripper, str] = {"close": "KeyC", "open": "KeyO"}
    SHORT, LOOKS = 0.5, 4  # push, and from one tap to the next

    def __init__(self, page: Any) -> None:
        self._keys = page.keyboard
        self._down = set[str]()
        self._looks = 0

    def move(self, x: float, y: float, z: float, *, gripper: Gripper = None) -> None:
        ways = zip((x, y, z), self.KEYS, strict=True)
        pushes = {keys[push < 0]: abs(push) for push, keys in ways}
        far = {key for key, push in pushes.items() if push > self.SHORT}
        grips = {self.GRIPPER[gripper]} if gripper else set()
        self._hold({"ShiftLeft"} | grips | (far or {"ControlLeft"}))
        self._looks += 1
        if not far and self._looks % self.LOOKS == 0:
            for key in (key for key, push in pushes.items() if push > NONE):
                self._keys.press(key)

    def rest(self) -> None:
        self._hold(set())

    def _hold(self, wanted: set[str]) -> None:
        for key in sorted(self._down - wanted):
            self._keys.up(key)
        for key in sorted(wanted - self._down):
            self._keys.down(key)
        self._down = wanted


class TouchHand:
    """Two thumbs on the screen's sticks, and a finger for the gripper."""

    def __init__(self, page: Any) -> None:
        page.get_by_role("tab", name="Touch").click()
        self._fingers = Fingers(page)
        self._sticks = [middle(page, f".sticks .stick >> nth={index}") for index in (0, 1)]
        self._grippers = {
            way: middle(page, f".between button:has-text('{way.capitalize()} gripper')")
            for way in GRIPPER
        }
        self._reach = REACH * page.locator(".sticks .stick").first.bounding_box()["width"]
        self._touching = list[tuple[float, float]]()

    def move(self, x: float, y: float, z: float, *, gripper: Gripper = None) -> None:
        (left, down), (right, along) = self._sticks
        x, y, z = (self._reach * _felt(push) for push in (x, y, z))
        third = [self._grippers[gripper]] if gripper else []
        touching = [*self._sticks, *third]
        if self._touching[2:] not in ([], touching[2:]):
            self.rest()  # and another finger
        if touching != self._touching:
            self._fingers("touchStart", *touching)
        self._touching = touching
        self._fingers("touchMove", (left - y, down - x), (right, along - z), *third)

    def rest(self) -> None:
        self._fingers("touchEnd")
        self._touching = []


def _felt(push: float) -> float:
    """A push that leaves the dead zone, or none."""
    return 0.0 if abs(push) < NONE else float(np.copysign(max(abs(push), LEAST), push))


def pick_up(hand: Hand, eyes: Eyes) -> None:
    """Come over the cube, close the gripper around it, and lift it, which ends the episode.

    Before that, and once on the way, nobody touches anything.
    """
    episode = eyes.until_who("HOLDING")["stage"]["episode"]
    eyes.wait(ticks=3)
    reach(hand, eyes, HOVER)
    hand.rest()
    eyes.until_who("HOLDING")
    eyes.wait(ticks=5)
    while not grasp(hand, eyes, episode):
        reach(hand, eyes, HOVER, "open")
    hand.rest()


def grasp(hand: Hand, eyes: Eyes, episode: int) -> bool:
    """Reach for the cube and lift; says whether that ended the ``episode``."""
    reach(hand, eyes, 0.0)
    hand.move(0.0, 0.0, 0.0, gripper="close")
    eyes.wait(ticks=15)
    hand.move(0.0, 0.0, 1.0, gripper="close")

    def over(state: State) -> bool:
        return bool(state["stage"]["episode"] > episode or state["who"] == "ENDED")

    high = LIFTED + eyes.states[-1]["tip"][2]
    return over(eyes.until(lambda state: over(state) or state["tip"][2] > high))


def reach(hand: Hand, eyes: Eyes, over: float, gripper: Gripper = None) -> None:
    """So high ``over`` where the gripper's fingers stand around the cube [m]."""
    oracle = Grasp(Stick(np.ones(3, np.float32), 30.0), 0.0, 45.0, INSIDE)

    def near(state: State) -> bool:
        spot = oracle.spot(np.array(state["object"], np.float32))
        way = spot + np.array([0.0, 0.0, over]) - np.array(state["tip"])
        hand.move(*np.clip(GAIN * way, -1, 1).tolist(), gripper=gripper)
        return state["who"] == "YOU" and bool(np.abs(way).max() < NEAR)

    eyes.until(near)
