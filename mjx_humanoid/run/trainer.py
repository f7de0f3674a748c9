"""The training state, and its iteration: collect a batch of experience and update the learner."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.network import Actor
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.core.types import Array, Key
from mjx_humanoid.rl.algorithm import Metrics
from mjx_humanoid.rl.collect import BatchedEnv, Collected, HostCollector, collect_traced, stack
from mjx_humanoid.run import hosts
from mjx_humanoid.run.setup import Setup

BANK_SIZE = 1024  # start states in a bank


class TrainState(NamedTuple):
  """A training between two iterations."""

  learner: Any
  carry: Collected
  key: Key
  iteration: int


class Snapshot(NamedTuple):
  """What policies and checkpoints need of a training between two iterations."""

  learner: Any
  env: Any  # the environment's state
  env_key: Key
  key: Key
  physics: dict[str, Array]  # as the engine packs its state
  iteration: int


class Trainer:
  """Iterates a training. `step` is one jitted program if the physics is traceable."""

  def __init__(self, setup: Setup) -> None:
    """Compiles nothing yet."""
    self.setup = setup
    self._seed = setup.config.seed
    self.steps_per_iteration = setup.total_envs * setup.algorithm.unroll_length
    # Networks are slow to unlearn what they fitted first (Nikishin et al., 2022); learning rates that restart find
    # better policies (Loshchilov & Hutter, 2017).
    self._restarts = math.ceil(setup.config.restart_interval / self.steps_per_iteration)  # iterations between them
    self._bank: tuple[int, Any] | None = None
    self._init, self._begin = jax.jit(setup.algorithm.init), jax.jit(setup.env.begin)
    self._copy = jax.jit(functools.partial(jax.tree.map, jnp.copy))
    options = COMPILER_OPTIONS if setup.devices.platform == 'cpu' else None
    if setup.env.traceable:
      self._iterate = jax.jit(self._traced, donate_argnums=(0, 1), compiler_options=options)
      collecting = functools.partial(collect_traced, setup.env, setup.algorithm)
      self._collect_only = jax.jit(collecting, compiler_options=options)
    else:
      self._collect = HostCollector(setup.env, setup.algorithm, hosts.index())
      self._learn = jax.jit(self._stack_and_update, donate_argnums=(0,), compiler_options=options)

  @contextlib.contextmanager
  def computing(self) -> Iterator[None]:
    """For all that this training computes: on its device, and in single precision."""
    with self.setup.devices.computing(), single_precision():
      yield

  def start(self, actor: Actor | None = None, iteration: int = 0) -> TrainState:
    """A new training state from the config's seed, with the parameters of `actor` if given.

    Args:
      iteration: iteration of a restart; its random numbers differ from those of the start.
    """
    env, algorithm = self.setup.env, self.setup.algorithm
    with self.computing():
      key = jax.random.PRNGKey(self._seed)
      keys = jax.random.split(jax.random.fold_in(key, iteration) if iteration else key, 4)
      learner = self._init(keys[0])
      if actor is not None:
        learner = algorithm.adopt(learner, actor)
      process = hosts.index() if self.setup.own_envs else 0
      begin_key = jax.random.fold_in(keys[1], process) if process else keys[1]
      state, qpos, qvel = self._begin(begin_key, self.bank(iteration))
      physics = env.engine.init(qpos, qvel)
      return self.placed(TrainState(learner, Collected(physics, state, keys[2]), keys[3], iteration))

  def placed(self, state: TrainState) -> TrainState:
    """The state on the devices of the training: environments split, all else whole on each."""
    devices, carry, count = self.setup.devices, state.carry, self.setup.env.num_envs
    if self.setup.env.traceable:
      physics, env = devices.rows((carry.physics, carry.env), count)
      carry = Collected(physics, env, devices.whole(carry.key))
    return TrainState(devices.whole(state.learner), carry, devices.whole(state.key), state.iteration)

  def step(self, state: TrainState) -> tuple[TrainState, Metrics]:
    """One iteration: unroll_length steps of every environment, then one update. Consumes `state`."""
    with self.computing():
      if self.restarts_at(state.iteration):
        state = self.start(self.setup.algorithm.actor(state.learner), state.iteration)
      bank = self.bank(state.iteration)
      devices = self.setup.devices
      if self.setup.env.traceable:
        with devices.together():
          learner, carry, key, metrics = self._iterate(state.learner, state.carry, state.key, bank)
      else:
        carry, transitions, sums = self._collect(hosts.local(state.learner), state.carry, bank)
        if hosts.count() > 1:
          transitions, sums = devices.shared((transitions, jax.tree.map(lambda x: np.asarray(x)[None], sums)))
        with devices.together():
          learner, key, metrics = self._learn(state.learner, transitions, sums, state.key)
    return TrainState(learner, carry, key, state.iteration + 1), metrics

  def runs_ahead(self, state: TrainState) -> bool:
    """Whether an iteration may start before the results of the one before it are fetched.

    Where physics is stepped from the host, every iteration begins by waiting for the last update. Algorithms with
    arrays beside the checkpoint, such as a replay memory, have them once: the next iteration would overwrite them.
    """
    return self.setup.env.traceable and not self.setup.algorithm.apart(state.learner)

  def snapshot(self, state: TrainState, *, copied: bool = False) -> Snapshot:
    """What policies and checkpoints need of a state.

    Args:
      copied: as copies, made on the device, which the next iteration does not consume.
    """
    carry, physics = state.carry, self.setup.env.engine.pack(state.carry.physics)
    parts = (state.learner, carry.env, carry.key, state.key, physics)
    if copied:
      with self.computing(), self.setup.devices.together():
        parts = self._copy(parts)
    return Snapshot(*parts, state.iteration)

  def collect(self, state: TrainState) -> tuple[Collected, Any, Any]:
    """unroll_length steps of every environment without an update: what is carried, transitions and sums of metrics.

    For measurements. `state` is not consumed, but environments of the native engine move on.
    """
    with self.computing():
      bank = self.bank(state.iteration)
      if not self.setup.env.traceable:
        return self._collect(hosts.local(state.learner), state.carry, bank)
      with self.setup.devices.together():
        return self._collect_only(state.learner, state.carry, bank)

  def memory(self, state: TrainState) -> int:
    """Bytes that an iteration needs on its devices, as XLA reports them of the compiled program.

    Plus C MuJoCo's state, or the snapshot of a training that runs ahead. Compiles the program, or takes it from the
    compilation cache. Environments of the native engine move on.
    """
    with self.computing(), self.setup.devices.together():
      if self.setup.env.traceable:
        lowered = self._iterate.lower(state.learner, state.carry, state.key, self.bank(state.iteration))
      else:
        _, transitions, sums = self.collect(state)
        lowered = self._learn.lower(state.learner, transitions, sums, state.key)
      needs: Any = lowered.compile().memory_analysis()
      *parts, physics, _ = self.snapshot(state)
      beside = () if self.setup.env.traceable else (physics,)
      own = sum(x.nbytes for x in jax.tree.leaves((*parts, physics) if self.runs_ahead(state) else beside))
    total = needs.argument_size_in_bytes + needs.output_size_in_bytes + needs.temp_size_in_bytes
    return int(total - needs.alias_size_in_bytes + own)

  def restarts_at(self, iteration: int) -> bool:
    """Whether training restarts at this iteration, from its own policy."""
    return bool(iteration and self._restarts) and iteration % self._restarts == 0

  def bank(self, iteration: int) -> Any:
    """The start states of an iteration. They depend only on the seed, so a resumed run has the same."""
    number = iteration // self.setup.bank_iterations
    if self._bank is None or self._bank[0] != number:
      bank = self.setup.env.make_bank(np.random.default_rng([self._seed, number]), BANK_SIZE)
      bank = jax.tree.map(jnp.asarray, bank)
      self._bank = (number, bank if self.setup.own_envs else self.setup.devices.whole(bank))
    return self._bank[1]

  def _traced(self, learner: Any, carry: Collected, key: Key, bank: Any) -> tuple[Any, Collected, Key, Metrics]:
    key, update_key = jax.random.split(key)
    carry, batch, sums = collect_traced(self.setup.env, self.setup.algorithm, learner, carry, bank)
    learner, metrics = self.setup.algorithm.update(learner, batch, update_key)
    after = self.placed(TrainState(learner, carry, key, 0))  # as it came, so that the next call is the same program
    return after.learner, after.carry, after.key, means(sums) | metrics | overflow(self.setup.env, carry.physics)

  def _stack_and_update(
    self, learner: Any, transitions: list[Any], sums: list[Metrics], key: Key
  ) -> tuple[Any, Key, Metrics]:
    key, update_key = jax.random.split(key)
    if (processes := hosts.count()) > 1:  # an axis in front of each
      sums = [jax.tree.map(lambda x, i=i: x[i], each) for each in sums for i in range(processes)]
    batch, total = stack(transitions, sums)
    learner, metrics = self.setup.algorithm.update(learner, batch, update_key)
    return learner, key, means(total) | metrics


def overflow(env: BatchedEnv, physics: Any) -> Metrics:
  """Environments whose contacts did not fit at the end of an iteration; nothing for engines that have room for all."""
  count = env.engine.overflow(physics) if hasattr(env.engine, 'overflow') else None
  return {} if count is None else {'overflow': count}


def means(sums: Metrics) -> Metrics:
  """Means from the sums of the environment: per finished episode, and per step for reward terms."""
  episodes = jnp.maximum(sums['episodes'], 1)
  per_episode = {k: sums[k] / episodes for k in ('episode_return', 'episode_length')}
  per_step = {k: v / sums['steps'] for k, v in sums.items() if k.startswith('term/') or k == 'level'}
  counts = {k: v for k, v in sums.items() if k in ('episodes', 'diverged') or k.startswith('invalid_')}
  return {**counts, **per_episode, **per_step}
