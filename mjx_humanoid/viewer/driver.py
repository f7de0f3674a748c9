"""A policy that drives a simulation which another program steps, such as MuJoCo Studio."""

from __future__ import annotations

import mujoco
import numpy as np

from mjx_humanoid.core.types import View
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.tasks import step as control
from mjx_humanoid.viewer.steering import Steering, steered


class Driver:
  """A policy that drives a simulation which another program steps, one physics step at a time.

  The control step is that of playback; sensor noise and delays of the task are left out. Where time runs backwards, as
  after a reset, a new episode begins.
  """

  def __init__(self, stage: Stage, steering: Steering, rng: np.random.Generator) -> None:
    """Args: steering: the user's command; rng: of commands and pushes."""
    self._stage, self._rng, self.task = stage, rng, steered(stage.task, steering)
    self._episode: control.Episode | None = None
    self._last, self._left = -np.inf, 0  # time of the latest physics step, and those left of the control step

  def before_step(self, data: mujoco.MjData) -> None:
    """Sets controls and forces of the next physics step; forces of the mouse stay."""
    if data.time < self._last or self._episode is None:
      self._begin(data)
    elif not self._left:
      self._advance(data)
    if not self._left:
      self._act(data)
    self._left -= 1
    self._last = data.time
    data.ctrl[:] = self._ctrl
    if self._force is not None:
      data.xfrc_applied[self.task.body.root.body, :3] += self._force

  def _view(self, data: mujoco.MjData) -> View:
    numbers = (np.array(data.time), data.qpos, data.qvel, data.ctrl, data.sensordata)
    return View(*(np.asarray(x, np.float32)[None] for x in numbers))

  def _begin(self, data: mujoco.MjData) -> None:
    uniform = self._rng.random((1, self.task.context.draws))
    episode = control.begin(self.task, self._view(data), uniform, np.zeros(1, int))
    self._episode, self._left = self._pushed(episode), 0

  def _advance(self, data: mujoco.MjData) -> None:
    assert self._episode is not None
    uniform = self._rng.random((1, self.task.context.draws))
    self._episode = self._pushed(control.advance(self.task, self._episode, self._view(data), uniform))

  def _pushed(self, episode: control.Episode) -> control.Episode:
    return control.push(self.task, episode, self._rng.random((1, control.PUSH_DRAWS)))

  def _act(self, data: mujoco.MjData) -> None:
    assert self._episode is not None
    obs = control.observe(self.task, self._view(data), self._episode.context)
    self._episode, inputs = control.act(self.task, self._episode, np.asarray(self._stage.controller(obs)))
    self._ctrl, self._left = inputs.ctrl[0], self.task.body.substeps
    self._force = None if inputs.force is None else np.asarray(inputs.force[0])
    if inputs.kick is not None:
      elements, axes = self.task.body.root.kicks
      data.qvel[elements] += inputs.kick[0] @ axes.T
