"""The configuration that a set-up fills, step by step: its file says which steps are done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from configs.errors import ConfigError
from configs.load import read, validate
from configs.robot import ServoArmConfig
from configs.run import RunConfig
from configs.text.edit import edited, value_at
from configs.text.paths import real
from configs.text.writing import write_whole
from hil_app.cli.arm.options import servo_arm
from robots.base import RobotError

LEADERS = ("so101_leader", "so100_leader")
_HEADING = "# Made by `hil-app setup`; it can be changed by hand, and the set-up goes on with it.\n"


class Draft:
    """A run's configuration in a file. What the operator wrote into it, comments too, is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def begun(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def begin(self, arm: str, teleop: str) -> None:
        """Write a file for an ``arm`` (so100, so101) and who takes over with what."""
        name = self.path.stem
        preset = read(f"{arm}_pick_lift")
        leader = {"id": f"{name}_leader"} if teleop in LEADERS else {}
        own = {"robot": {"type": arm, "id": name}, "teleop": {"type": teleop, **leader}}
        rest = {key: value for key, value in preset.items() if key not in (*own, "dataset")}
        texts = [yaml.safe_dump(own, sort_keys=False)]
        texts += [yaml.safe_dump(rest, sort_keys=False, default_flow_style=None)]
        self._write(_HEADING + "".join(texts))

    def at(self, *place: str) -> Any:
        """What the file says at ``place``; None if nothing."""
        text = self._text()
        with self._named():
            return value_at(text, place)

    def put(self, changes: Mapping[tuple[str, ...], Any]) -> None:
        """Have the file say ``changes``, by their places; raises RobotError if it cannot."""
        with self._named():
            text = edited(self._text(), changes)
        self._write(text)

    @property
    def config(self) -> RunConfig:
        """What the file says, checked. Raises ConfigError."""
        content = read(str(self.path))
        with self._named():
            return validate(content)

    @property
    def leader(self) -> bool:
        """Whether the operator takes over with a leader arm."""
        return self.at("teleop", "type") in LEADERS

    def check(self) -> None:
        """Raise ConfigError unless the file is of an arm to set up.

        Two arms that have no ports yet have the same one by default.
        """
        self.arm("robot")
        if not self.leader or self.at("teleop", "port") is not None:
            self.config  # noqa: B018 - which raises it

    def arm(self, block: str) -> ServoArmConfig:
        """The arm that a ``block`` of the file describes: robot, or teleop for a leader.

        Raises ConfigError if it describes something else.
        """
        content = self.at(block)
        with self._named():
            return servo_arm(block, content if isinstance(content, dict) else {})

    @contextmanager
    def _named(self) -> Iterator[None]:
        """A ConfigError from within tells of the file."""
        try:
            yield
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from None

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: cannot be read ({error}): name another file") from None

    def _write(self, text: str) -> None:
        try:
            write_whole(real(self.path), text.encode())
        except OSError as error:
            raise RobotError(
                f"Cannot write {self.path} ({error.strerror}): name another file."
            ) from error
