"""How far a run is, beside its tensors: what a checkpoint's ``state.json`` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from hil_app.control.monitor import StageState
from hil_app.control.outcomes import Evaluation


@dataclass(frozen=True)
class RunState:
    """A run as it stood at the end of an episode."""

    ticks: int = 0  # of the training
    updates: int = 0
    recorded: int = 0  # episodes on disk
    stages: list[StageState] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    teleop: dict[str, Any] | None = None  # what the teleoperator of the last stage remembers

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> RunState:
        """What ``state.json`` held; raises ValueError if it is not that."""
        if not isinstance(content, Mapping) or "ticks" not in content:
            raise ValueError("it does not say how many ticks the run has")
        # it was called "hands" once
        return _STATE.validate_python({"teleop": content.get("hands"), **content})

    def stage(self, name: str) -> StageState | None:
        """The stage of that name, if the run had come to it."""
        return next((stage for stage in self.stages if stage.name == name), None)


_STATE = TypeAdapter(RunState)
