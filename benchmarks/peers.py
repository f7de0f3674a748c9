"""Environment steps per second with learning: this package and Stable-Baselines3's PPO, on one machine.

  pip install -e '.[peers]'
  python benchmarks/peers.py

Both learn the same task: the same model, physics steps, observation, reward, termination and start states (the NumPy
reward is compared with that of the package first). They run in turns, three times. SB3 runs as in its guide to speed:
8 subprocess environments, learning rate 5e-5, n_steps 2048, batch 128, 10 epochs, 2x256 ReLU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import save

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema

SB3_ENVS = 8
SB3_ROLLOUTS = 3  # of n_steps each
OURS_SECONDS = 30.0
ROUNDS = 3


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--config', default='stand')
  arguments, rest = parser.parse_known_args()
  overrides = config_file.split_overrides(rest)
  config = schema.resolve(config_file.apply_overrides(config_file.load_config(arguments.config), overrides))
  difference = compare_rewards(config)
  print(f'largest difference between the two rewards over 200 steps: {difference:.1e}')
  peers: dict[str, Callable[[schema.Config], float]] = {'mjx_humanoid': ours, 'stable_baselines3': sb3}
  rates: dict[str, list[float]] = {name: [] for name in peers}
  for _ in range(ROUNDS):
    for name, measure in peers.items():
      rates[name].append(measure(config))
      print(f'{name}: {rates[name][-1]:,.0f} env steps/s with learning', flush=True)
  ratios = [a / b for a, b in zip(rates['mjx_humanoid'], rates['stable_baselines3'], strict=True)]
  print(f'ratio: {np.median(ratios):.1f} (median), {min(ratios):.1f} to {max(ratios):.1f}')
  save('peers', {'env_steps_per_second': rates, 'ratios': ratios, 'reward_difference': difference})


def ours(config: schema.Config) -> float:
  """Steps/s of this package's PPO, after compilation."""
  import jax

  from mjx_humanoid.run.setup import prepare
  from mjx_humanoid.run.trainer import Trainer

  trainer = Trainer(prepare(config))
  state = trainer.start()
  for _ in range(3):
    state, metrics = trainer.step(state)
  jax.block_until_ready(metrics)
  start, iterations = time.perf_counter(), 0
  while time.perf_counter() - start < OURS_SECONDS:
    state, metrics = trainer.step(state)
    jax.block_until_ready(metrics)
    iterations += 1
  return iterations * trainer.steps_per_iteration / (time.perf_counter() - start)


def sb3(config: schema.Config) -> float:
  """Steps/s of SB3's PPO over whole rollouts with their updates, after the first rollout."""
  import torch
  from stable_baselines3 import PPO
  from stable_baselines3.common.callbacks import BaseCallback
  from stable_baselines3.common.vec_env import SubprocVecEnv

  class Clock(BaseCallback):
    """Records when each rollout begins."""

    def __init__(self) -> None:
      super().__init__()
      self.starts: list[float] = []

    def _on_rollout_start(self) -> None:
      self.starts.append(time.perf_counter())

    def _on_step(self) -> bool:
      return True

  n_steps, clock = 2048, Clock()
  envs = SubprocVecEnv([maker(config, i) for i in range(SB3_ENVS)], start_method='spawn')
  policy = {'net_arch': {'pi': [256, 256], 'vf': [256, 256]}, 'activation_fn': torch.nn.ReLU}
  model = PPO(
    'MlpPolicy',
    envs,
    learning_rate=5e-5,
    n_steps=n_steps,
    batch_size=128,
    n_epochs=10,
    policy_kwargs=policy,
    device='cpu',
  )
  model.learn(SB3_ENVS * n_steps * (SB3_ROLLOUTS + 1), callback=clock)
  clock.starts.append(time.perf_counter())
  envs.close()
  return SB3_ENVS * n_steps * SB3_ROLLOUTS / (clock.starts[-1] - clock.starts[1])


def maker(config: schema.Config, seed: int) -> Callable[[], Any]:
  """A function that makes one environment in its subprocess."""
  weights = reward_weights(config)

  def make() -> Any:
    from sb3_env import StandEnv

    return StandEnv(config.task, weights, seed)

  return make


def reward_weights(config: schema.Config) -> dict[str, float]:
  """The reward weights of the config."""
  from mjx_humanoid.tasks.skills import SKILLS

  return {**SKILLS[config.task.reward][1], **config.task.weights}


def compare_rewards(config: schema.Config) -> float:
  """The largest difference between the NumPy reward and the package's, in a random episode."""
  import jax
  from sb3_env import StandEnv

  from mjx_humanoid.tasks.skills import make_reward

  env = StandEnv(config.task, reward_weights(config))
  reward = jax.jit(lambda v, c: make_reward(config.task.reward, config.task.weights)(v, env.body, c)[0])
  rng, worst = np.random.default_rng(0), 0.0
  env.reset()
  for _ in range(200):
    context = env._context()
    _, value, terminated, truncated, _ = env.step(rng.uniform(-0.3, 0.3, env.body.nu).astype(np.float32))
    worst = max(worst, abs(value - float(reward(env._view(), context))))
    if terminated or truncated:
      env.reset()
  if worst > 1e-3:
    raise SystemExit(f'the two rewards differ by {worst}: the comparison would not be fair')
  return worst


if __name__ == '__main__':
  main()
