"""``hil-app find-cameras``: which cameras there are, and how to name them to a run."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.camera import FASTEST
from configs.options.parser import Parser
from configs.text.paths import expanded, expanded_text, option
from configs.text.writing import write_whole
from robots.base import CameraError

if TYPE_CHECKING:
    from hil_app.cli.arm.guide import Guide
    from robots.camera.finding import FoundCamera

DESCRIPTION = """\
List the cameras of this computer, save an image of each, and print the options that name it to a
run. --also looks at what cannot be listed: the address of a stream, a video file, a folder of
images.
"""
_LONGEST_NAME = 50  # characters: an address ends in what sets it apart
NAMES = ("front", "wrist")  # suggested for the first cameras


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if no camera gives an image."""
    parser = Parser("hil-app find-cameras", DESCRIPTION)
    parser.add_argument(
        "--also",
        type=expanded_text,
        action="append",
        default=[],
        metavar="URL|FILE",
        help="look at this, too",
    )
    parser.add_argument(
        "--save",
        type=expanded,
        default=Path("cameras"),
        metavar="FOLDER",
        help="where the images go (default: cameras)",
    )
    options = parser.parse_args(list(argv))
    from hil_app.cli.arm.page_guide import new_guide
    from robots.camera.finding import cameras

    guide = new_guide()
    with guide.busy("looking at the cameras ..."):
        found = list(cameras(options.also))
    if not found:
        raise CameraError(none_found())
    images = save_images(found, options.save)
    show(guide, found, images)
    _suggest(guide, [one for one in found if one.view is not None])
    return 0 if images else 1


def none_found() -> str:
    """That there is no camera, and what to do."""
    remedy = "check its USB plug"
    if sys.platform == "linux":
        remedy += (
            " (`lsusb` lists what is plugged in) and that you may use it: "
            "`sudo usermod -aG video $USER`, then log in again"
        )
    return f"no camera found: {remedy}; --also looks at a stream or file"


def save_images(found: Sequence[FoundCamera], folder: Path) -> dict[int | str, Path]:
    """Save the image of each camera that gives one; CameraError if it cannot be written."""
    from robots.camera.opencv import load_opencv

    saved: dict[int | str, Path] = {}
    for one in found:
        if one.view is None:
            continue
        path = folder / f"{_name(one.source)}.png"
        if path in saved.values():
            path = path.with_stem(f"{path.stem}-{len(saved) + 1}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            png = load_opencv("find-cameras").imencode(".png", one.view.image)[1]
            write_whole(path, png.tobytes())
        except OSError as error:
            raise CameraError(f"--save: cannot write {path}: {error.strerror}") from error
        saved[one.source] = path
    return saved


def _name(source: int | str) -> str:
    """A file's name for the image of ``source``."""
    if isinstance(source, int):
        return f"video{source}"
    return re.sub(r"[^\w.-]+", "_", source).strip("_.")[-_LONGEST_NAME:] or "camera"


def show(guide: Guide, found: Sequence[FoundCamera], images: dict[int | str, Path]) -> None:
    """Show what each camera gives, and where its image is."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("camera", "name", "size", "fps", "format", "image", title="Cameras")
    for column in table.columns:
        column.overflow = "fold"
    for one in found:
        if one.view is None:
            table.add_row(str(one.source), escape(one.name), "", "", "", escape(one.problem))
            continue
        height, width = one.view.image.shape[:2]
        fps = "" if one.view.fps is None else f"{one.view.fps:.0f}"
        facts = (f"{width}x{height}", fps, one.view.fourcc or "", str(images[one.source]))
        table.add_row(escape(str(one.source)), escape(one.name), *map(escape, facts))
    guide.say(table)
    guide.images({f"camera {source}": path for source, path in images.items()})


def _suggest(guide: Guide, found: Sequence[FoundCamera]) -> None:
    """Show the options that name the cameras to a run, on a line each."""
    if not found:
        return
    guide.line("To use them (rename them as you like; their order is that of the policy's images):")
    for index, one in enumerate(found):
        block = f"robot.cameras.{suggested_name(index)}"
        words = [option(f"{block}.{key}", value) for key, value in settings(one).items()]
        guide.line(f"  {' '.join(words)}")


def suggested_name(index: int) -> str:
    """What the camera that is found as number ``index`` may be called."""
    return NAMES[index] if index < len(NAMES) else f"camera{index + 1}"


def settings(camera: FoundCamera) -> dict[str, int | str]:
    """What names a ``camera`` that gives images in a run's configuration."""
    assert camera.view is not None
    height, width = camera.view.image.shape[:2]
    facts = {"index_or_path": camera.source, "width": width, "height": height}
    if camera.view.fps is not None:
        facts["fps"] = round(min(max(camera.view.fps, 1.0), FASTEST))
    return facts
