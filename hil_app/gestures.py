"""What moved while a person pressed, pulled or pushed one control of an unknown joystick."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from configs.manual import TRIGGERS
from teleop.words import AXES

if TYPE_CHECKING:
    from teleop.joysticks import RawState

_MOVED, _BACK = 0.5, 0.25  # share of an axis' way from where it rests
_END = 0.8  # an axis beyond this is at its end
_SETTLE_S = 0.1  # for so long all must rest: buttons bounce
_HATS = {(0, 1): 1, (1, 0): 2, (0, -1): 4, (-1, 0): 8}  # as SDL counts up, right, down, left


class Gesture:
    """One movement of ``control``, from where all rests until all rests again.

    ``source`` is then where the control is, as SDL writes it: a button (b3), a direction of a hat
    (h0.1), an axis (a2), one that is the wrong way round (a2~), or half of one (+a2). It is None if
    nothing moved that could be this control.
    """

    def __init__(self, control: str, rest: RawState) -> None:
        self._control, self._rest = control, rest
        self._axes: dict[int, float] = {}  # furthest ways from rest, of those that moved
        self._buttons: list[int] = []
        self._hats: list[str] = []
        self._settled: float | None = None  # since then all rests [s]
        self._last = rest

    def ended(self, state: RawState, now: float) -> bool:
        """Take the joystick's ``state`` in at ``now`` [s]; whether the movement is over."""
        self._last = state
        for axis, value in enumerate(state.axes):
            way, most = _share(value, self._rest.axes[axis]), self._axes.get(axis)
            if abs(way) > _MOVED if most is None else way / most > 1:
                self._axes[axis] = way
        held = [place for place, down in enumerate(state.buttons) if down]
        held = [place for place in held if not self._rest.buttons[place]]
        self._buttons += [place for place in held if place not in self._buttons]
        for place, (right, up) in enumerate(state.hats):
            if (way_of_hat := _HATS.get((round(right), round(up)))) is not None:
                self._hats.append(f"h{place}.{way_of_hat}")
        if held or any(hat != (0, 0) for hat in state.hats) or not self._axes_back():
            self._settled = None
            return False
        if self._settled is None:
            self._settled = now
        moved = bool(self._axes or self._buttons or self._hats)
        return moved and now - self._settled >= _SETTLE_S

    @property
    def source(self) -> str | None:
        """Where the control is, once the movement is over."""
        return next(self._sources(), None)

    def _axes_back(self) -> bool:
        return all(
            abs(_share(self._last.axes[axis], self._rest.axes[axis])) < _BACK
            or self._rests_elsewhere(axis)
            for axis in self._axes
        )

    def _rests_elsewhere(self, axis: int) -> bool:
        """A trigger whose driver told no value before it was first pulled: it seemed to be at 0."""
        untold = abs(self._rest.axes[axis]) < _BACK and self._control not in AXES
        return untold and self._last.axes[axis] * self._axes[axis] < 0 and self._at_end(axis)

    def _at_end(self, axis: int) -> bool:
        return abs(self._last.axes[axis]) > _END

    def _sources(self) -> Iterator[str]:
        """Where it may be, the likeliest first."""
        axes = sorted(self._axes, key=lambda axis: -abs(self._axes[axis]))
        if self._control in AXES:
            yield from (f"a{axis}" if self._axes[axis] > 0 else f"a{axis}~" for axis in axes)
            return
        pressed = [*(f"b{place}" for place in self._buttons), *self._hats]
        pulled = [self._pulled(axis) for axis in axes]
        yield from (*pulled, *pressed) if self._control in TRIGGERS else (*pressed, *pulled)

    def _pulled(self, axis: int) -> str:
        """An axis that is pressed like a button: all of its way, or the half that it takes."""
        up = self._axes[axis] > 0
        if abs(self._rest.axes[axis]) > _MOVED or self._rests_elsewhere(axis):
            return f"a{axis}" if up else f"a{axis}~"
        return f"+a{axis}" if up else f"-a{axis}"


def clash(one: str, other: str) -> bool:
    """Whether two sources are the same button, direction or (half of an) axis."""
    if "a" not in one or one.strip("+-~") != other.strip("+-~"):
        return one == other
    return {one[0], other[0]} != {"+", "-"}


def _share(value: float, rest: float) -> float:
    """How far ``value`` is from ``rest``, as a share of the way there is in that direction."""
    return (value - rest) / (1 - rest if value > rest else 1 + rest or 1.0)
