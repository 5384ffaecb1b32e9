"""What of an environment's spaces is commanded, and what is observed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from configs.base import ConfigError
from configs.gymnasium import GymnasiumConfig
from robots.base import F32, U8

_ENDLESS = 1e6  # an end of a span that is further away says nothing
Span = tuple[float, float]  # lowest, highest
_GOALS = {"observation", "achieved_goal", "desired_goal"}  # keys that have a meaning together


class Actions:
    """Which numbers of an action an environment is sent, and what stands for the others.

    Raises ConfigError for a space that is no Box of numbers, or that the config does not fit.
    """

    def __init__(self, space: Space[Any], config: GymnasiumConfig) -> None:
        self._space = _box_of_numbers(space)
        spans = _spans(self._space, config)
        self._places = [place for place, span in enumerate(spans) if span is not None]
        self.names = tuple(f"action.{place}" for place in self._places)
        self.limits: F32 = np.array([span for span in spans if span is not None], np.float32)
        self.gripper = self._gripper(config.gripper)
        self._others = np.clip(0.0, self._space.low, self._space.high)
        low, high = self.limits.T
        self.neutral: F32 = np.clip(np.zeros_like(low), low, high)
        if self.gripper is not None:
            self.neutral[self.gripper] = (low + high)[self.gripper] / 2

    def __call__(self, sent: F32) -> NDArray[Any]:
        """The environment's action (n,) for what is commanded."""
        action: NDArray[Any] = self._others.astype(self._space.dtype)
        action[self._places] = sent
        return action

    def _gripper(self, place: int | None) -> int | None:
        if place is None or place in self._places:
            return None if place is None else self._places.index(place)
        raise ConfigError(
            f"robot.gripper: {place} is no number of the actions that is commanded: those are "
            f"{', '.join(map(str, self._places))}"
        )


def _box_of_numbers(space: Space[Any]) -> spaces.Box:
    box = isinstance(space, spaces.Box) and len(space.shape) == 1 and space.shape[0] > 0
    if not box or not np.issubdtype(space.dtype, np.floating):
        raise ConfigError(
            f"robot.env_id: its actions are {space}, and only a Box (n,) of fractions can be "
            "commanded: wrap it into one"
        )
    assert isinstance(space, spaces.Box)
    return space


def _spans(space: spaces.Box, config: GymnasiumConfig) -> list[Span | None]:
    """Lowest and highest of each number; None for one that is not commanded."""
    ends = list(zip(space.low.tolist(), space.high.tolist(), strict=True))
    if config.actions is None:
        if not np.abs([space.low, space.high]).max() < _ENDLESS:
            raise ConfigError(
                f"robot.env_id: its actions are {space}, which has no ends: set them in "
                "robot.actions"
            )
        return [span if span[0] < span[1] else None for span in ends]
    if len(config.actions) != len(ends):
        raise ConfigError(
            f"robot.actions: {len(config.actions)} spans, and its actions are {space}: set "
            f"{len(ends)}, with null for a number that is not commanded"
        )
    for place, (span, (low, high)) in enumerate(zip(config.actions, ends, strict=True)):
        if span is not None and not low <= span[0] < span[1] <= high:
            raise ConfigError(
                f"robot.actions.{place}: {list(span)} reaches beyond {[low, high]}, which is all "
                "that the environment takes"
            )
    if not any(config.actions):
        raise ConfigError("robot.actions: all are null: nothing would be commanded")
    return config.actions


@dataclass(frozen=True)
class Part:
    """Some numbers of an observation."""

    key: str
    box: spaces.Box  # they are in
    of: Callable[[Any], NDArray[Any]]  # of a whole observation


class Senses:
    """What of an observation are numbers, and what images.

    Raises ConfigError for a space that has something else, or that the config does not fit.
    """

    def __init__(self, space: Space[Any], ranges: Mapping[str, Sequence[Span]]) -> None:
        leaves = list(_leaves(space))
        images = [path for path, box in leaves if _is_image(box)]
        self._images = dict(zip(_names(images), images, strict=True))
        boxes = {path: box for path, box in leaves if path not in images}
        self._raw = [Part(_key(path), box, _getter(path)) for path, box in boxes.items()]
        self._parts = _with_goal(self._raw)
        self.cameras = {name: _size(space, path) for name, path in self._images.items()}
        self.names = tuple(
            f"{part.key}.{index}"
            for part in self._parts
            for index in range(int(np.prod(part.box.shape)))
        )
        known = [part.key for part in self._parts]
        if unknown := ranges.keys() - {*known}:
            raise ConfigError(
                f"robot.ranges.{min(unknown)}: no numbers of that key are observed, only those of "
                f"{', '.join(known) or 'none'}"
            )
        spans = [_range(part, ranges.get(part.key)) for part in self._parts]
        self.limits: F32 = np.concatenate([np.zeros((0, 2)), *spans]).astype(np.float32)

    def numbers(self, observation: Any) -> F32:
        """All numbers (m,) of an observation."""
        found = [np.ravel(part.of(observation)) for part in self._parts]
        numbers: F32 = np.concatenate([np.zeros(0), *found]).astype(np.float32)
        return numbers

    def images(self, observation: Any) -> dict[str, U8]:
        """Its images (H, W, 3) by camera."""
        return {name: np.array(_at(observation, path)) for name, path in self._images.items()}

    def objects(self, observation: Any) -> dict[str, F32]:
        """Its numbers as they are, by key."""
        return {part.key: np.array(part.of(observation), np.float32) for part in self._raw}


Path = tuple[str, ...]  # of keys; none where the space is no Dict


def _leaves(space: Space[Any], above: Path = ()) -> Iterator[tuple[Path, spaces.Box]]:
    """The Boxes of a space, with their places. Raises ConfigError for another kind of space."""
    if isinstance(space, spaces.Dict):
        for key, inner in space.spaces.items():
            yield from _leaves(inner, (*above, str(key)))
        return
    flat = isinstance(space, spaces.Box) and (len(space.shape) < 2 or space.dtype != np.uint8)
    if not flat and not _is_image(space):
        where = f" at {_key(above)}" if above else ""
        raise ConfigError(
            f"robot.env_id: its observation has {space}{where}, and only Boxes of numbers and of "
            "images (H, W, 3) of uint8, and Dicts of these, can be observed: wrap it into some"
        )
    assert isinstance(space, spaces.Box)
    yield above, space


def _is_image(space: Space[Any]) -> bool:
    shape = space.shape or ()
    return space.dtype == np.uint8 and len(shape) == 3 and shape[2] == 3


def _key(path: Path) -> str:
    return ".".join(path) or "observation"


def _names(images: list[Path]) -> list[str]:
    """What cameras are called: by their own key, where that is no other's too."""
    short = [path[-1] if path else "image" for path in images]
    alone = len({*short}) == len(short)
    names = short if alone else ["_".join(path) for path in images]
    return [re.sub(r"[^\w .-]", "_", name) for name in names]


def _size(space: Space[Any], path: Path) -> tuple[int, int]:
    for key in path:
        assert isinstance(space, spaces.Dict)
        space = space.spaces[key]
    assert space.shape is not None
    return space.shape[0], space.shape[1]


def _at(observation: Any, path: Path) -> Any:
    for key in path:
        observation = observation[key]
    return observation


def _getter(path: Path) -> Callable[[Any], NDArray[Any]]:
    return lambda observation: np.asarray(_at(observation, path))


def _with_goal(parts: list[Part]) -> list[Part]:
    """The parts, with the offset to the goal in the place of a goal-conditioned space's goal."""
    if not {part.key for part in parts} >= _GOALS:
        return parts
    by_key = {part.key: part for part in parts}
    achieved, desired = by_key["achieved_goal"], by_key["desired_goal"]
    endless = spaces.Box(-np.inf, np.inf, desired.box.shape)
    offset = Part("goal", endless, lambda seen: desired.of(seen) - achieved.of(seen))
    return [offset if part is desired else part for part in parts]


def _range(part: Part, given: Sequence[Span] | None) -> NDArray[Any]:
    """What normalises to -1 and 1 (k, 2), of each of its numbers."""
    count = int(np.prod(part.box.shape))
    if given is None:
        ends = np.stack([part.box.low.ravel(), part.box.high.ravel()], axis=1).astype(float)
        known = (np.abs(ends) < _ENDLESS).all(axis=1) & (ends[:, 0] < ends[:, 1])
        return np.where(known[:, None], ends, (-1.0, 1.0))
    if len(given) == 1:
        return np.tile(given, (count, 1))
    if len(given) != count:
        raise ConfigError(
            f"robot.ranges.{part.key}: {len(given)} spans, and it has {count} numbers: set one for "
            "each, or one span for all"
        )
    return np.array(given)
