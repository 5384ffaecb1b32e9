"""Gamepads: those that are seen, and whether the one that a run names can be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from configs.manual import ManualConfig
from hil_app.checks.finding import Finding, Findings, note, of_message, ok, problem
from hil_app.checks.machine import join_group
from hil_app.checks.probe import probe

_REPAIR = "install it again: pip install --force-reinstall pygame hidapi"


def gamepads(*, needed: bool = False) -> Findings:
    """The gamepads there are, however they can be read.

    None is fine, unless the run has ``needed`` one, of which :func:`teleop` tells.
    """
    outcome = probe("gamepads")
    found = [finding for answer in outcome.answers for finding in _of(answer, outcome.answers)]
    yield from found
    if outcome.crash:
        yield note(f"gamepads cannot be looked for: {outcome.crash}", _REPAIR)
    elif not found and not needed:
        yield ok("no gamepad is connected")


def _of(answer: dict[str, Any], answers: list[dict[str, Any]]) -> Iterator[Finding]:
    """What one answer of the probe says."""
    match answer:
        case {"error": message}:
            found = of_message(message)
            yield note(found.fact, found.remedy)
        case {"pad": name, "known": True}:
            yield ok(name)
        case {"pad": name}:
            yield note(
                f"{name}: SDL does not know what its buttons are",
                "assign them once: hil-app gamepad setup",
            )
        case {"joystick": name, "sizes": sizes}:
            yield ok(f"{name} with {sizes} is no gamepad")
        case {"unreadable": name, "node": node}:
            yield note(f"{name} is plugged in, but {node} may not be read", join_group(node))
        case {"hid": name, "rule": None}:
            yield ok(f"{name}, for teleop.type gamepad_hid too")
        case {"hid": name, "rule": rule} if not any(one.get("known") for one in answers):
            yield note(f"{name}: teleop.type gamepad_hid may not use it", rule)


def teleop(config: ManualConfig) -> Findings:
    """Whether an operator can take over with the device that ``config`` names."""
    if config.in_window:
        yield ok("the operator takes over with the keys, while the window has the focus")
        return
    if config.in_browser:
        yield ok(f"the operator takes over {config.how}")
        return
    if getattr(config, "virtual", None) is not None:
        yield ok("a virtual gamepad takes over")
        return
    outcome = probe("gamepad", config.model_dump_json())
    for answer in outcome.answers:
        if "error" in answer:
            yield of_message(answer["error"])
        else:
            yield ok(f"the operator takes over with {answer['name']}")
    if outcome.crash:
        yield problem(f"the gamepad cannot be used: {outcome.crash}", _REPAIR)
