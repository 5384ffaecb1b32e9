"""``hil-app gamepad``: try a gamepad or a keyboard, teach an unknown one, see what controls do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from configs.load import ConfigError
from configs.reading import shown
from hil_app.cli import gamepad_layout, gamepad_live, gamepad_setup

_COMMANDS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "test": (gamepad_live.run, "show live what every control does; nothing moves"),
    "setup": (gamepad_setup.run, "teach a joystick that is not known, by pressing its buttons"),
    "layout": (gamepad_layout.run, "print or draw what every control does"),
}


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    name, *rest = argv or ["--help"]
    if name in ("-h", "--help"):
        print("usage: hil-app gamepad COMMAND [options]\n\ncommands:")
        for known, (_, text) in _COMMANDS.items():
            print(f"  {known:<8}{text}")
        return 0
    if name not in _COMMANDS:
        raise ConfigError(f"gamepad: no '{shown(name, 60)}'; there are: {', '.join(_COMMANDS)}")
    return _COMMANDS[name][0](rest)
