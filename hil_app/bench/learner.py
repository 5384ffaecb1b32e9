"""How fast an update is: as published code has it, as this one does, and compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any

import torch

from configs.base import ConfigError
from configs.learning.algorithm import SACAlgorithmConfig
from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.names import ACTION, OBS_ENV_STATE, OBS_IMAGES, OBS_STATE
from hil_app.bench import Result
from hil_app.bench.plain import PlainSAC
from hil_app.bench.replay import interleaved
from hil_app.learning.buffer.batch import Batch
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.values import usable
from hil_app.learning.fast.products import HAS_ONEDNN, linear
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.sac.losses import example_batch
from hil_app.learning.sac.sac import SACAlgorithm

PLAIN, EAGER, COMPILED, PRODUCTS = "plain", "eager", "compiled", "its products"
DRAWN = "drawn from a buffer"
_ROWS = 1000  # of that buffer


@dataclass(frozen=True)
class Case:
    """What is updated: sizes of the published defaults where nothing else is said."""

    algorithm: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 256
    side: int = 0  # of the images of two cameras [px]; without any where it is 0


CASES = {
    "state, utd 1": Case(),
    "state, utd 2": Case({"utd_ratio": 2}),
    "state, 128 wide, utd 2": Case({"utd_ratio": 2}, {"latent_dim": 128, "hidden_dims": [128] * 2}),
    "state, ten critics, least of two": Case({"num_critics": 10, "num_subsample_critics": 2}),
}
FROZEN = {
    f"two cameras, frozen {name}": Case(
        {}, {"vision_encoder_name": name, "freeze_vision_encoder": True}, 64, side=128
    )
    for name in ("cnn", "resnet10")
}
TRAINED = {
    f"two cameras of {side} px, trained cnn": Case(
        {"utd_ratio": 2, "num_critics": 4}, {"latent_dim": 128, "hidden_dims": [128] * 2}, 128, side
    )
    for side in (64, 32, 16)
}


def learner(
    rounds: int, compiled: bool, images: bool, only: str = "", device: str = "cpu"
) -> Result:
    """Time of an update [ms] in every case, and how often it fits into the first form's.

    Of all cases, those with `only` in their names; ConfigError if there is none. The forms take
    turns, so that all see the same machine. The plain form of the images recomputes what a frozen
    encoder makes of them wherever an observation is used; on another `device` there is none.
    """
    few = max(rounds // 10, 3)
    timed = {name: partial(_trained, case, rounds, compiled) for name, case in CASES.items()}
    if device != "cpu":
        own = CASES | TRAINED if images else CASES
        timed = {
            name: partial(on_device, case, rounds, compiled, device) for name, case in own.items()
        }
    elif images:
        timed |= {name: partial(_images, case, few) for name, case in FROZEN.items()}
        timed |= {name: partial(_trained, case, few, False) for name, case in TRAINED.items()}
    cases = {name: time() for name, time in timed.items() if only in name}
    if not cases:
        raise ConfigError(f"--only: no case has {only!r} in its name; there are {', '.join(timed)}")
    first = cases[next(iter(cases))]
    return {"ratios": first["ratios"], "cases": cases, "onednn": HAS_ONEDNN}


def _trained(case: Case, rounds: int, compiled: bool) -> Result:
    batch = filled(example_batch(make_policy(case), case.batch_size))
    plain = PlainSAC(make_algorithm(case))
    turns: dict[str, Callable[[], object]] = {
        PLAIN: lambda: plain.update([batch] * plain.config.utd_ratio),
        EAGER: _updating(make_algorithm(case), repeat(batch)),
    }
    facts: dict[str, Any] = {}
    if compiled:
        algorithm = make_algorithm(case, compile=True)
        started = perf_counter()
        algorithm.warm_up(case.batch_size)
        facts = {"compile_s": round(perf_counter() - started, 1)}
        if algorithm.compile_problem:
            facts["compile_problem"] = algorithm.compile_problem
        else:
            turns[COMPILED] = _updating(algorithm, repeat(batch))
    if case == Case():
        turns[PRODUCTS] = _products()
    return {**_compared(turns, rounds), **facts}


def on_device(case: Case, rounds: int, compiled: bool, device: str) -> Result:
    """An update with a batch that is on the device, and with batches that are drawn ahead by a
    thread from a replay buffer in the computer's memory, where images are of 8 bits.

    Raises ConfigError if torch cannot compute there.
    """
    try:
        there = usable(device)
    except ValueError as error:
        raise ConfigError(f"--learner.device: {error}") from error
    algorithm = make_algorithm(case, device)
    batch = filled(example_batch(algorithm.policy, case.batch_size))
    drawn = buffer_of(case, there).get_iterator(case.batch_size, async_prefetch=True)
    turns = {
        EAGER: _updating(algorithm, repeat(batch)),
        DRAWN: _updating(make_algorithm(case, device), drawn),
    }
    facts: dict[str, Any] = {"device": str(there)}
    if compiled:
        algorithm = make_algorithm(case, device, compile=True)
        algorithm.warm_up(case.batch_size)
        if algorithm.compile_problem:
            facts["compile_problem"] = algorithm.compile_problem
        else:
            turns[COMPILED] = _updating(algorithm, repeat(batch))
    return {
        **_compared({name: _done(turn, there) for name, turn in turns.items()}, rounds),
        **facts,
    }


def buffer_of(case: Case, device: torch.device) -> ReplayBuffer:
    """Random rows in the computer's memory; batches come on the device."""
    policy = make_policy(case)
    buffer = ReplayBuffer(_ROWS, state_keys=policy.replay_keys, device=device)
    rows = filled(example_batch(policy, case.batch_size))
    for at in range(case.batch_size):
        state, following = (
            {key: value[at].numpy() for key, value in rows[group].items()}
            for group in ("state", "next_state")
        )
        info = {key: value[at].numpy() for key, value in rows["complementary_info"].items()}
        buffer.add(state, rows["action"][at].numpy(), 0.0, following, False, False, info)
    return buffer


def _done(turn: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """The turn, and what it has left a GPU to do."""

    def whole() -> None:
        turn()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return whole


def _images(case: Case, rounds: int) -> Result:
    """Plain on images; ours on images, which are encoded once, and on stored features."""
    batch = filled(example_batch(make_policy(case), case.batch_size))
    once, stored = (make_algorithm(case) for _ in range(2))
    maps: Batch = {
        **batch,
        "state": stored.policy.perceive(batch["state"]),
        "next_state": stored.policy.perceive(batch["next_state"]),
    }
    plain = PlainSAC(make_algorithm(case))
    turns: dict[str, Callable[[], object]] = {
        PLAIN: lambda: plain.update([batch]),
        EAGER: _updating(once, repeat(batch)),
        "features stored": _updating(stored, repeat(maps)),
    }
    return _compared(turns, rounds)


def _compared(turns: dict[str, Callable[[], object]], rounds: int) -> Result:
    for _ in range(2):  # the first calls are slower
        for turn in turns.values():
            turn()
    times = interleaved(turns, rounds)
    first = next(iter(turns))
    base = times[first]["median"]
    ratios = {name: round(base / of["median"], 2) for name, of in times.items() if name != first}
    return {"ms": times, "ratios": ratios}


def _updating(algorithm: SACAlgorithm, batches: Iterator[Batch]) -> Callable[[], object]:
    return lambda: algorithm.update(batches)


def make_policy(case: Case, device: str = "cpu") -> GaussianActorPolicy:
    """The policy of a case: 15 + 3 numbers, and its cameras, to 3 + 1 action dimensions."""
    image = PolicyFeature(FeatureType.VISUAL, (3, case.side, case.side))
    inputs = {
        OBS_STATE: PolicyFeature(FeatureType.STATE, (15,)),
        OBS_ENV_STATE: PolicyFeature(FeatureType.ENV, (3,)),
        **({f"{OBS_IMAGES}.{name}": image for name in ("front", "wrist")} if case.side else {}),
    }
    config = GaussianActorConfig(
        input_features=inputs,
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
        num_discrete_actions=3,
        device=device,
        **case.policy,
    )
    return GaussianActorPolicy(config)


def make_algorithm(case: Case, device: str = "cpu", **changes: Any) -> SACAlgorithm:
    """The algorithm of a case, ready to learn."""
    config = SACAlgorithmConfig(**case.algorithm, **changes)
    algorithm = SACAlgorithm(policy=make_policy(case, device), config=config)
    algorithm.make_optimizers_and_scheduler()
    return algorithm


def filled(batch: Batch) -> Batch:
    """The batch with random observations and actions, and a discount of its own."""
    draw = torch.Generator().manual_seed(0)

    def like(value: torch.Tensor) -> torch.Tensor:
        if value.dtype == torch.uint8:
            drawn = torch.randint(0, 256, value.shape, generator=draw, dtype=torch.uint8)
        else:
            drawn = torch.randn(value.shape, generator=draw)
        return drawn.to(value.device)

    info = batch["complementary_info"]
    return {
        **batch,
        "state": {key: like(value) for key, value in batch["state"].items()},
        "next_state": {key: like(value) for key, value in batch["next_state"].items()},
        "action": like(batch["action"]).clamp(-1, 1) * batch["action"].new_tensor([1.0, 1, 1, 0]),
        "complementary_info": {**info, "discount": torch.full_like(batch["reward"], 0.99)},
    }


def _products() -> Callable[[], object]:
    """The matrix products of the first case, 17 of 512 x 256 and 21 of 256 x 256: its floor."""
    sizes = [512] * 17 + [256] * 21
    zeros = torch.zeros(256)
    pairs = [(torch.randn(256, size), torch.randn(256, size)) for size in sizes]

    def run() -> list[torch.Tensor]:
        return [linear(x, weight, zeros) for x, weight in pairs]

    return run
