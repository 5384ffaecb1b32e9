"""The step of a set-up that says which camera is which."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from configs.camera import CameraName
from hil_app.cli import find_cameras
from hil_app.cli.arm.guide import Guide
from hil_app.cli.setup.draft import Draft
from robots.camera.finding import FoundCamera, cameras

_FOLDER = Path("cameras")  # where the images go, as of `hil-app find-cameras`
_PLACE = ("robot", "cameras")
_NONE = "-"
_NAME: TypeAdapter[str] = TypeAdapter(CameraName)


def state(draft: Draft) -> str | None:
    """The cameras by name."""
    found = draft.at(*_PLACE)
    return (", ".join(found) or "none") if isinstance(found, dict) else None


def choose(guide: Guide, draft: Draft, also: Sequence[str]) -> bool:
    """Look at the cameras, ``also`` among them, and have the operator name them."""
    while True:
        with guide.busy("looking at the cameras ..."):
            found = list(cameras(also))
            images = find_cameras.save_images(found, _FOLDER)
        if found:
            find_cameras.show(guide, found, images)
        else:
            guide.problem(f"{find_cameras.none_found()}.")
        if images or guide.agrees("Go on without cameras (n: look again)?"):
            break
    draft.put({_PLACE: _named(guide, [one for one in found if one.view is not None])})
    return True


def _named(guide: Guide, found: Sequence[FoundCamera]) -> dict[str, dict[str, Any]]:
    """The cameras by the names that the operator gives them, those left out that get none."""
    named: dict[str, dict[str, Any]] = {}
    if found:
        guide.say(
            f"Name each camera, by its image in {_FOLDER}/. Their order is that of the policy's "
            f"images; {_NONE} leaves one out."
        )
    for one in found:
        if name := _name(guide, one, named):
            named[name] = find_cameras.settings(one)
    return named


def _name(guide: Guide, camera: FoundCamera, taken: Collection[str]) -> str | None:
    """What ``camera`` is to be called; None to leave it out."""
    suggested = find_cameras.suggested_name(len(taken))
    while True:
        name = guide.ask_text(f"Name of camera {camera.source} (Enter: {suggested})") or suggested
        if name == _NONE:
            return None
        try:
            _NAME.validate_python(name)
        except ValidationError:
            guide.problem("A name has letters and digits, and begins with one.")
            continue
        if name not in taken:
            return name
        guide.problem(f"There is a {name} already.")
