"""stable-baselines3 learns to reach, and an operator takes over where it gets nowhere.

python sb3.py [STEPS]
"""

import sys

import gymnasium
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from hil_app.gym import HumanInTheLoop


class ExecutedActions(ReplayBuffer):
    """Keeps the operator's action wherever the operator acted."""

    def add(self, obs, next_obs, action, reward, done, infos):
        """Add a step of each environment."""
        for row, info in enumerate(infos):
            action[row] = info.get("intervene_action", action[row])
        super().add(obs, next_obs, action, reward, done, infos)


steps = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
env = HumanInTheLoop(gymnasium.make("HilApp/Reach-v0"), "scripted")
model = SAC(
    "MlpPolicy",
    env,
    replay_buffer_class=ExecutedActions,
    learning_starts=200,
    learning_rate=1e-3,
    gamma=0.97,
    ent_coef=0.01,
    verbose=1,
    seed=0,
)
model.learn(steps, log_interval=50)
env.close()

alone = Monitor(gymnasium.make("HilApp/Reach-v0"))
returns, _ = evaluate_policy(model, alone, n_eval_episodes=20, return_episode_rewards=True)
print(f"{sum(one > 0 for one in returns)} of {len(returns)} episodes succeed")
alone.close()
