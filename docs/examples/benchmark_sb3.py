"""stable-baselines3's SAC by the benchmark's protocol; any other learner is measured the same way.

    hil-app bench hil --tasks pick_lift --runner "sb3_sac=python docs/examples/benchmark_sb3.py"

It takes the options of `hil-app train`, and leaves events.jsonl and summary.json in --output_dir.
Nobody demonstrates or takes over, but somebody has to watch.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import gymnasium
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

from configs.load import Parser, load
from configs.run import RunConfig
from hil_app.build.seeds import seed_of
from hil_app.control.outcomes import EVALUATE, TRAIN
from hil_app.runs.evaluation import AMID


def make(config: RunConfig) -> gymnasium.Env[Any, Any]:
    """The task of a run, seen as the run sees it."""
    obs = "pixels" if config.robot.cameras else "state"
    task = "".join(word.capitalize() for word in config.robot.task.type.split("_"))
    name = f"hil_app.gym:HilApp/{task}-v0"
    return gymnasium.make(name, obs=obs, max_episode_steps=config.env.time_limit)


def evaluate(model: SAC, config: RunConfig, scenes: str, episodes: int) -> dict[str, Any]:
    """How the policy does on its own, in the scenes that `hil-app train` evaluates in."""
    successes, ticks, env = 0, 0, make(config)
    for number in range(episodes):
        seen, _ = env.reset(seed=seed_of(config, scenes, number))
        over = False
        while not over:
            action, _ = model.predict(seen, deterministic=True)
            seen, _, terminated, truncated, info = env.step(action)
            over = terminated or truncated
            ticks += 1
        successes += info["is_success"]
    env.close()
    return {"successes": successes, "episodes": episodes, "mean_ticks": ticks / episodes}


class Measured(BaseCallback):
    """Notes every episode, and evaluates at the first end of one after every so many ticks."""

    def __init__(self, config: RunConfig, events: Path) -> None:
        super().__init__()
        self.config, self.events = config, events
        self.evaluations: list[dict[str, Any]] = []
        self.begun = 0  # the tick before the episode under way
        self.evaluating_s = 0.0

    def _on_training_start(self) -> None:
        self.started = time.monotonic()

    def _on_step(self) -> bool:
        if not self.locals["dones"][0]:
            return True
        ticks, wanted = self.num_timesteps, self.config.train
        episode = {"event": "episode", "stage": TRAIN, "ticks": ticks - self.begun}
        with self.events.open("a") as file:
            file.write(json.dumps({**episode, "intervention_ticks": 0}) + "\n")
        if ticks // wanted.eval_every > self.begun // wanted.eval_every:
            self._evaluate(ticks)
        self.begun = ticks
        return ticks < wanted.ticks

    def _evaluate(self, ticks: int) -> None:
        now = time.monotonic()
        trained = now - self.started - self.evaluating_s
        found = evaluate(self.model, self.config, AMID, self.config.train.eval_episodes)
        self.evaluating_s += time.monotonic() - now
        updates = self.model._n_updates
        self.evaluations.append(
            {"ticks": ticks, "updates": updates, "train_seconds": trained, **found}
        )


def main() -> None:
    """Train, evaluate, and write what came of it."""
    config, _ = load(Parser("benchmark_sb3"), sys.argv[1:], "hil")
    torch.set_num_threads(1)
    folder = config.output_dir
    assert folder is not None
    folder.mkdir(parents=True)
    env = make(config)
    kind = "MultiInputPolicy" if config.robot.cameras else "MlpPolicy"
    model = SAC(kind, env, seed=config.seed)
    measured = Measured(config, folder / "events.jsonl")
    model.learn(config.train.ticks + config.env.time_limit, callback=measured)
    final = evaluate(model, config, EVALUATE, config.eval.episodes)
    summary = {
        "ended": "finished",
        "versions": {"stable-baselines3": metadata.version("stable-baselines3")},
        "train": {"evaluations": measured.evaluations},
        "eval": {
            "success_rate": final["successes"] / final["episodes"],
            "mean_ticks": final["mean_ticks"],
        },
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
