"""The process behind ``learner.where=process``, which the run starts; nobody does by hand.

Its standard input is a connection to the run (see :mod:`hil_app.support.wire`). The
first message says what to make; the run hears ``ready``, and everything after is `Serving`'s.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from functools import partial
from typing import Any

import torch

from configs.learning.policy import GaussianActorConfig
from configs.load import validate
from hil_app.build.learning import initial_policy, make_algorithm, thread_learner
from hil_app.learning.elsewhere.block import SharedMailbox, WeightsBlock
from hil_app.learning.elsewhere.serving import Serving
from hil_app.learning.learner import Learner, Log, died_of
from hil_app.support.events import EventLog
from hil_app.support.wire import Connection


def made(facts: dict[str, Any], events: EventLog, log: Log) -> Learner:
    """The learner that the run's first message asks for."""
    config = validate(facts["config"])
    features = GaussianActorConfig.model_validate(facts["policy"])
    algorithm = make_algorithm(config, initial_policy(config, features))
    learner = thread_learner(config, algorithm, events, log)
    learner.mailbox = SharedMailbox(WeightsBlock(algorithm.get_weights(), facts["block"]))
    return learner


def main() -> None:
    """Serve the run at the other end of the standard input, until that is over."""
    torch.set_num_threads(1)  # as in the run, so that both come to the same numbers
    with Connection(socket.socket(fileno=0)) as connection, suppress(ConnectionError):
        setup = connection.receive()
        if setup is None:
            return
        try:
            serving = Serving(connection, partial(made, setup.facts))
        except Exception as error:
            connection.send("died", {"cause": str(died_of(error))})
            return
        connection.send("ready")
        serving.run()


if __name__ == "__main__":
    main()
