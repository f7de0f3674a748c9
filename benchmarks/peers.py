"""Learning `stand`: this package beside Stable-Baselines3 and SBX, at equal wall time and at equal environment steps.

  pip install -e '.[peers]'
  python benchmarks/peers.py --minutes=6

All learn the same task, that of the config `stand` without its pushes: the same model, physics steps, observation,
reward, termination and start states (the NumPy reward of the peers' environment is compared with that of the package
first). They train one after the other, for so many minutes after their first update; those of this package end with the
budget of their configs, if that is earlier, and then keep their return. SB3's PPO has 8 subprocess environments; SAC
has one environment in each peer, and an update for each of its steps. Returns are means of the last 100 episodes, with
exploration noise; at the end 20 episodes are played without it.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from common import save
from peer_learners import Act, Point, Run, ours, sb3_ppo, sb3_sac, sbx_sac

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema

PEERS = {'Stable-Baselines3 PPO': sb3_ppo, 'Stable-Baselines3 SAC': sb3_sac, 'SBX SAC': sbx_sac}
OURS = {'mjx_humanoid PPO': 'stand', 'mjx_humanoid SAC': 'stand_sac'}
SECONDS = (30, 60, 120, 240, 480, 960)  # at which returns are compared
STEPS = (3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
EPISODES = 20


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--minutes', type=float, default=6.0, help='training of each learner')
  arguments = parser.parse_args()
  if not arguments.minutes > 0:
    parser.error('--minutes must be above 0')
  import sbx  # noqa: F401 (before the first training, rather than after it)

  config = schema.resolve(config_file.load_config('stand'))
  task = dataclasses.replace(config.task, push=dataclasses.replace(config.task.push, kind='none'))
  config = dataclasses.replace(config, task=task)
  difference = compare_rewards(config)
  print(f'largest difference between the two rewards over 200 steps: {difference:.1e}')
  learners = {
    **{name: ours(own) for name, own in OURS.items()},
    **{name: with_envs(train) for name, train in PEERS.items()},
  }
  results: dict[str, Any] = {}
  for name, train in learners.items():
    results[name] = summary(train(config, arguments.minutes * 60), config, arguments.minutes * 60)
    result = results[name]
    print(
      f'{name}: {result["steps"]:,} steps in {result["seconds"]:.0f} s, {result["rate"]:,.0f} per second;'
      f' {result["final"]:.1f} in the end',
      flush=True,
    )
    save('peers', {'minutes': arguments.minutes, 'learners': results, 'reward_difference': difference}, silently=True)
  for title, key in (('s of training', 'at_seconds'), ('environment steps', 'at_steps')):
    print(f'\nreturn after {title}')
    for name, result in results.items():
      print(f'{name:24}', *(f'{at}: {value:.1f}  ' for at, value in result[key].items()))


def with_envs(train: Callable[[Callable[[int], Any], float], Run]) -> Callable[[schema.Config, float], Run]:
  """A peer's training, given its environments: in subprocesses, if there are several."""

  def learner(config: schema.Config, seconds: float) -> Run:
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor

    def make(count: int) -> Any:
      makers = [maker(config, i) for i in range(count)]
      return VecMonitor(SubprocVecEnv(makers, start_method='spawn') if count > 1 else DummyVecEnv(makers))

    return train(make, seconds)

  return learner


def summary(run: Run, config: schema.Config, seconds: float) -> dict[str, Any]:
  """What is kept of a training. One that ended before its time keeps its last return."""
  if not run.points:
    raise SystemExit('no episode ended in this time: give more --minutes')
  first, last = run.points[0], run.points[-1]
  return {
    'rate': run.rate,
    'final': played(run.act, config),
    'at_seconds': {at: reached(run.points, 'seconds', at) for at in SECONDS if first.seconds <= at <= seconds},
    'at_steps': {at: reached(run.points, 'steps', at) for at in STEPS if first.steps <= at <= last.steps},
    'seconds': last.seconds,
    'steps': last.steps,
  }


def reached(points: list[Point], axis: str, at: float) -> float:
  """The return at this point of an axis, linearly between points; after the last point, that of it."""
  return float(np.interp(at, [getattr(p, axis) for p in points], [p.episode_return for p in points]))


def played(act: Act, config: schema.Config) -> float:
  """Mean return of whole episodes without exploration noise, in the peers' environment."""
  env, returns = maker(config, 1000)(), []
  for _ in range(EPISODES):
    (obs, _), total, over = env.reset(), 0.0, False
    while not over:
      obs, reward, terminated, truncated, _ = env.step(act(obs))
      total, over = total + reward, terminated or truncated
    returns.append(total)
  return float(np.mean(returns))


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
