"""What the person has in hand; loads no torch, for commands that learn nothing."""

from __future__ import annotations

from configs.manual import GamepadConfig, GamepadHIDConfig, KeyboardConfig, Manual
from teleop.device import Device
from teleop.window.client import Window


def window_with_keys(config: KeyboardConfig, title: str, *, wrist: bool) -> Window:
    """The window that a keyboard's keys are pressed in."""
    from teleop.keyboard import key_help

    return Window(title, key_help(config, wrist=wrist), config.virtual)


def device(config: Manual, window: Window | None, stop_key: str | None = None) -> Device:
    """What the person has in hand; only its own library is loaded.

    A keyboard's keys are pressed in the ``window``; closing that presses ``stop_key``.
    """
    match config:
        case GamepadConfig():
            from teleop.gamepad.pad import SDLPad

            return SDLPad(config)
        case GamepadHIDConfig():
            from teleop.gamepad.hid import HIDPad

            return HIDPad(config)
        case KeyboardConfig():
            from teleop.keyboard import KeyboardWindow

            assert window is not None
            return KeyboardWindow(window, stop_key)
