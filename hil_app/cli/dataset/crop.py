"""``hil-app dataset crop``: a copy whose images show a part of what the cameras saw."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.options.parser import Parser
from configs.text.paths import expanded
from hil_app.cli.dataset.options import add_root, in_sight
from hil_app.support.outputs import carry_on
from hil_app.support.words import plural

if TYPE_CHECKING:
    from hil_app.datasets.crop import Cropped, Region
    from hil_app.recording.dataset import Dataset
    from hil_app.recording.images.decoding import Size

DESCRIPTION = """\
Write a copy of a dataset whose images show a part of what the cameras saw, resized if wanted, and
print the config lines that have a run see the same. Numbers stay as they are. Without --roi and
--resize, choose the part of each camera with the mouse.

  hil-app dataset crop data/lift --out data/lift_cropped
  hil-app dataset crop data/lift --out data/lift_128 --roi front=40,80,160,160 --resize 128,128
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app dataset crop", DESCRIPTION)
    add_root(parser)
    parser.add_argument(
        "--out", type=expanded, required=True, metavar="NEW", help="the copy's folder, which is new"
    )
    parser.add_argument(
        "--roi",
        type=_region,
        action="append",
        default=[],
        metavar="CAMERA=TOP,LEFT,HEIGHT,WIDTH",
        help="the part to keep of a camera [px]; once for each camera",
    )
    parser.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="CAMERA",
        help="choose the part of this camera with the mouse; may be given several times",
    )
    parser.add_argument(
        "--resize",
        type=_size,
        metavar="HEIGHT,WIDTH",
        help="size of every image after that [px]",
    )
    options = parser.parse_args(list(argv))
    carry_on()
    from hil_app.datasets.places import check_new, making
    from hil_app.recording.dataset import Dataset
    from hil_app.runs.folder import dataset_of

    dataset = Dataset(dataset_of(options.root))
    check_new(options.out)
    with making(options.out) as draft:
        _crop(dataset, draft, options)
    return 0


def _crop(dataset: Dataset, draft: Path, options: argparse.Namespace) -> None:
    from hil_app.datasets.crop import crop

    regions = dict(options.roi)
    cameras = options.camera or ([] if regions or options.resize else dataset.cameras)
    regions |= _chosen(dataset, [name for name in cameras if name not in regions])
    made = crop(dataset, draft, regions, options.resize, lambda all: in_sight(all, "cropping"))
    _tell(made, options.out, regions, options.resize)


def _chosen(dataset: Dataset, cameras: Sequence[str]) -> dict[str, Region]:
    """What an operator chooses on the first images of the dataset."""
    from hil_app.datasets.places import check_episode
    from hil_app.datasets.region import choose

    if cameras:
        check_episode(dataset, 0)
    return {name: choose(name, next(dataset.images(0, name))) for name in cameras}


def _tell(made: Cropped, out: Path, regions: dict[str, Region], resize: Size | None) -> None:
    episodes, frames = plural(made.episodes, "episode"), plural(made.frames, "frame")
    print(f"{out}: {episodes}, {frames}")
    for camera, (height, width) in made.sizes.items():
        print(f"  {camera}: {height} high, {width} wide")
    if made.left_out:
        what = plural(made.left_out, "last frame")
        print(f"{what} left out, with nothing recorded after")
    if made.lost:
        print(f"columns left out: {', '.join(made.lost)}")
    print("To have a run see the same, of cameras that it neither crops nor resizes yet:")
    print("processor:\n  images:")
    for camera, region in regions.items():
        start = "    crop:\n" if camera == next(iter(regions)) else ""
        print(f"{start}      {camera}: {list(region)}  # top, left, height, width [px]")
    if resize is not None:
        print(f"    resize: {list(resize)}  # height, width [px]")


def _region(said: str) -> tuple[str, Region]:
    camera, _, numbers = said.partition("=")
    found = _numbers(numbers)
    if not camera or len(found) != 4 or 0 in found[2:]:
        raise argparse.ArgumentTypeError(f"{said} is no CAMERA=TOP,LEFT,HEIGHT,WIDTH")
    top, left, height, width = found
    return camera, (top, left, height, width)


def _size(said: str) -> Size:
    found = _numbers(said)
    if len(found) != 2 or 0 in found:
        raise argparse.ArgumentTypeError(f"{said} is no HEIGHT,WIDTH")
    height, width = found
    return height, width


def _numbers(said: str) -> list[int]:
    """Whole numbers between commas; none if there is something else."""
    parts = [part.strip() for part in said.split(",")]
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else []
