"""The process between a run and its learner on a cluster: the only one of the run that loads Ray.

The run starts it, and another where it ends; nobody does by hand. Its standard input is a
connection to the run (see :mod:`hil_app.support.wire`). What the run has to say lies in its spool
(see :mod:`hil_app.support.spool`): this process sends it, from where the learner asks for it, and
tells the run how much has arrived. It writes nothing but weights, into memory that the run shares.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from configs.base import ConfigError
from configs.errors import HilAppError
from configs.text.paths import typed
from hil_app.remote import cluster
from hil_app.support.slots import Slots
from hil_app.support.spool import SpoolReader
from hil_app.support.wire import Connection, Message, WireError, packed, unpacked

BEAT_S = 0.5  # between two signs of life
CALL_S = 5.0  # that the learner may take to answer
JOIN_S = 120.0  # the same while it makes its networks
IDLE_S = 0.25  # between two calls that bring nothing
AGAIN_S = 1.0  # between two tries to reach it
LOOK_S = 0.02  # between two looks for weights


class Lost(HilAppError):
    """The learner is out of reach; the message says why."""


class Bridge:
    """Carries one stream to the learner, and what comes of it back.

    ``gone`` is called once the run is.
    """

    def __init__(
        self,
        connection: Connection,
        setup: dict[str, Any],
        calls: Calls,
        gone: Callable[[], object] = lambda: None,
    ) -> None:
        self._connection, self._setup, self._calls, self._gone = connection, setup, calls, gone
        self._spool = SpoolReader(Path(setup["spool"]))
        self._wake: int = setup["wake"]
        self._slots: Slots | None = None
        self._over = threading.Event()  # the run is gone
        self._leaving = self._stop = False
        self._news = self._next = self._version = 0
        self._facts: dict[str, Any] = {}

    def run(self) -> None:
        """Until the run is gone, or all that it had is safe."""
        for work in (self._beat, self._listen):
            threading.Thread(target=work, daemon=True).start()
        while not self._over.is_set():
            try:
                self._join()
                if self._setup["lockstep"] or self._slots is None:
                    self._carry()
                else:
                    self._carry_with_weights()
                return
            except (Lost, cluster.ClusterError, ConfigError) as error:
                final = isinstance(error, ConfigError)  # waiting mends nothing
                self._tell("lost", {"cause": str(error), "final": final})
                self._over.wait(AGAIN_S)

    def _carry_with_weights(self) -> None:
        """Carry, while a thread looks after the weights, which may be large."""
        over = threading.Event()
        thread = threading.Thread(target=self._fetch, args=(over,), daemon=True)
        thread.start()
        try:
            self._carry()
        finally:
            over.set()

    def _join(self) -> None:
        setup = self._setup
        facts = {name: setup[name] for name in ("stream", "robot", "share", "setup")}
        message = self._calls(packed("join", {**facts, "version": version("hil-app")}), JOIN_S)
        if message.kind != "joined":
            raise ConfigError(message.facts.get("cause", f"the learner says {message.kind}"))
        facts = message.facts
        if setup["block"] is not None:  # else nobody acts on them
            self._slots = Slots(bytes.fromhex(facts["architecture"]), facts["size"], setup["block"])
        first = self._spool.first
        if first is not None and first > facts["received"] + 1:
            raise ConfigError(
                f"the learner {setup['name']} has lost what it had: it asks for message "
                f"{facts['received'] + 1}, and those before {first} were safe there; have it go on "
                "in the folder of its checkpoints, or begin a new run"
            )
        self._news, self._next = facts["news"], facts["received"] + 1
        self._facts = facts
        self._tell("joined", facts)

    def _carry(self) -> None:
        """Send what the spool has, again and again, and hear of the learner now and then."""
        due = 0.0
        while not self._over.is_set():
            data = self._spool.read(self._next)
            if not data and (left := due - time.monotonic()) > 0:
                self._wait(left)
                continue
            facts = {"stream": self._setup["stream"], "news": self._news, "stop": self._stop}
            self._stop = False
            answer = self._call(packed("push", facts, data))
            self._next = answer["received"] + 1
            if self._setup["lockstep"]:
                self._fetch_once()
            self._hand_on(answer)
            idle = not data and answer["done"] == answer["received"]
            if idle and self._leaving:
                self._leave()
                return
            behind = answer["done"] < answer["received"] or self._leaving
            due = 0.0 if behind else time.monotonic() + IDLE_S

    def _leave(self) -> None:
        facts = {"stream": self._setup["stream"], "news": self._news}
        answer = self._call(packed("leave", facts), JOIN_S)
        self._fetch_once()
        self._hand_on(answer)
        self._tell("ended", {})

    def _call(self, data: bytes, patience_s: float = CALL_S) -> dict[str, Any]:
        message = self._calls(data, patience_s)
        if message.kind == "unknown":
            raise Lost("the learner was started again")
        if message.kind == "refused":
            raise Lost(message.facts["cause"])
        return message.facts

    def _hand_on(self, answer: dict[str, Any]) -> None:
        for number, kind, facts in answer.pop("news"):
            self._news = max(self._news, number)
            self._tell(kind, facts)
        self._tell("state", answer)

    def _wait(self, seconds: float) -> None:
        """Until the run has put something into the spool, but no longer than this."""
        ready, _, _ = select.select([self._wake], [], [], seconds)
        if ready:
            os.read(self._wake, 4096)

    # Weights

    def _fetch(self, over: threading.Event) -> None:
        """Keep the weights that the run sees the newest, as far as the network may be used."""
        rate = 1e6 * self._setup["weights_mb_per_s"]  # bytes a second
        while not (over.is_set() or self._over.is_set()):
            rest_s = LOOK_S
            with suppress(Lost):
                rest_s = max(rest_s, self._fetch_once(waits=True) / rate)
            over.wait(rest_s)

    def _fetch_once(self, *, waits: bool = False) -> int:
        """Have the newest weights; returns how many bytes have come."""
        if self._slots is None:
            return 0
        facts = {"version": self._version, "waits": waits}
        asked = time.monotonic()  # clocks of two computers cannot be compared: taken as the latest
        message = self._calls(packed("weights", facts), CALL_S)
        if message.kind == "weights" and message.arrays:
            content = np.frombuffer(message.arrays, np.uint8)
            self._version = message.facts["version"]
            published = asked - message.facts["age_s"]
            self._slots.write(self._version, lambda into: np.copyto(into, content), published)
        return len(message.arrays)

    # The run

    def _tell(self, kind: str, facts: dict[str, Any]) -> None:
        try:
            self._connection.send(kind, facts)
        except OSError:
            self._over.set()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            self._tell("beat", {})

    def _listen(self) -> None:
        """Hear what the run wants; one that is gone ends this process."""
        with suppress(OSError, WireError):
            while (message := self._connection.receive()) is not None:
                self._leaving |= message.kind == "leave"
                self._stop |= message.kind == "stop"
        self._over.set()
        self._gone()


Calls = Callable[[bytes, float], Message]


class RayCalls:
    """Calls the actor ``name`` of the cluster at ``address``.

    Raises Lost, ClusterError, or ConfigError where waiting mends nothing. ``cut_off`` is called, by
    a thread, once Ray on this computer has ended: there is no way back then but in a new process.
    """

    def __init__(self, address: str, name: str, cut_off: Callable[[], object]) -> None:
        self._address, self._name, self._cut_off = address, name, cut_off
        self._ray: Any = None
        self._actor: Any = None

    def __call__(self, data: bytes, patience_s: float) -> Message:
        """The answer to a message, which takes no longer than this."""
        if self._ray is None:
            self._ray = cluster.connect(self._address)
            threading.Thread(target=self._watch, args=[self._ray], daemon=True).start()
        try:
            if self._actor is None:
                self._actor = self._ray.get_actor(self._name)
            return unpacked(self._ray.get(self._actor.call.remote(data), timeout=patience_s))
        except ValueError as error:
            raise ConfigError(
                f"the cluster at {self._address} has no learner {self._name}: on the machine with "
                f"the GPU, `hil-app learner start --name={typed(self._name)}`"
            ) from error
        except self._ray.exceptions.GetTimeoutError as error:
            raise Lost(f"the learner {self._name} has not answered for {patience_s:g} s") from error
        except Exception as error:
            self._actor = None
            said = " ".join(str(error).split())
            raise Lost(f"the learner {self._name} is out of reach: {said[:200]}") from error

    def _watch(self, ray: Any) -> None:
        """Have a connection to this computer's part of Ray, which ends with it.

        Ray itself says nothing of it: small calls go on, straight to the learner, and the first
        large one ends this process.
        """
        with suppress(Exception), socket.socket(socket.AF_UNIX) as its:  # whatever Ray says
            here = ray.get_runtime_context().get_node_id()
            its.connect(next(n["RayletSocketName"] for n in ray.nodes() if n["NodeID"] == here))
            its.recv(1)
        self._cut_off()


def _cut_off(connection: Connection) -> None:
    """End, and say why."""
    cause = "Ray on this computer has ended: `hil-app cluster up` starts it anew by itself"
    with suppress(OSError):
        connection.send("lost", {"cause": cause, "final": False})
    os._exit(1)


def main() -> None:
    """Serve the run at the other end of the standard input, until that is over."""
    try:
        connection = Connection(socket.socket(fileno=os.dup(sys.stdin.fileno())))
    except OSError:
        sys.exit("This is the program behind learner.where=ray: hil-app starts it by itself.")
    with connection, suppress(ConnectionError):
        message = connection.receive()
        if message is not None:
            setup = message.facts
            calls = RayCalls(setup["address"], setup["name"], partial(_cut_off, connection))
            Bridge(connection, setup, calls, partial(os._exit, 0)).run()  # a call may hang


if __name__ == "__main__":
    main()
