"""An episode in a figure: images, and below them what happened on a timeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hil_app.datasets.track import Track, track
from hil_app.recording.dataset import Dataset
from hil_app.support.caches import for_matplotlib
from robots.base import U8

SHOWN = 8  # images of a camera
WIDTH = 13.0  # of the figure [inches]
PANEL, MARGIN = 1.35, 0.75  # heights of a panel of the timeline and of what is above it [inches]
INTERVENTION_COLOR = "tab:orange"
ENDS = {"success": "tab:green", "failure": "tab:red"}
LINES = ("tab:blue", "tab:green", "tab:purple", "tab:red", "tab:brown", "tab:olive", "tab:cyan")


def draw_figure(dataset: Dataset, episode: int, path: Path) -> None:
    """Draw an episode into a PNG. DatasetError if it cannot be read, OSError if not written."""
    for_matplotlib()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    found = track(dataset, episode)
    lacking = [camera for camera in dataset.cameras if episode in dataset.lacks(camera)]
    cameras = [camera for camera in dataset.cameras if camera not in lacking]
    rows = {camera: _images(dataset, episode, camera) for camera in cameras}
    panels = [_draw_motions]
    panels += [_draw_gripper] if found.gripper is not None else []
    panels += [_draw_reward] if found.reward is not None else []
    heights = [_height(images) for images in rows.values()] + [PANEL] * len(panels)
    figure = plt.figure(figsize=(WIDTH, sum(heights) + MARGIN), layout="constrained")
    title = ", ".join([found.title, *(f"no images of {camera}" for camera in lacking)])
    figure.suptitle(title, x=0.01, ha="left", fontsize=13)
    *above, below = figure.subfigures(
        len(rows) + 1, 1, height_ratios=[*heights[: len(rows)], PANEL * len(panels)], squeeze=False
    )[:, 0]
    for part, (camera, images) in zip(above, rows.items(), strict=True):
        _draw_images(part, camera, images, found)
    axes = below.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, draw in zip(axes, panels, strict=True):
        draw(axis, found)
        _draw_marks(axis, found)
    _draw_time(axes, found, next(iter(rows.values()), {}))
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _images(dataset: Dataset, episode: int, camera: str) -> dict[int, U8]:
    """Evenly spaced images of an episode by frame, the first and the last among them."""
    count = dataset.episodes[episode].length + (dataset.final(episode) is not None)
    wanted = set(np.linspace(0, count - 1, min(SHOWN, count)).round().astype(int).tolist())
    numbered = enumerate(dataset.images(episode, camera))
    return {number: image for number, image in numbered if number in wanted}


def _height(images: dict[int, U8]) -> float:
    """Of a row of images [inches]."""
    height, width = next(iter(images.values())).shape[:2]
    return float((WIDTH - 0.6) / max(len(images), 4) * height / width + 0.3)


def _draw_images(part: Any, camera: str, images: dict[int, U8], found: Track) -> None:
    part.supylabel(camera, fontsize=11)
    axes = part.subplots(1, len(images), squeeze=False)[0]
    for axis, (number, image) in zip(axes, images.items(), strict=True):
        axis.imshow(image, interpolation="antialiased")
        axis.set(xticks=[], yticks=[])
        which = "the end" if number == found.length else f"frame {number}"
        axis.set_title(f"{which}, {number / found.fps:.2f} s", fontsize=9, pad=3)
        interventions = any(first <= number < last for first, last in found.interventions)
        for side in axis.spines.values():
            side.set(
                color=INTERVENTION_COLOR if interventions else "0.7",
                linewidth=2.5 if interventions else 0.8,
            )


def _draw_motions(axis: Any, found: Track) -> None:
    for (name, values), colour in zip(found.motions.items(), LINES * 9, strict=False):
        axis.stairs(values, baseline=None, color=colour, linewidth=1.5, label=name)
    if found.gripper is not None:  # moves of the gripper: shares of a full one
        axis.set_ylim(-1.15, 1.15)
    axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    _name(axis, "action")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)


def _draw_gripper(axis: Any, found: Track) -> None:
    axis.stairs(found.gripper, baseline=None, color="0.2", linewidth=1.5)
    axis.set(ylim=(-0.3, 2.3), yticks=[0, 1, 2], yticklabels=["close", "stay", "open"])
    _name(axis, "gripper")
    if found.penalties:
        commands = np.asarray(found.gripper)[list(found.penalties)]
        where = np.add(found.penalties, 0.5)
        axis.plot(where, commands, "x", color="tab:red", markersize=8, label="penalty")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)


def _draw_reward(axis: Any, found: Track) -> None:
    axis.stairs(found.reward, color="tab:blue", linewidth=1.5)
    axis.stairs(found.reward, color="tab:blue", alpha=0.25, fill=True)
    rewards = np.asarray(found.reward)
    known = [0.0, 1.0, *rewards[np.isfinite(rewards)]]
    axis.set_ylim(min(known) - 0.1, max(known) + 0.1)
    _name(axis, "reward")


def _name(axis: Any, name: str) -> None:
    axis.set_ylabel(name, rotation=0, ha="right", va="center")
    axis.spines[["top", "right"]].set_visible(False)


def _draw_marks(axis: Any, found: Track) -> None:
    """Who acted, where it stood still, and how it ended."""
    for first, last in found.interventions:
        axis.axvspan(first, last, color=INTERVENTION_COLOR, alpha=0.18, linewidth=0, zorder=0)
    for frame in found.pauses:
        axis.axvline(frame, color="tab:blue", linestyle=":", linewidth=1.5)
    for frame in found.successes:
        axis.axvline(frame + 1, color=ENDS["success"], linewidth=1, alpha=0.5)
    axis.axvline(found.length, color=ENDS.get(found.end, "0.4"), linewidth=2.5)


def _draw_time(axes: Any, found: Track, images: dict[int, U8]) -> None:
    """The axis of time, with the images' places, and what the marks mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    top, bottom = axes[0], axes[-1]
    bottom.set_xlim(0, found.length * 1.005)
    bottom.set_xlabel("frame")
    for number in images:
        top.annotate(
            "▾", (number, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom",
            fontsize=9, color="0.4", annotation_clip=False,
        )  # fmt: skip
    marks: list[Any] = [Line2D([], [], color=ENDS.get(found.end, "0.4"), lw=2.5, label=found.end)]
    if found.interventions:
        marks.insert(0, Patch(color=INTERVENTION_COLOR, alpha=0.3, label="the operator acts"))
    if found.pauses:
        marks.append(Line2D([], [], color="tab:blue", linestyle=":", label="paused before"))
    bottom.legend(
        handles=marks, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False
    )
