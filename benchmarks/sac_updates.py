"""Gradient updates per second of SAC: this package, SBX (JAX) and Stable-Baselines3 (PyTorch), on one machine.

  pip install -e '.[peers]'
  python benchmarks/sac_updates.py

The same sizes (54 observations and 21 actions, near those of `stand`), the same networks (actor and two critics of
2x256 units with ReLU), batches of 256, 64 updates at a time from a replay memory of 100,000 random transitions. Ours is
the preset `classic`, which computes the same update as the peers, and the preset `fast` with the critics of
configs/stand_sac.py. A figure contains what each does for its updates: drawing from its memory, the updates themselves,
and for ours also the storing of 64 transitions. They run in turns, three times.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from common import save

from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.sac import SACConfig
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.types import Transition
from mjx_humanoid.rl import sac
from mjx_humanoid.rl.algorithm import Spec

OBSERVATION, ACTION = 54, 21
LAYERS, BATCH, UPDATES, STORED = (256, 256), 256, 64, 100_000
ENVS, UNROLL = 32, 2
SECONDS, ROUNDS = 10.0, 3
SMALL = {'critic_width': 64, 'critic_expansion': 2}  # of configs/stand_sac.py
Update = Callable[[], None]


def main() -> None:
  rng = np.random.default_rng(0)
  data = {
    'obs': rng.standard_normal((STORED, OBSERVATION), np.float32),
    'next_obs': rng.standard_normal((STORED, OBSERVATION), np.float32),
    'action': rng.uniform(-1, 1, (STORED, ACTION)).astype(np.float32),
    'reward': rng.uniform(0, 1, STORED).astype(np.float32),
  }
  peers = {
    'classic': ours(data, preset='classic'),
    'sbx': sbx(data),
    'stable_baselines3': sb3(data),
    'fast': ours(data, preset='fast', **SMALL),
  }
  rates: dict[str, list[float]] = {name: [] for name in peers}
  for _ in range(ROUNDS):
    for name, update in peers.items():
      rates[name].append(rate(update))
      print(f'{name}: {rates[name][-1]:,.0f} gradient updates/s', flush=True)
  ratios = {
    f'{mine}/{peer}': [a / b for a, b in zip(rates[mine], rates[peer], strict=True)]
    for mine in ('classic', 'fast')
    for peer in ('sbx', 'stable_baselines3')
  }
  for name, values in ratios.items():
    print(f'{name}: {np.median(values):.2f} (median), {min(values):.2f} to {max(values):.2f}')
  save('sac_updates', {'updates_per_second': rates, 'ratios': ratios})


def rate(update: Update) -> float:
  """Gradient updates/s of a function that makes UPDATES of them; the first two calls are not counted."""
  update(), update()
  start, calls = time.perf_counter(), 0
  while time.perf_counter() - start < SECONDS:
    update()
    calls += 1
  return calls * UPDATES / (time.perf_counter() - start)


def ours(data: dict[str, np.ndarray], **options: Any) -> Update:
  """The update of this package."""
  network = NetworkConfig(policy_layers=LAYERS, value_layers=LAYERS, activation='relu', symmetric=False)
  ratio = UPDATES / (ENVS * UNROLL)
  hyper = SACConfig(
    unroll_length=UNROLL, updates_per_step=ratio, batch_size=BATCH, replay_size=STORED, warmup_steps=0,
    normalize_observations=False, gamma=0.99, **options,
  )  # fmt: skip
  spec = Spec(OBSERVATION, ACTION, mirror=lambda: None)
  algorithm = sac.make(Config(algorithm='sac', num_envs=ENVS, network=network), spec, hyper)
  learner = algorithm.init(jax.random.key(0))
  rows = len(learner.replay.reward)  # a little more than STORED
  full = {name: jnp.asarray(np.resize(x, (rows, *x.shape[1:]))) for name, x in data.items()}
  filled = jnp.asarray(rows // ENVS, jnp.int32)
  learner = learner._replace(replay=learner.replay._replace(**full, filled=filled))
  state = [jax.tree.map(jnp.copy, learner)]  # each array a buffer of its own, to be donated
  flags = jnp.zeros((UNROLL, ENVS), bool)
  batch = Transition(
    **{name: x[: UNROLL * ENVS].reshape(UNROLL, ENVS, *x.shape[1:]) for name, x in full.items()},
    terminated=flags, truncated=flags, extras={},
  )  # fmt: skip
  step, keys = jax.jit(algorithm.update, donate_argnums=0), [jax.random.key(1)]

  def update() -> None:
    keys[0], key = jax.random.split(keys[0])
    state[0], metrics = step(state[0], batch, key)
    jax.block_until_ready(metrics)

  return update


def peer(make: Callable[[Any], Any], data: dict[str, np.ndarray]) -> Any:
  """A model of SB3's interface with a full memory."""
  import gymnasium
  from stable_baselines3.common.logger import Logger

  class Spaces(gymnasium.Env[np.ndarray, np.ndarray]):
    """Only the sizes: no step is made."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (OBSERVATION,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION,), np.float32)

  model = make(Spaces())
  model.set_logger(Logger(None, []))
  no = np.zeros(1, bool)
  for i in range(STORED):
    row = {name: x[i : i + 1] for name, x in data.items()}
    model.replay_buffer.add(row['obs'], row['next_obs'], row['action'], row['reward'], no, [{}])
  return model


def sbx(data: dict[str, np.ndarray]) -> Update:
  """The update of SBX."""
  from sbx import SAC

  model = peer(lambda env: SAC('MlpPolicy', env, buffer_size=STORED, policy_kwargs={'net_arch': list(LAYERS)}), data)

  def update() -> None:
    model.train(UPDATES, BATCH)
    jax.block_until_ready(model.policy.qf_state.params)

  return update


def sb3(data: dict[str, np.ndarray]) -> Update:
  """The update of Stable-Baselines3."""
  from stable_baselines3 import SAC

  def make(env: Any) -> Any:
    return SAC('MlpPolicy', env, buffer_size=STORED, policy_kwargs={'net_arch': list(LAYERS)}, device='cpu')

  model = peer(make, data)
  return lambda: model.train(UPDATES, BATCH)


if __name__ == '__main__':
  main()
