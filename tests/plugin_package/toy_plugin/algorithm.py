"""An algorithm that imitates what it is shown."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam, Optimizer

from hil_app.learning import Batch, RLAlgorithm, TrainingStats
from toy_plugin.configs import ImitationConfig


class Imitation(RLAlgorithm, name="imitation"):
    """Brings the policy's mean to the actions of the batches."""

    config: ImitationConfig

    def make_optimizers_and_scheduler(self) -> dict[str, Optimizer]:
        """One, for the actor and what it sees by."""
        groups = self.policy.get_optim_params()
        owned = [*groups["actor"], *groups["encoder"]]
        self.optimizers = {"actor": Adam(owned, self.config.lr, foreach=False)}
        return self.optimizers

    def update(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
        """One step of gradient descent."""
        batch = next(batch_iterator)
        features = self.policy.encoder(batch["state"])
        mean, _ = self.policy.actor(self.policy.actor_features(batch["state"], features))
        loss = functional.mse_loss(mean.tanh(), batch["action"][:, : mean.shape[1]])
        optimizer = self.optimizers["actor"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.optimization_step += 1
        return TrainingStats(losses={"loss_actor": loss.item()})

    def state_dict(self) -> dict[str, Tensor]:
        """Nothing beside the policy."""
        return dict[str, torch.Tensor]()
