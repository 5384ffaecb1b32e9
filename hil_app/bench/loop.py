"""How fast a tick is, and how punctual the loop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from configs.load import merge, validate
from configs.run import RunConfig
from hil_app.bench import Result
from hil_app.build.assembly import Assembly
from hil_app.control.episodes import run_episodes
from hil_app.control.loop import Loop, Sink
from hil_app.control.monitor import Stage
from hil_app.control.policy import LearnedPolicy
from hil_app.control.rate import milliseconds
from hil_app.control.signals import StopRequest
from hil_app.learning.elsewhere.surface import AnyLearner
from hil_app.recording.frames import Frame
from hil_app.recording.recorder import Recorder
from hil_app.runs.dataset import recorder
from hil_app.support.events import EventLog
from robots.base import Robot

SOFTWARE = ("teleop", "action steps", "env steps", "hand-over")  # sections of a tick that are ours
ROBOT = ("robot.command", "robot.read")  # and those that are not
OFF, LEARNERS = "off", ("off", "thread", "process")  # where the learner is
EPISODE = 100  # steps of a gymnasium environment from one reset to the next


def step(config: RunConfig, ticks: int) -> Result:
    """Time of each section and each step of a tick [ms]."""
    steps: dict[str, list[float]] = {}
    idle = {"mode": "background", "learning_starts": 10**9, "queue_size": ticks + 1}
    free = changed(config, env={"paced": False}, learner=idle)
    with a_rig(free, learning=True) as rig:
        pipelines = (rig.loop.action_pipeline, rig.loop.env_pipeline)

        def note(_: Frame) -> None:
            for name, seconds in (item for p in pipelines for item in p.seconds.items()):
                steps.setdefault(name, []).append(seconds)

        rig.run(ticks, note)
        sections = rig.loop.watch.sections
    software = [sum(parts) for parts in zip(*(sections[name] for name in SOFTWARE), strict=True)]
    return {
        "tick_ms": milliseconds(software),
        "sections_ms": {name: milliseconds(values) for name, values in sections.items()},
        "steps_ms": {name: milliseconds(values) for name, values in steps.items()},
        "gymnasium_ms": environment(config, ticks),
        "ticks": len(software),
    }


def environment(config: RunConfig, ticks: int) -> dict[str, float] | None:
    """Time of a step of the robot's gymnasium environment, without the robot [ms].

    None of a robot that has none, and where gymnasium is not installed.
    """
    twin = config.robot.twin
    if twin is None or find_spec("gymnasium") is None:
        return None
    from hil_app.gym import ArmEnv

    env, taken = ArmEnv(twin.task.type, twin.type.removesuffix("_sim")), []
    env.action_space.seed(0)
    sections = env.loop.watch.sections
    for tick in range(ticks):
        if tick % EPISODE == 0:
            env.reset(seed=tick)
        action = env.action_space.sample()
        start = perf_counter()
        env.step(action)
        taken.append(perf_counter() - start - sum(sections[name][-1] for name in ROBOT))
    env.close()
    return milliseconds(taken)


def loop(config: RunConfig, seconds: float, turns: int) -> Result:
    """Lateness of a 30 Hz loop [ms], in turns: no learner, its thread, its process."""
    late: dict[str, list[float]] = {name: [] for name in LEARNERS}
    cpu, updates = dict.fromkeys(LEARNERS, 0.0), dict.fromkeys(LEARNERS, 0)
    for name in turns * list(LEARNERS):
        where = {} if name == OFF else {"where": name}
        learner = {"mode": "background", "learning_starts": 1, **where}
        paced = changed(config, env={"fps": 30, "paced": True}, learner=learner)
        with a_rig(paced, learning=name != OFF) as rig:
            started = process_time()
            rig.run(round(seconds * paced.env.fps))
            cpu[name] += process_time() - started
            updates[name] += rig.learner.progress.updates
        late[name] += rig.loop.rate.lateness
    lateness = {name: milliseconds(values) or {} for name, values in late.items()}
    off = lateness[OFF]
    return {
        "lateness_ms": lateness,
        "ratio_to_off": {
            name: {key: round(found[key] / off[key], 2) for key in found}
            for name, found in lateness.items()
            if name != OFF
        },
        "updates_per_s": {n: round(u / (turns * seconds), 1) for n, u in updates.items()},
        "cpu_share": {n: round(spent / (turns * seconds), 3) for n, spent in cpu.items()},
        "ticks_each": len(late[OFF]),
    }


@dataclass
class Rig:
    """A loop with everything that listens to it, as in a training run."""

    loop: Loop
    learner: AnyLearner
    recorder: Recorder
    sinks: list[Sink]
    ticks: int = 0
    limit: int = 0

    def run(self, ticks: int, *sinks: Sink) -> None:
        """Episode after episode until ``ticks`` ticks are over."""
        self.limit = ticks
        stage = Stage("bench", ticks, "ticks", self.loop)
        for _ in run_episodes(stage, lambda count: count, [*self.sinks, *sinks, self._count]):
            pass

    def _count(self, _: Frame) -> None:
        self.ticks += 1


@contextmanager
def a_rig(
    config: RunConfig, learning: bool, robot: Robot | None = None, root: Path | None = None
) -> Iterator[Rig]:
    """A rig to run; ``robot`` may be another than the config's, and ``root`` keeps the dataset."""
    events, parts = EventLog(), Assembly(config, robot=robot)
    learner = parts.learner(parts.initial_policy, events)
    acting = parts.policy("exploration")
    policy = LearnedPolicy(acting, learner.mailbox, deterministic=False)
    teleop = parts.teleop("on_take_over")
    with ExitStack() as stack:
        if root is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = stack.enter_context(recorder(parts, root, events))
        stop = stack.enter_context(StopRequest())
        if learning:
            stack.enter_context(learner)
        stack.enter_context(parts.robot)
        sinks: list[Sink] = [partial(kept.add, stage="bench")]
        sinks += [learner.offer] if learning else []

        def over() -> bool:
            if stop():
                raise KeyboardInterrupt
            return rig.ticks >= rig.limit

        rig = Rig(parts.loop(teleop, policy, over), learner, kept, sinks)
        yield rig


def changed(config: RunConfig, **changes: Mapping[str, Any]) -> RunConfig:
    """``config`` with changed blocks."""
    return validate(merge(config.model_dump(mode="json"), changes))
