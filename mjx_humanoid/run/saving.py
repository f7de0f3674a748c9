"""Saves and resumes a training: the whole state as a checkpoint, the policy as a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.find import POLICY_FILE
from mjx_humanoid.playback.policy import save_policy
from mjx_humanoid.rl.collect import Collected
from mjx_humanoid.run.checkpoint import CheckpointStore, unflatten
from mjx_humanoid.run.listeners import Listener
from mjx_humanoid.run.setup import Setup
from mjx_humanoid.run.trainer import Trainer, TrainState

if TYPE_CHECKING:
  from mjx_humanoid.run.loop import Loop

FOLDER = 'checkpoints'  # in a run's folder


class Checkpoints(Listener):
  """Saves checkpoint and policy every checkpoint_interval steps and at the end, and restores the latest."""

  def __init__(self, setup: Setup, folder: Path) -> None:
    """Args: folder: the run's folder."""
    self.store = CheckpointStore(folder / FOLDER, setup.config.keep_checkpoints)
    self._setup, self._folder = setup, folder
    self._score = -math.inf  # running mean of returns

  def on_start(self, loop: Loop) -> None:
    self._loop = loop

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    if metrics['episodes']:
      share = 0.1 if math.isfinite(self._score) else 1.0
      self._score = (1 - share) * (self._score if share < 1 else 0.0) + share * metrics['episode_return']
    if self._loop.due(self._loop.config.checkpoint_interval):
      self.save()

  def save(self) -> None:
    """Writes a checkpoint and the policy file. Raises UserError if the disk is full; older checkpoints stay."""
    loop, config = self._loop, self._loop.config
    # Returns at different levels of a curriculum are not comparable: then the latest checkpoint counts as the best.
    comparable = config.curriculum == 'none' and not config.restart_interval
    self.store.save(loop.step, self._tree(loop.state), self._score if comparable else -math.inf)
    save_policy(loop.policy(), self._folder / POLICY_FILE)

  def restore(self, trainer: Trainer) -> TrainState:
    """The training state of the latest checkpoint.

    Raises:
      UserError: there is none, it was altered, or it is of another training.
    """
    saved, arrays, path = self.store.load()
    fresh = trainer.start()
    tree = unflatten(self._tree(fresh), arrays, path)
    setup, iteration = self._setup, int(tree['iteration'])
    if saved != iteration * trainer.steps_per_iteration:
      raise UserError(
        f'config.{setup.config.algorithm}.unroll_length={setup.algorithm.unroll_length} is not that of the run; leave'
        f' it, or start a new run with --config.init_from={self._folder}.'
      )
    self._score = float(tree['score'])
    with trainer.computing():
      physics = setup.env.engine.unpack(tree['physics'])
      kept, env, env_key, key = jax.tree.map(jnp.asarray, [tree[x] for x in ('learner', 'env', 'env_key', 'key')])
    learner = setup.algorithm.restored(fresh.learner, kept)
    return TrainState(learner, Collected(physics, env, env_key), key, iteration)

  def _tree(self, state: TrainState) -> dict[str, Any]:
    """Everything that the training needs to continue."""
    return {
      'learner': self._setup.algorithm.kept(state.learner),
      'env': state.carry.env,
      'env_key': state.carry.key,
      'key': state.key,
      'physics': self._setup.env.engine.pack(state.carry.physics),
      'iteration': state.iteration,
      'score': self._score,
    }
