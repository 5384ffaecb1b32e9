"""Feeds an algorithm with normalised batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor

from hil_app.learning.algorithm import RLAlgorithm, TrainingStats
from hil_app.learning.buffer.batch import Batch, DataMixer
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.normalize import Normalizer


class Preprocessor(Protocol):
    """What else is done to the observations of a batch."""

    def process_observation(self, observation: dict[str, Tensor]) -> dict[str, Tensor]:
        """Other values (B, ...) of the same keys."""


class RLTrainer:
    """Draws batches from a mixer, normalises them, and updates the algorithm.

        trainer = RLTrainer(algorithm=algorithm, data_mixer=mixer, batch_size=256)
        stats = trainer.training_step()

    An algorithm without optimisers makes them. Nothing is drawn before the first `training_step`.
    With `async_prefetch` a thread draws up to `queue_size` batches ahead, until `close`. The scales
    are those of the algorithm's `policy`; one without a policy gets its batches as they are drawn.
    What a `preprocessor` makes of a batch's observations comes before the scales.
    """

    def __init__(
        self,
        algorithm: RLAlgorithm,
        data_mixer: DataMixer,
        batch_size: int,
        *,
        async_prefetch: bool = False,
        queue_size: int = 2,
        preprocessor: Preprocessor | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size} is not positive")
        self.algorithm = algorithm
        self.data_mixer = data_mixer
        self.batch_size = batch_size
        policy: GaussianActorPolicy | None = getattr(algorithm, "policy", None)
        self.normalizer = Normalizer(policy.config, policy.device) if policy else Normalizer()
        self._ahead: dict[str, Any] = {"async_prefetch": async_prefetch, "queue_size": queue_size}
        self._source: Iterator[Batch] | None = None
        self._preprocessor = preprocessor
        if not algorithm.get_optimizers():
            algorithm.make_optimizers_and_scheduler()

    def training_step(self) -> TrainingStats:
        """Run one update of the algorithm on freshly drawn, normalised batches."""
        return self.algorithm.update(self._batches())

    def warm_start_step(self) -> TrainingStats:
        """The same of `RLAlgorithm.warm_start`."""
        return self.algorithm.warm_start(self._batches())

    def _batches(self) -> Iterator[Batch]:
        if self._source is None:
            self._source = self.algorithm.configure_data_iterator(
                self.data_mixer, self.batch_size, **self._ahead
            )
        return map(self._prepared, self._source)

    def _prepared(self, batch: Batch) -> Batch:
        if (own := self._preprocessor) is not None:
            seen, later = batch["state"], batch["next_state"]
            batch = {**batch, "state": own.process_observation(seen)}
            batch["next_state"] = own.process_observation(later)
        return self.normalizer.batch(batch)

    def reset_data_iterator(self) -> None:
        """Ask the mixer for a new iterator at the next step."""
        self.close()

    def set_data_mixer(self, mixer: DataMixer, reset: bool = True) -> None:
        """Draw from another mixer: at once, or after the next `reset_data_iterator`."""
        self.data_mixer = mixer
        if reset:
            self.reset_data_iterator()

    def close(self) -> None:
        """End what draws, if it can be closed; a later step starts again."""
        close = getattr(self._source, "close", None)
        self._source = None
        if close is not None:
            close()
