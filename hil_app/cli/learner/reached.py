"""A learner of a cluster, for the commands about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from configs.learning.learner import NAMED
from configs.options.parser import Parser
from hil_app.remote import cluster
from hil_app.remote.membership import here
from hil_app.support.wire import Message, packed, unpacked

OWN = "auto"  # what Ray calls the cluster that this computer is in
HOME = "~/.local/share/hil-app/learners"  # of what learners keep, on their machine


def parser_of(command: str, description: str) -> Parser:
    """With the options that all of them have."""
    parser = Parser(f"hil-app learner {command}", description)
    parser.add_argument(
        "--address",
        default=OWN,
        metavar="HOST:PORT",
        help="where the cluster's head listens (default: the cluster that this computer is in)",
    )
    parser.add_argument(
        "--name", default="learner", type=named, help="the learner's (default: learner)"
    )
    return parser


def named(text: str) -> str:
    """A learner's name; ConfigError if it cannot be one."""
    if re.fullmatch(NAMED, text) is None:
        raise ConfigError(f"--name: {text!r} is not letters, digits, '.', '_' and '-'")
    return text


def folder_of(name: str) -> Path:
    """Where a learner keeps its checkpoints, unless it is told."""
    return Path(HOME).expanduser() / name


@contextmanager
def reached(address: str) -> Iterator[Any]:
    """Ray, connected to the cluster. Raises ConfigError or ClusterError."""
    own = here() if address == OWN else None
    ray = cluster.connect(address if own is None else own.address)
    try:
        yield ray
    finally:
        ray.shutdown()


def find(ray: Any, name: str) -> Any | None:
    """The handle of a learner; None if there is none of that name."""
    try:
        return ray.get_actor(name)
    except ValueError:
        return None


def must_find(ray: Any, name: str) -> Any:
    """The handle of a learner. Raises ConfigError that names those there are."""
    found = find(ray, name)
    if found is None:
        known = [
            one["name"]
            for one in ray.util.list_named_actors(all_namespaces=True)
            if one["namespace"] == cluster.NAMESPACE
        ]
        there = f"there are {', '.join(known)}" if known else "there is none yet"
        raise ConfigError(
            f"the cluster has no learner {name}; {there}: `hil-app learner start --name={name}`"
        )
    return found


def asked(ray: Any, learner: Any, kind: str, patience_s: float = 60.0) -> Message:
    """What a learner answers. Raises ClusterError that says why it does not."""
    try:
        message = unpacked(ray.get(learner.call.remote(packed(kind)), timeout=patience_s))
    except Exception as error:
        said = " ".join(str(error).split())
        raise cluster.ClusterError(f"the learner does not answer: {said[-300:]}") from error
    if message.kind == "refused":
        raise cluster.ClusterError(message.facts["cause"])
    return message
