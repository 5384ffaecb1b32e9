"""Frames and rows as messages: what learning reads of them, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from hil_app.learning.buffer.returns import Row
from hil_app.learning.experience import Experience, Observation
from hil_app.support.wire import Message

_STATE, _NEXT = "state.", "next."  # how the names of an observation's arrays begin
_NUMBERS = ("reward", "discrete_penalty")
_FLAGS = ("success", "terminated", "truncated", "is_intervention", "rerecord", "after_pause")
_ROW_NUMBERS = ("reward", "discrete_penalty", "discount")
_ROW_FLAGS = ("done", "truncated", "is_intervention")
_GOES_ON = "goes_on"  # the frame begins where the last one sent has ended: that is sent once


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A tick as it arrives (see `Experience`); ``number`` is its message's."""

    number: int
    observation: Observation
    action: NDArray[np.float32]
    policy_action: NDArray[np.float32]
    next_observation: Observation
    reward: float
    discrete_penalty: float
    success: bool
    terminated: bool
    truncated: bool
    is_intervention: bool
    rerecord: bool
    after_pause: bool

    @property
    def done(self) -> bool:
        """Whether the episode ends here."""
        return self.terminated or self.truncated


class FramePacker:
    """Packs frames in the order in which they are sent, for a `FrameUnpacker` on the other side."""

    def __init__(self) -> None:
        self._last: Observation | None = None

    def pack(self, frame: Experience) -> tuple[dict[str, Any], bytes]:
        """Facts and arrays of a message."""
        facts: dict[str, Any] = {name: float(getattr(frame, name)) for name in _NUMBERS}
        facts |= {name: bool(getattr(frame, name)) for name in _FLAGS}
        facts[_GOES_ON] = frame.observation is self._last
        self._last = frame.next_observation
        arrays = {"action": frame.action, "policy_action": frame.policy_action}
        arrays |= _named(_NEXT, frame.next_observation)
        if not facts[_GOES_ON]:
            arrays |= _named(_STATE, frame.observation)
        return facts, _saved(arrays)


class FrameUnpacker:
    """Unpacks what a `FramePacker` has packed, in the same order."""

    def __init__(self) -> None:
        self._last: Observation = {}

    def unpack(self, number: int, message: Message) -> SentFrame:
        """The frame of a message. KeyError or ValueError if something is missing."""
        arrays, facts = load(message.arrays), message.facts
        state = self._last if facts[_GOES_ON] else _taken(_STATE, arrays)
        self._last = _taken(_NEXT, arrays)
        return SentFrame(
            number=number,
            observation=state,
            next_observation=self._last,
            action=arrays["action"],
            policy_action=arrays["policy_action"],
            **{name: facts[name] for name in (*_NUMBERS, *_FLAGS)},
        )


def pack_row(row: Row) -> tuple[dict[str, Any], bytes]:
    """Facts and arrays of a message that has a row."""
    arrays = {"action": row.action, **_named(_STATE, row.state), **_named(_NEXT, row.next_state)}
    facts: dict[str, Any] = {name: float(getattr(row, name)) for name in _ROW_NUMBERS}
    return facts | {name: bool(getattr(row, name)) for name in _ROW_FLAGS}, _saved(arrays)


def unpack_row(message: Message) -> Row:
    """The row of a message."""
    arrays = load(message.arrays)
    facts = {name: message.facts[name] for name in (*_ROW_NUMBERS, *_ROW_FLAGS)}
    state, next_state = _taken(_STATE, arrays), _taken(_NEXT, arrays)
    return Row(state=state, next_state=next_state, action=arrays["action"], **facts)


def _saved(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """As safetensors has them, which takes arrays for what they are only if they lie in order."""
    return save({name: np.require(array, requirements="C") for name, array in arrays.items()})


def _named(prefix: str, observation: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{key}": value for key, value in observation.items()}


def _taken(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
