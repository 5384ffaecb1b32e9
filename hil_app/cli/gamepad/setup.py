"""``hil-app gamepad setup``: teach a joystick that SDL does not know, by pressing its buttons."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from configs.manual import GamepadConfig
from configs.options.parser import Parser
from configs.text.paths import expanded
from configs.text.reading import shown
from hil_app.cli.arm.guide import Guide, InputEnded
from hil_app.setup.binding_capture import BindingCapture, clash
from teleop.base import TeleopError
from teleop.words import AXES, PLACES, uses
from teleop.words import place as place_of

if TYPE_CHECKING:
    from teleop.gamepad.joysticks import RawJoystick, RawState

DESCRIPTION = """\
Teach hil-app a joystick that SDL does not know as a gamepad: press what you are asked for, one
after the other. Enter alone skips what the pad does not have, b and Enter goes back a step. Nothing
is saved before you agree, and Ctrl-C is safe at any time.
"""
_ASKED = {  # in this order
    "a": "Press A, the lowest of the four buttons on the right",
    "b": "Press B, the rightmost of the four",
    "x": "Press X, the leftmost of the four",
    "y": "Press Y, the highest of the four",
    "leftshoulder": "Press the left shoulder button (LB)",
    "rightshoulder": "Press the right shoulder button (RB)",
    "lefttrigger": "Pull the left trigger (LT) all the way",
    "righttrigger": "Pull the right trigger (RT) all the way",
    "leftx": "Push the left stick to the right, and let go",
    "lefty": "Pull the left stick towards you, and let go",
    "rightx": "Push the right stick to the right, and let go",
    "righty": "Pull the right stick towards you, and let go",
    "back": "Press Back (Select, Share, −)",
    "start": "Press Start (Options, +)",
    "dpup": "Press the D-pad up",
    "dpdown": "Press the D-pad down",
    "dpleft": "Press the D-pad to the left",
    "dpright": "Press the D-pad to the right",
    "leftstick": "Press the left stick down, until it clicks",
    "rightstick": "Press the right stick down, until it clicks",
    "guide": "Press the button in the middle (Guide, Home)",
}
_LOOK_EVERY = 0.005  # [s]: shorter than any tap of a finger
_PATIENCE_S = 10.0  # for a virtual pad to be plugged in
_BACK = "b"
_NONE = "No gamepad is plugged in"
_UNSAVED = "Nothing was saved."


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if nothing was saved."""
    options = _options(argv)
    from teleop.gamepad.sdl import gamepads

    guide = Guide()
    with ExitStack() as stack:
        stack.enter_context(gamepads())
        if options.virtual is not None:
            _plug_virtual(options.virtual, stack)
        pad = _choose(options.pad, again=options.again)
        if pad.known and not options.again:
            guide.say(f"{pad.name} is known already: nothing is to be done. See what it does with")
            guide.line("  hil-app gamepad test")
            guide.say("or assign its buttons again with --again.")
            return 0
        try:
            return _taught(guide, pad)
        except KeyboardInterrupt:
            guide.say("", "Stopped: nothing was saved.")
            raise
        except InputEnded as error:
            raise InputEnded(f"{error} {_UNSAVED}") from None


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("hil-app gamepad setup", DESCRIPTION)
    parser.add_argument("--pad", default="", metavar="NAME", help="part of its name, or its ids")
    parser.add_argument("--again", action="store_true", help="even if it is known already")
    parser.add_argument(
        "--virtual",
        type=expanded,
        metavar="SOCKET",
        help="for tests: no real pad, but one that is plugged in through this local socket",
    )
    return parser.parse_args(list(argv))


def _plug_virtual(socket: Path, stack: ExitStack) -> None:
    """Wait until a virtual pad is plugged in through the ``socket``."""
    from teleop.virtual.pad import VirtualPad
    from teleop.virtual.remote import PadListener

    pad = VirtualPad()
    stack.callback(pad.unplug)
    stack.enter_context(PadListener(socket, pad.handle))
    end = monotonic() + _PATIENCE_S
    while pad.index is None:
        if monotonic() > end:
            raise TeleopError(f"No virtual pad was plugged in through {socket}.")


def _choose(name: str, *, again: bool) -> RawJoystick:
    """The joystick to teach: one that is not known, if there is any; TeleopError without one.

    One that may not be read comes before those that are known already, or no gamepads.
    """
    from teleop.gamepad.joysticks import joysticks
    from teleop.gamepad.plugged import (
        connected,
        ids_of,
        is_called,
        none_of_these,
        permission,
        unreadable,
    )
    from teleop.gamepad.sdl import SDL_ERRORS

    found = [pad for pad in connected() if pad.is_called(name)]
    ranks = [pad.place for pad in found if pad.teachable and not pad.known]
    ranks += [pad.place for pad in found if pad.known and again]
    barred = [found for found in unreadable() if is_called(name, found[0], ids_of(found[1]))]
    if barred and not ranks:
        raise TeleopError(permission(*barred[0]))
    ranks += [pad.place for pad in found if pad.known or name]
    try:
        sticks = joysticks()
    except SDL_ERRORS as error:
        raise TeleopError(f"A joystick cannot be opened, SDL says: {error}") from None
    if ranks:
        return sticks[ranks[0]]
    if name and sticks:
        names = ", ".join(pad.name for pad in sticks)
        raise TeleopError(f"--pad: no joystick is called '{shown(name, 60)}'; there are: {names}")
    raise TeleopError(f"{_NONE}{none_of_these(found)}: plug one in, or switch it on.")


def _taught(guide: Guide, pad: RawJoystick) -> int:
    """Ask for every control and save what was found; returns the exit status."""
    from teleop.gamepad.mappings import save_mapping

    guide.say(
        f"Teaching {pad.name}: do what is asked for, one thing at a time. Enter alone skips what "
        "the pad does not have; b and Enter goes back a step."
    )
    guide.ask("Let go of all of it, and press Enter.")
    found = _Lesson(guide, pad).learn()
    if not found:
        guide.say("Nothing was assigned, so nothing was saved.")
        return 1
    line = mapping(pad.guid, pad.name, found)
    guide.say(f"That is all: {len(found)} of {len(_ASKED)} controls. As SDL writes it:")
    guide.line(line)
    _warn(guide, found)
    if not guide.agrees("Save it?"):
        guide.say(_UNSAVED)
        return 1
    guide.say(f"Saved in {save_mapping(line)}. See what it does with")
    guide.line("  hil-app gamepad test")
    return 0


def mapping(guid: str, name: str, found: dict[str, str]) -> str:
    """A line of SDL's: the model, its name, and where each control is."""
    fields = [f"{control}:{source}" for control, source in found.items()]
    return ",".join([guid, " ".join(name.replace(",", " ").split()) or "Joystick", *fields, ""])


class _Lesson:
    """Where the controls of a joystick are, asked for one after the other."""

    def __init__(self, guide: Guide, pad: RawJoystick) -> None:
        self._guide, self._pad = guide, pad
        self._rest = self._look()
        self._found: dict[str, str] = {}

    def learn(self) -> dict[str, str]:
        """Where each control is, by its name; those that were skipped are not there."""
        controls, place = list(_ASKED), 0
        while place < len(controls):
            control = controls[place]
            self._guide.prompt(f"{place + 1}/{len(controls)}  {_ASKED[control]}.")
            answer = self._source(control)
            if answer == _BACK:
                place = max(0, place - 1)
                self._found.pop(controls[place], None)
                continue
            if answer:
                self._found[control] = answer
            where = place_of(control, int(control in AXES), pad=True)
            self._guide.say(f"  {where}: {answer}" if answer else "  skipped")
            place += 1
        return self._found

    def _source(self, control: str) -> str:
        """Where ``control`` is; "" if the operator skips it, "b" to go back."""
        while True:
            capture = BindingCapture(control, self._rest)
            while not any(capture.ended(state, monotonic()) for state in self._states()):
                answer = self._guide.typed(_LOOK_EVERY)
                if answer is not None and answer.lower() in ("", _BACK):
                    return answer.lower()
            self._rest = self._look()
            if (source := capture.source) is None:
                self._guide.problem("That is a button; a stick is asked for.")
                continue
            taken = [name for name, other in self._found.items() if clash(source, other)]
            if not taken:
                return source
            self._guide.problem(f"That is {PLACES[taken[0]]} already.")

    def _look(self) -> RawState:
        return self._states()[-1]

    def _states(self) -> list[RawState]:
        if (states := self._pad.states()) is None:
            raise TeleopError(f"{self._pad.name} is gone: plug it in and begin again. {_UNSAVED}")
        return states


def _warn(guide: Guide, found: dict[str, str]) -> None:
    """Tell what nothing would do, by default."""
    lost = [use.does for use in uses(GamepadConfig(), wrist=False) if use.control not in found]
    if lost:
        guide.problem(
            f"Without the controls that were skipped, nothing does: {', '.join(lost)}. Choose "
            "others for that, such as --teleop.controls.success=dpup."
        )
