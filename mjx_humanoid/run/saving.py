"""Saves and resumes a training: the whole state as a checkpoint, the policy as a file."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from mjx_humanoid.core.config import ppo
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.run_folder import CHECKPOINTS, POLICY_FILE
from mjx_humanoid.playback.policy import load_policy, save_policy
from mjx_humanoid.rl.collect import Collected
from mjx_humanoid.run import hosts
from mjx_humanoid.run.apart import FOLDER, ArrayStore
from mjx_humanoid.run.checkpoint import CheckpointStore, unflatten
from mjx_humanoid.run.listeners import Listener
from mjx_humanoid.run.setup import Setup
from mjx_humanoid.run.trainer import Snapshot, Trainer, TrainState

if TYPE_CHECKING:
  from mjx_humanoid.run.loop import Loop


class Checkpoints(Listener):
  """Saves checkpoint and policy before the first update, by steps, by time and at the end, and restores them."""

  def __init__(self, setup: Setup, folder: Path) -> None:
    """Args: folder: the run's folder."""
    self.store = CheckpointStore(folder / CHECKPOINTS, setup.config.keep_checkpoints)
    self._setup, self._folder = setup, folder
    self._apart = ArrayStore(folder / FOLDER)
    self._score = -math.inf  # running mean of returns
    self._saved = 0.0  # when, by the monotonic clock

  def on_start(self, loop: Loop) -> None:
    self._loop, self._saved = loop, time.monotonic()
    self.store.say = loop.say
    if hosts.agreed(not self.store.steps()):
      self.save()

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    if metrics['episodes']:
      share = 0.1 if math.isfinite(self._score) else 1.0
      self._score = (1 - share) * (self._score if share < 1 else 0.0) + share * metrics['episode_return']
    if self._loop.due(self._loop.config.checkpoint_interval) or self._late():
      self.save()

  def _late(self) -> bool:
    loop, longest = self._loop, self._loop.config.checkpoint_seconds
    late = 0 < longest <= time.monotonic() - self._saved and loop.step < loop.total
    return longest > 0 and hosts.agreed(late)  # clocks differ

  def save(self) -> None:
    """Writes a checkpoint and the policy file. Raises UserError if the disk is full; older checkpoints stay."""
    loop, config = self._loop, self._loop.config
    # Returns at different levels of a curriculum are not comparable: then the latest checkpoint counts as the best.
    comparable = config.curriculum == 'none' and not config.restart_interval
    score = self._score if comparable else -math.inf
    policy, now = loop.policy(), loop.snapshot()
    tree = hosts.joined(self._tree(now), self._setup.own_envs)
    if hosts.first():
      if apart := self._setup.algorithm.apart(hosts.local(now.learner)):
        self._apart.save(loop.step, apart)  # before the checkpoint that needs it
      self.store.save(loop.step, tree, score, lambda f: save_policy(policy, f / POLICY_FILE))
      if apart:
        self._apart.keep(loop.step)
      save_policy(policy, self._folder / POLICY_FILE)
    self._saved = time.monotonic()

  def nothing(self) -> bool:
    """Whether the run was stopped before its first checkpoint, so that it can start again."""
    return not (self._folder / POLICY_FILE).exists() and not self.store.recovered_steps()

  def restore(self, trainer: Trainer, step: int | None = None) -> TrainState:
    """The training state of a checkpoint, by default the latest.

    Raises:
      UserError: there is none, it was altered, or it is of another training.
    """
    saved, arrays, path = self.store.load(step)
    fresh, own = trainer.start(), self._setup.own_envs
    try:
      expected = hosts.joined(self._tree(trainer.snapshot(fresh)), own)
      tree = hosts.own_rows(unflatten(expected, arrays, path), own)
    except UserError:
      self._check_settings(path)
      raise
    setup, iteration = self._setup, int(tree['iteration'])
    if saved != iteration * trainer.steps_per_iteration:
      section = 'ppo' if setup.config.algorithm in ppo.USERS else setup.config.algorithm
      raise UserError(
        f'config.{section}.unroll_length={setup.algorithm.unroll_length} is not that of the run; leave'
        f' it, or start a new run with --config.init_from={self._folder}.'
      )
    self._score = float(tree['score'])
    with trainer.computing():
      physics = setup.env.engine.unpack(tree['physics'])
      kept, env, env_key, key = jax.tree.map(jnp.asarray, [tree[x] for x in ('learner', 'env', 'env_key', 'key')])
      learner = self._rejoined(setup.algorithm.restored(fresh.learner, kept), saved)
    return trainer.placed(TrainState(learner, Collected(physics, env, env_key), key, iteration))

  def _rejoined(self, learner: Any, step: int) -> Any:
    """The learner with the arrays kept beside the checkpoint of a step, unless they are missing or of another size."""
    algorithm = self._setup.algorithm
    needed = algorithm.apart(learner)
    if not needed:
      return learner
    arrays = self._apart.load(step)
    if arrays is None or {k: v.shape for k, v in arrays.items()} != {k: v.shape for k, v in needed.items()}:
      why = 'is not kept' if arrays is None else 'has another size'
      self.store.say(f'the replay memory of step {step:,} {why}: training goes on with an empty one.')
      return learner
    return algorithm.rejoined(learner, jax.tree.map(jnp.asarray, arrays))

  def _check_settings(self, checkpoint: Path) -> None:
    """Raises UserError where the engine or the number of environments is not the checkpoint's."""
    files = [folder / POLICY_FILE for folder in (checkpoint, self._folder)]
    file = next((file for file in files if file.is_file()), None)
    before = load_policy(file).info if file else {}
    env = self._setup.env
    for name, now in (('engine', env.engine.name), ('num_envs', self._setup.total_envs)):
      if before.get(name, now) != now:
        raise UserError(
          f'this run was trained with config.{name}={before[name]}, and here it is {now}: its simulations continue only'
          f' with --config.{name}={before[name]}. To train another run from its policy:'
          f' --config.init_from={self._folder}.'
        )

  def _tree(self, snapshot: Snapshot) -> dict[str, Any]:
    """Everything that the training needs to continue."""
    kept = self._setup.algorithm.kept(snapshot.learner)
    return {**snapshot._asdict(), 'learner': kept, 'score': self._score}
