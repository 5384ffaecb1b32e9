"""What moved while the operator pressed, pulled or pushed one control of an unknown joystick."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from configs.manual import TRIGGERS
from teleop.words import AXES

if TYPE_CHECKING:
    from teleop.gamepad.joysticks import RawState

_MOVED, _BACK = 0.5, 0.25  # share of an axis' way from where it rests
_END = 0.95  # an axis beyond this is at its end
_JITTER = 0.05  # an axis that stands still may tremble so much
_FEW = 3  # places that are told of what is moved as one presses a button
_SETTLE_S = 0.1  # for so long all must rest: buttons bounce
_PAUSE_S = 0.5  # so long a finger may pause on its way
_HATS = {(0, 1): 1, (1, 0): 2, (0, -1): 4, (-1, 0): 8}  # as SDL counts up, right, down, left


class BindingCapture:
    """One movement of ``control``, from where all rests until all rests again.

    ``source`` is then where the control is, as SDL writes it: a button (b3), a direction of a hat
    (h0.1), an axis (a2), one that is the wrong way round (a2~), or half of one (+a2). It is None if
    nothing moved that could be this control.
    """

    def __init__(self, control: str, rest: RawState) -> None:
        self._control, self._rest = control, rest
        self._paths = [_Path(value) for value in rest.axes]
        self._buttons: list[int] = []
        self._hats: list[str] = []
        self._settled: float | None = None  # since then all rests [s]

    def ended(self, state: RawState, now: float) -> bool:
        """Take the joystick's ``state`` in at ``now`` [s]; whether the movement is over."""
        moving = [path.goes_on(value) for path, value in zip(self._paths, state.axes, strict=True)]
        held = [place for place, down in enumerate(state.buttons) if down]
        held = [place for place in held if not self._rest.buttons[place]]
        self._buttons += [place for place in held if place not in self._buttons]
        pushed = [place for place, hat in enumerate(state.hats) if hat != (0, 0)]
        pushed = [place for place in pushed if state.hats[place] != self._rest.hats[place]]
        for place in pushed:
            right, up = state.hats[place]
            if (direction_of_hat := _HATS.get((round(right), round(up)))) is not None:
                self._hats.append(f"h{place}.{direction_of_hat}")
        waits = [path.wait_s for path in self._paths]
        moved = bool(self._axes or self._buttons or self._hats)
        going_on = any(moving) or held or pushed
        if not moved or going_on or None in waits:
            self._settled = None  # all rest only after something has moved
            return False
        if self._settled is None:
            self._settled = now
        return now - self._settled >= max(filter(None, waits), default=_SETTLE_S)

    @property
    def source(self) -> str | None:
        """Where the control is, once the movement is over."""
        return next(self._sources(), None)

    @property
    def _axes(self) -> dict[int, float]:
        """The furthest way from rest of each axis that moved, as a share."""
        directions = {axis: path.furthest for axis, path in enumerate(self._paths)}
        return {
            axis: direction for axis, direction in directions.items() if abs(direction) > _MOVED
        }

    def _sources(self) -> Iterator[str]:
        """Where it may be, the likeliest first."""
        moved = self._axes
        axes = sorted(moved, key=lambda axis: -abs(moved[axis]))
        if self._control in AXES:
            yield from (f"a{axis}" if moved[axis] > 0 else f"a{axis}~" for axis in axes)
            return
        pressed = [*(f"b{place}" for place in self._buttons), *self._hats]
        pulled = [_pulled(axis, moved[axis], self._paths[axis].last) for axis in axes]
        yield from (*pulled, *pressed) if self._control in TRIGGERS else (*pressed, *pulled)


class _Path:
    """The way of one axis, of which its driver may tell the wrong ``start`` until it moves.

    So the start counts as a place where it was only if its way goes on from there. An axis rests
    where it comes to rest: where it was before, or beyond where it was first told on its way out.
    """

    def __init__(self, start: float) -> None:
        self.last = start
        self._start = self._still = start
        self._turns: list[float] = []  # told places at which it turned round, the last one the end
        self._places = 0  # that were told

    def goes_on(self, value: float) -> bool:
        """Be at ``value``; whether it moves."""
        if value != self.last:
            self._turn(value)
        self.last = value
        if abs(value - self._still) <= _JITTER:
            return False
        self._still = value
        return self._wide

    @property
    def furthest(self) -> float:
        """The furthest it was from where it rests now, as a share of the way there is.

        Less than it takes to tell where it rests is no movement, and 0.
        """
        if not self._wide:
            return 0.0
        return _share(max(self._turns, key=lambda turn: abs(turn - self.last)), self.last)

    @property
    def wait_s(self) -> float | None:
        """How long it must stand still here to be at rest [s]; None if it cannot be."""
        if not self._wide or self._was_here or self._passed:
            return _SETTLE_S
        here = max(abs(self.last - self._start), abs(self._start)) < _BACK
        pressed = self._places == 2 and abs(self._turns[0]) > _END  # like a button
        if pressed or (here and self._places <= _FEW):
            return _SETTLE_S
        return _PAUSE_S if here else None

    @property
    def _wide(self) -> bool:
        return bool(self._turns) and max(self._turns) - min(self._turns) > _MOVED

    @property
    def _was_here(self) -> bool:
        return any(abs(turn - self.last) < _BACK for turn in self._turns[:-1])

    @property
    def _passed(self) -> bool:
        """Whether it was on both sides of where it was first told."""
        first = self._turns[0]
        return min(self._turns) < first - _JITTER and max(self._turns) > first + _JITTER

    def _turn(self, value: float) -> None:
        """Be told ``value``, another than before."""
        turns, self._places = self._turns, self._places + 1
        if not turns:
            near = abs(value - self._start) < _MOVED
            turns += [self._start, value] if near else [value]
        elif len(turns) > 1 and (value - turns[-1]) * (turns[-1] - turns[-2]) >= 0:
            turns[-1] = value
        elif len(turns) == 1 or abs(value - turns[-1]) > _BACK:
            turns.append(value)


def _pulled(axis: int, direction: float, rest: float) -> str:
    """An axis that is pressed like a button: all of its way, or the half that it takes."""
    if abs(rest) > _MOVED:
        return f"a{axis}" if direction > 0 else f"a{axis}~"
    return f"+a{axis}" if direction > 0 else f"-a{axis}"


def clash(one: str, other: str) -> bool:
    """Whether two sources are the same button, direction or (half of an) axis."""
    if "a" not in one or one.strip("+-~") != other.strip("+-~"):
        return one == other
    return {one[0], other[0]} != {"+", "-"}


def _share(value: float, rest: float) -> float:
    """How far ``value`` is from ``rest``, as a share of the way there is in that direction."""
    return (value - rest) / ((1 - rest if value > rest else 1 + rest) or 1.0)
