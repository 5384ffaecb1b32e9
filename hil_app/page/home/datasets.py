"""Datasets that there are, for the browser: looked at episode by episode, and edited."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute

from hil_app.datasets.editing.change import Changed, edit_in_place, purge, save_as, undo
from hil_app.datasets.editing.edits import parse_edit
from hil_app.datasets.places import check_new
from hil_app.page.home.api import Api, Asked, Busy, NotHere, Refused
from hil_app.page.home.episodes import (
    images_of,
    listed_dataset,
    shown_dataset,
    shown_episode,
    state_of,
)
from hil_app.page.home.places import Places
from hil_app.recording.dataset import Dataset

_LONGEST_NAME = 100  # of a new dataset
_MOST_IMAGES = 32  # in one answer


def routes(api: Api, places: Places) -> list[BaseRoute]:
    """What a browser may ask about datasets, and do with them."""

    def named(asked: Asked) -> Path:
        return places.dataset(asked.place["kind"], asked.place["name"])

    def listed(_: Asked) -> Any:
        found = [listed_dataset(name, path) for name, path in places.datasets().items()]
        return sorted(found, key=lambda one: -one["changed"])

    def whole(asked: Asked) -> Any:
        return shown_dataset(named(asked))

    def episode(asked: Asked) -> Any:
        dataset = Dataset(named(asked))
        return shown_episode(dataset, _episode(asked, dataset), api.site.link_to)

    def images(asked: Asked) -> Any:
        dataset = Dataset(named(asked))
        first, count = (_number(asked.query.get(key, "")) for key in ("first", "count"))
        camera, count = asked.query.get("camera", ""), min(count, _MOST_IMAGES)
        return images_of(dataset, _episode(asked, dataset), camera, first, count)

    def edited(asked: Asked) -> Any:
        root, edit = named(asked), parse_edit(json.dumps(asked.body.get("edit")))
        _check_state(root, asked)
        if (name := asked.body.get("to")) is None:
            return _said(edit_in_place(root, edit))
        new = _new(places, name)
        return {**_said(save_as(root, edit, new)), "name": f"data/{new.name}"}

    def changed(change: Callable[[Path], Any]) -> Callable[[Asked], Any]:
        def answer(asked: Asked) -> Any:
            root = named(asked)
            _check_state(root, asked)
            change(root)
            return {}

        return answer

    one = "/datasets/{kind}/{name}"
    return [
        api.get("/datasets", listed),
        api.get(one, whole),
        api.post(f"{one}/edit", edited),
        api.post(f"{one}/undo", changed(undo)),
        api.post(f"{one}/purge", changed(purge)),
        api.get(f"{one}/{{episode}}", episode),
        api.get(f"{one}/{{episode}}/images", images),
    ]


def _check_state(root: Path, asked: Asked) -> None:
    """Busy if the dataset is another one than the browser has looked at: numbers mean others."""
    if asked.body.get("state") != state_of(root):
        raise Busy("this dataset has changed since you looked at it: load it again")


def _episode(asked: Asked, dataset: Dataset) -> int:
    number = _number(asked.place["episode"])
    if number >= len(dataset.episodes):
        raise NotHere(f"there is no episode {number}")
    return number


def _number(said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise Refused("a number is expected")
    return int(said)


def _new(places: Places, name: Any) -> Path:
    """Where a new dataset with this name goes."""
    plain = isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and not name.startswith(".")
    if not plain or not all(letter.isalnum() or letter in " -_." for letter in name):
        raise Refused("the name of a dataset has letters, digits, spaces, and - _ . in it")
    new = places.data / str(name)
    if new.is_symlink() or new.exists():
        raise Refused(f"there is a {new} already: choose another name")
    check_new(new)
    return new


def _said(made: Changed) -> dict[str, Any]:
    return {"episodes": made.episodes, "frames": made.frames}
