"""Learning rates over a run: a function of the update's number, so they need no state."""

from __future__ import annotations

import math

from configs.learning.algorithm import SACAlgorithmConfig


def rate_factor(config: SACAlgorithmConfig, update: int) -> float:
    """Factor on every learning rate in the update of this number, counted from 0.

    It rises on a line over `lr_warmup_steps`, then falls to `lr_final_fraction` by
    `lr_decay_steps`: on a line, or on half a cosine (Loshchilov and Hutter 2017, one period).
    """
    warmup = config.lr_warmup_steps
    if update < warmup:
        return (update + 1) / warmup
    if config.lr_decay_steps is None or config.lr_final_fraction is None:
        return 1.0
    gone = min((update - warmup) / (config.lr_decay_steps - warmup), 1.0)
    left = 1 - gone if config.lr_schedule == "linear" else (1 + math.cos(math.pi * gone)) / 2
    return config.lr_final_fraction + (1 - config.lr_final_fraction) * left


def learning_rates(config: SACAlgorithmConfig, factor: float = 1.0) -> dict[str, float]:
    """The learning rate of every optimiser, by its name, times a factor."""
    rates = {"actor": config.actor_lr, "temperature": config.temperature_lr}
    rates |= {"critic": config.critic_lr, "discrete_critic": config.critic_lr}
    return {name: factor * rate for name, rate in rates.items()}
