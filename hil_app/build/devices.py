"""The operator's device; loads no torch, for commands that learn nothing."""

from __future__ import annotations

from configs.manual import ManualConfig
from configs.registry import imported
from teleop.device import Device
from teleop.window.client import Window


def window_with_keys(config: ManualConfig, title: str, *, wrist: bool) -> Window:
    """The window that a keyboard's keys are pressed in."""
    from teleop.keyboard import key_help

    return Window(title, key_help(config, wrist=wrist), getattr(config, "virtual", None))


def device(config: ManualConfig, window: Window | None, stop_key: str | None = None) -> Device:
    """The operator's device; only its own library is loaded.

    A keyboard's keys are pressed in the ``window``; closing that presses ``stop_key``.
    """
    make = imported(config.device)
    found: Device = make(window, stop_key) if config.in_window else make(config)
    return found
