"""``hil-app bench``: how fast a tick is, and how punctual the loop."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from configs.load import Parser, load, merge, validate
from configs.run import RunConfig
from hil_app import build
from hil_app.cli.train import DEFAULT
from hil_app.events import EventLog
from hil_app.learning.learner import Learner
from hil_app.loop import Loop, Sink
from hil_app.policy import LearnedPolicy
from hil_app.rate import milliseconds
from hil_app.recording.frames import Frame
from hil_app.recording.recorder import Recorder
from hil_app.recording.writer import FolderWriter
from hil_app.session import calm_threads
from hil_app.signals import StopRequest

Result = dict[str, Any]
DESCRIPTION = """\
step: the time of a tick's parts, on the simulated arm running free. "tick" is the software's own
time: without robot, waiting and policy.
loop: how late the ticks of a 30 Hz loop are, in turns without and with the learner training in its
thread, so that both see the same machine.
"""
SOFTWARE = ("teleop", "action steps", "env steps", "hand-over")  # sections of a tick that are ours


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser(
        prog="hil-app bench",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=sorted(BENCHES), help="what to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--ticks", type=int, default=3000, help="step: ticks (default: 3000)")
    parser.add_argument("--seconds", type=float, default=10, help="loop: a turn [s] (default: 10)")
    parser.add_argument("--turns", type=int, default=3, help="loop: turns of each (default: 3)")
    config, options = load(parser, argv, DEFAULT)
    calm_threads()
    result = BENCHES[options.what](config, options)
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        Console().print(_table(options.what, result))
    return 0


def bench_step(config: RunConfig, options: argparse.Namespace) -> Result:
    """Time of each section and each step of a tick [ms]."""
    steps: dict[str, list[float]] = {}
    idle = {"mode": "background", "learning_starts": 10**9, "queue_size": options.ticks + 1}
    free = _changed(config, env={"paced": False}, learner=idle)
    with _rig(free, learning=True) as rig:
        pipelines = (rig.loop.action_pipeline, rig.loop.env_pipeline)

        def note(_: Frame) -> None:
            for name, seconds in (item for p in pipelines for item in p.seconds.items()):
                steps.setdefault(name, []).append(seconds)

        rig.run(options.ticks, note)
        sections = rig.loop.watch.sections
    software = [sum(parts) for parts in zip(*(sections[name] for name in SOFTWARE), strict=True)]
    return {
        "tick_ms": milliseconds(software),
        "sections_ms": {name: milliseconds(values) for name, values in sections.items()},
        "steps_ms": {name: milliseconds(values) for name, values in steps.items()},
        "ticks": len(software),
    }


def bench_loop(config: RunConfig, options: argparse.Namespace) -> Result:
    """Lateness of a 30 Hz loop without and with the learner [ms], in turns."""
    paced = _changed(
        config, env={"fps": 30, "paced": True}, learner={"mode": "background", "learning_starts": 1}
    )
    late: dict[str, list[float]] = {"learner_off": [], "learner_on": []}
    updates = 0
    for turn in range(2 * options.turns):
        learning = turn % 2 == 1
        with _rig(paced, learning) as rig:
            rig.run(round(options.seconds * paced.env.fps))
        late["learner_on" if learning else "learner_off"] += rig.loop.rate.lateness
        updates += rig.learner.progress.updates
    off, on = (milliseconds(values) or {} for values in late.values())
    return {
        "lateness_ms": {"learner_off": off, "learner_on": on},
        "ratio_on_to_off": {key: round(on[key] / off[key], 2) for key in on},
        "updates_per_s": round(updates / (options.turns * options.seconds), 1),
        "ticks_each": len(late["learner_on"]),
    }


BENCHES: dict[str, Callable[[RunConfig, argparse.Namespace], Result]] = {
    "step": bench_step,
    "loop": bench_loop,
}


@dataclass
class _Rig:
    """A loop with everything that listens to it, as in a training run."""

    loop: Loop
    learner: Learner
    sinks: list[Sink]
    ticks: int = 0
    limit: int = 0

    def run(self, ticks: int, *sinks: Sink) -> None:
        """Episode after episode until ``ticks`` ticks are over."""
        self.limit = ticks
        seed = 0
        while self.ticks < ticks:
            self.loop.episode(seed, [*self.sinks, *sinks, self._count])
            seed += 1

    def _count(self, _: Frame) -> None:
        self.ticks += 1


@contextmanager
def _rig(config: RunConfig, learning: bool) -> Iterator[_Rig]:
    events, body = EventLog(), build.robot(config)
    algorithm = build.algorithm(config, build.policy(config, body, "initial weights"))
    learner = build.learner(config, algorithm, events)
    acting = build.policy(config, body, "exploration")
    mind = LearnedPolicy(acting, learner.mailbox, deterministic=False)
    hands = build.teleop(config, body, demonstrating=False)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recorder = stack.enter_context(Recorder(FolderWriter(folder), events))
        stop = stack.enter_context(StopRequest())
        if learning:
            stack.enter_context(learner)
        stack.enter_context(body)
        sinks: list[Sink] = [partial(recorder.add, stage="bench")]
        sinks += [learner.offer] if learning else []

        def over() -> bool:
            if stop():
                raise KeyboardInterrupt
            return rig.ticks >= rig.limit

        rig = _Rig(build.loop(config, body, hands, mind, over), learner, sinks)
        yield rig


def _changed(config: RunConfig, **changes: Mapping[str, Any]) -> RunConfig:
    return validate(merge(config.model_dump(mode="json"), changes))


def _table(what: str, result: Result) -> Table:
    table = Table(title=f"hil-app bench {what} [ms]", title_style="bold")
    for column in ("", "p50", "p99", "max"):
        table.add_column(column, justify="left" if not column else "right")

    def rows(figures: Mapping[str, Mapping[str, float]]) -> None:
        for name, values in figures.items():
            table.add_row(name, *(f"{values[key]:.3f}" for key in ("p50", "p99", "max")))

    if what == "step":
        rows({"tick (software)": result["tick_ms"]})
        table.add_section()
        rows(result["sections_ms"])
        table.add_section()
        rows(result["steps_ms"])
        table.caption = f"{result['ticks']} ticks"
    else:
        rows(result["lateness_ms"])
        ratio = result["ratio_on_to_off"]
        table.add_row("on / off", *(f"{ratio[key]:.2f}x" for key in ("p50", "p99", "max")))
        table.caption = f"{result['ticks_each']} ticks each, {result['updates_per_s']} updates/s"
    return table
