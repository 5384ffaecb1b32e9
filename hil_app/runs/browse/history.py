"""How a run went, episode by episode, as its ``events.jsonl`` has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from hil_app.control.outcomes import EVALUATE, TRAIN, Episode, Evaluation, Finished
from hil_app.events import EpisodeEnded, Evaluated, RunResumed, RunStarted
from hil_app.runs.folder import EVENTS

_LOOKED_AT = tuple(
    f'{{"event": "{kind.known_as}"' for kind in (RunStarted, RunResumed, EpisodeEnded, Evaluated)
)


@dataclass
class History:
    """The episodes of each stage, and the evaluations amid the training."""

    started: float | None = None  # when, in seconds since 1970
    stages: dict[str, list[Finished]] = field(default_factory=dict)
    evaluations: list[Evaluation] = field(default_factory=list)

    @classmethod
    def read(cls, run: Path) -> History:
        """What a run's folder tells; lines that say nothing of use are passed over."""
        history = cls()
        for event in _events(run / EVENTS):
            with suppress(KeyError, TypeError, ValueError):
                history._add(event)
        return history

    @property
    def training(self) -> list[Finished]:
        """The episodes in which the policy learned."""
        return self.stages.get(TRAIN, [])

    @property
    def evaluated(self) -> list[Episode]:
        """The episodes of the evaluation at the end."""
        return [finished.episode for finished in self.stages.get(EVALUATE, [])]

    def _add(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == RunStarted.known_as:
            self.started = float(event["time"])
        elif kind == RunResumed.known_as:
            self._go_back(int(event["ticks"]))
        elif kind == Evaluated.known_as:
            self.evaluations.append(_made(Evaluation, event))
        else:
            self._end(event["stage"], _made(Episode, {"rerecord": False, "stop": False, **event}))

    def _end(self, stage: str, episode: Episode) -> None:
        """Count an episode as its stage did: not if it was thrown away or cut short."""
        if episode.rerecord or episode.stop:
            return
        finished = self.stages.setdefault(stage, [])
        before = finished[-1].tick if finished else 0
        finished.append(Finished(episode, before + episode.ticks))

    def _go_back(self, ticks: int) -> None:
        """Forget what came after the checkpoint that the run goes on from."""
        self.stages.pop(EVALUATE, None)
        self.stages[TRAIN] = [one for one in self.training if one.tick <= ticks]
        self.evaluations = [one for one in self.evaluations if one.ticks <= ticks]


T = TypeVar("T", Episode, Evaluation)


def _made(kind: type[T], event: Mapping[str, Any]) -> T:
    """The object that the fields of an event make."""
    names = {each.name for each in fields(kind)}
    return kind(**{name: value for name, value in event.items() if name in names})


def _events(path: Path) -> Iterator[Mapping[str, Any]]:
    """The events of the kinds that matter here; none of a file that cannot be read."""
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(_LOOKED_AT):
                with suppress(ValueError):  # the last line of a run that was killed
                    yield json.loads(line)
