"""Which of SDL's codes belongs to which key of ``configs.manual.KEYS``."""

from __future__ import annotations

from types import MappingProxyType

import pygame

from configs.manual import KEYS

_MODIFIERS = {
    f"{side}{key}": f"{side[0]}{key}"
    for side in ("left", "right")
    for key in ("shift", "ctrl", "alt")
}


def _constant(prefix: str, name: str) -> int:
    name = _MODIFIERS.get(name, name)
    letter = len(name) == 1 and prefix == "K_"
    code: int = getattr(pygame, prefix + (name if letter else name.upper()))
    return code


KEYCODES = MappingProxyType({name: _constant("K_", name) for name in KEYS})
SCANCODES = MappingProxyType({name: _constant("KSCAN_", name) for name in KEYS})
_BY_KEYCODE = {code: name for name, code in KEYCODES.items()}
_BY_SCANCODE = {code: name for name, code in SCANCODES.items()}


def name_of(keycode: int, scancode: int) -> str | None:
    """The key's name: by what is printed on it, else (other alphabets) by where it is."""
    return _BY_KEYCODE.get(keycode) or _BY_SCANCODE.get(scancode)
