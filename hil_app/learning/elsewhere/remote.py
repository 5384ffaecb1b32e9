"""The learner on another machine, as a run sees it."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch

from configs.learning.learner import LearnerConfig
from configs.text.paths import typed
from hil_app.events import FramesUnsent, UnsentOnDisk
from hil_app.learning.buffer.returns import Row
from hil_app.learning.checkpoint import POLICY, Tensors, own_tensors
from hil_app.learning.elsewhere.block import SharedMailbox, WeightsBlock
from hil_app.learning.elsewhere.bridges import Bridges
from hil_app.learning.elsewhere.experiences import FramePacker, pack_row
from hil_app.learning.elsewhere.flush import flush
from hil_app.learning.elsewhere.unsent import Unsent
from hil_app.learning.experience import Experience
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import COUNTS, WARMED, Log, Progress, pause
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.weights import copy_into, cpu_copy
from hil_app.learning.sac.q_values import QValues
from hil_app.support.events import EventLog
from hil_app.support.wire import packed
from hil_app.support.worker import Worker

_RETRY_S = 0.5  # between two tries to write to a disk that refuses


class RemoteLearner:
    """`Learner` (see there) on another machine, which several robots may share.

    What is offered goes, in a thread, into a spool in the run's ``home``, and stays there until
    the learner has it safe. A process, the bridge, which runs ``module``, carries it there and
    brings weights back through shared memory. Losing the bridge, the network or the learner costs
    neither frames nor ticks: ``lost`` says why, the policy acts on with its last weights, and what
    comes later is sent once the way is open again. Only before entering is it an error,
    LearnerDied, that the learner cannot be reached.
    """

    def __init__(
        self,
        module: str,
        setup: Mapping[str, Any],
        policy: GaussianActorPolicy,
        config: LearnerConfig,
        events: EventLog,
        log: Log | None = None,
        home: Path | None = None,
    ) -> None:
        self._policy, self._config, self._events = policy, config, events
        self._lockstep = config.mode == "lockstep"
        self._block = WeightsBlock(policy.get_weights())
        self.mailbox = HeldMailbox(self._block)
        self._module, self._home = module, home
        self._unsent: Unsent | None = None
        self._writer: Worker[Callable[[], bytes]] | None = None
        self._bridges = Bridges(module, events, log)
        self._setup = {"setup": {**setup}, **_about(config)}
        self._count = 0  # messages handed over
        self._packer = FramePacker()
        self._complained = False
        self._updates = 0  # of the checkpoint that the run goes on from

    @property
    def progress(self) -> Progress:
        """How far it was when it said so last."""
        return self._bridges.heard.progress

    @property
    def q_values(self) -> QValues | None:
        """See `Learner`."""
        return self._bridges.heard.q_values

    @property
    def warmed(self) -> int:
        """See `Learner`."""
        return self._bridges.heard.warmed

    @property
    def lost(self) -> str | None:
        """Why the learner is out of reach; None while it is not."""
        return self._bridges.lost

    @property
    def process_id(self) -> int | None:
        """By which the system knows the bridge; None while there is none."""
        return self._bridges.process_id

    @property
    def waiting(self) -> int:
        """How many messages the learner does not have safe."""
        return self._count - self._bridges.durable

    # Before entering.

    def restore(self, tensors: Tensors) -> None:
        """Begin with the policy of a checkpoint: all else is the learner's."""
        copy_into(own_tensors(self._policy), tensors[POLICY])
        self._bridges.heard.warmed = int(tensors[COUNTS].get(WARMED, 0))

    def begin_with(self, rows: Iterable[Row], weight: float) -> int:
        """See `Learner.begin_with`."""
        self._open()
        count = 0
        for row in rows:
            facts, arrays = pack_row(row)
            self._put(partial(packed, "row", {**facts, "weight": weight}, arrays))
            count += 1
        self._await(self._count)
        return count

    def warm_up(self) -> str | None:
        """The learner does so by itself; it is made, and within reach, once this returns."""
        self._open()
        return None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
            self._bridges.leave()
        finally:
            self.close()
            with suppress(LearnerDied):
                self._take_weights()

    def close(self) -> None:
        """End the bridge, if it runs, and keep what the learner does not have safe."""
        if self._writer is not None:
            self._writer.close()
        self._bridges.close()
        self._block.close()
        if self._unsent is not None:
            unsent, self._unsent = self._unsent, None
            left = unsent.close(self._bridges.durable)
            if left:
                cause = (
                    f"{left} frames and the like are not with the learner yet: "
                    f"`hil-app learner flush {typed(self._home)}` sends them"
                )
                self._events.emit(FramesUnsent(cause=cause))

    # In the loop.

    def offer(self, frame: Experience) -> None:
        """See `Learner.offer`; while the learner is out of reach it does not wait."""
        self._hand_over("offer", frame)

    def demonstrate(self, frame: Experience) -> None:
        """See `Learner.demonstrate`."""
        self._hand_over("demonstrate", frame)

    def warm_start(
        self, updates: int, stop: Callable[[], bool], meanwhile: Callable[[], None] = pause
    ) -> None:
        """See `Learner.warm_start`; a learner that is out of reach makes up for it later."""
        number, stopped = self._put(partial(packed, "warm_start", {"updates": updates})), False
        while self._bridges.heard.done < number and self.lost is None:
            if stop() and not stopped:
                stopped = True
                self._bridges.stop_warm_start()
            meanwhile()

    def rest(self, meanwhile: Callable[[], None] | None = None) -> None:
        """The policy takes no newer weights until :meth:`go_on`; see `Learner.rest`."""
        self._await(self._put(partial(packed, "rest")), meanwhile)
        self.mailbox.held = True

    def go_on(self) -> None:
        """See `Learner.go_on`."""
        self.mailbox.held = False
        self._put(partial(packed, "go_on"))

    def tell(self, verdict: Mapping[str, int]) -> None:
        """Have the learner, and its other robots, know of an evaluation."""
        self._put(partial(packed, "verdict", dict(verdict)))

    def snapshot(self, keep: Callable[[Tensors], None]) -> None:
        """``keep`` is called with the policy as it is here: all else is the learner's to keep."""
        self._take_weights()
        progress = self.progress
        counts = {"updates": progress.updates, "frames": self._count, WARMED: self.warmed}
        keep(
            {
                POLICY: cpu_copy(own_tensors(self._policy)),
                COUNTS: {name: torch.tensor(value) for name, value in counts.items()},
            }
        )

    def check(self) -> None:
        """Raise LearnerDied if the frames can no longer be kept on disk."""
        writer = self._writer
        if writer is not None and writer.error is not None:
            raise LearnerDied(f"what waits for the learner cannot be kept: {writer.error!r}")
        if writer is not None and writer.waiting > self._config.queue_size:
            raise LearnerDied(
                f"{writer.waiting} frames wait for the disk, which does not take them: free some "
                "space or choose another --output_dir"
            )

    def _hand_over(self, kind: str, frame: Experience) -> None:
        self._bridges.heard.expect_values(self._count + 1, frame)
        number = self._put(lambda: packed(kind, *self._packer.pack(frame)))
        if self._lockstep:
            self._await(number)

    def _put(self, message: Callable[[], bytes]) -> int:
        """Have it made and written, in a thread; returns its number."""
        self.check()
        if self._writer is None:
            raise LearnerDied("the learner is not running: use it inside its `with` block")
        self._count += 1
        self._writer.put(message)
        return self._count

    def _await(self, number: int, meanwhile: Callable[[], None] | None = None) -> None:
        """Return once so many messages have been dealt with, or the learner is out of reach."""
        while self._bridges.heard.done < number and self.lost is None:
            self.check()
            if meanwhile is not None:
                meanwhile()
            else:
                self._bridges.wait(0.1, lambda: self._bridges.heard.done >= number)

    def _take_weights(self) -> None:
        if (parcel := self.mailbox.newest()) is not None:
            self._policy.load_actor_weights(parcel.weights)

    def _open(self) -> None:
        """Reach the learner. Raises LearnerDied that says why not."""
        if self._writer is not None:
            return
        home = self._home or Path(tempfile.mkdtemp(prefix="hil-app-"))
        flush(self._module, home, self._events)
        self._setup |= {"lockstep": self._lockstep}
        self._unsent = Unsent.begin(home, self._setup)
        self._writer = Worker("unsent", self._write)
        try:
            self._bridges.begin(self._setup, self._unsent, self._block.file)
        except BaseException:
            self.close()
            raise

    # What follows runs in the thread that writes.

    def _write(self, messages: list[Callable[[], bytes]]) -> None:
        unsent = self._unsent
        for message in messages:
            if unsent is not None:
                self._append(unsent, message())
                unsent.forget(self._bridges.durable)
        if unsent is not None:
            unsent.sync()

    def _append(self, unsent: Unsent, message: bytes) -> None:
        """Write a message; a disk that refuses is tried again, for as long as the run goes on."""
        while True:
            try:
                unsent.append(message)
                return
            except OSError as error:
                if not self._complained:
                    self._complained = True
                    self._events.emit(UnsentOnDisk(cause=f"{error}; it is tried again"))
                if self._writer is not None and self._writer.over:
                    raise
                time.sleep(_RETRY_S)


class HeldMailbox(SharedMailbox):
    """A mailbox that hands nothing out while it is ``held``."""

    held = False

    def newer_than(self, version: int) -> Any:
        """See `Mailbox`."""
        return None if self.held else super().newer_than(version)

    def newest(self) -> Any:
        """What lies there, held or not."""
        return super().newer_than(0)


def _about(config: LearnerConfig) -> dict[str, Any]:
    """Where the learner is, and whose stream this is."""
    host = socket.gethostname().split(".")[0] or "robot"
    return {
        "address": config.address,
        "name": config.name,
        "robot": config.robot or host,
        "share": config.share,
        "weights_mb_per_s": config.weights_mb_per_s,
    }
