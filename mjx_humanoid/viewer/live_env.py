"""One simulated robot in C MuJoCo that a user can steer, push and reset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core.types import Inputs, View
from mjx_humanoid.physics import randomize
from mjx_humanoid.physics.model import quiet
from mjx_humanoid.physics.rotations import heading_of
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.playback.rollout import Frame, record
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.viewer.steering import Steering, steered


class HandPush(NamedTuple):
  """A force of the user's on one body."""

  body: int  # id
  force: np.ndarray  # [3] N, in the world
  steps: int  # control steps that it still lasts


class Motion(NamedTuple):
  """The states after each physics step of one control step."""

  qpos: np.ndarray  # [S, nq]
  qvel: np.ndarray  # [S, nv]


class LiveEnv:
  """One robot under one policy, on the control step and the physics of report cards.

  The user's pushes are added to those of the task. Nothing here is safe to call from two threads at once.
  """

  context: Context  # [1, ...] of the latest control step

  def __init__(self, stage: Stage, steering: Steering, rng: np.random.Generator) -> None:
    """An environment in the standing pose.

    Args:
      stage: policy, task and model.
      steering: the user's command; may change at any time.
      rng: generator of commands, pushes and noise.
    """
    self._steering, self._rng = steering, rng
    self._pushes: list[HandPush] = []
    self.play(stage)
    self.reset(stage.task.body.default_qpos.astype(float), np.zeros(stage.model.nv))

  def play(self, stage: Stage) -> None:
    """Takes another policy, whose robot has the same model; it continues from the present state after `restart`."""
    self.stage, self.task = stage, steered(stage.task, self._steering)
    fields = randomize.randomized_fields(stage.model, self.task.config.randomization, self._rng, 1)
    self._model = randomize.varied_models(stage.model, fields, 1)[0]
    self._data = mujoco.MjData(self._model)

  def reset(self, qpos: np.ndarray, qvel: np.ndarray) -> None:
    """Begins an episode at qpos [nq], qvel [nv]."""
    self.steps = 0
    self._pushes.clear()
    mujoco.mj_resetData(self._model, self._data)
    self._data.qpos[:], self._data.qvel[:] = qpos, qvel
    start = view_states(self._model, np.asarray(qpos, float)[None], np.asarray(qvel, float)[None])
    self.context = self.task.context.start(start, np.zeros((1, self.task.context.draws)))
    self._frames: Iterator[Frame] = record(self.task, self.stage.controller, start, self._physics, self._rng)
    self.motion = Motion(self._data.qpos[None].copy(), self._data.qvel[None].copy())

  def continue_with(self, stage: Stage) -> None:
    """Takes another policy, whose robot has the same model, and goes on from the present state."""
    qpos, qvel = self._data.qpos.copy(), self._data.qvel.copy()
    self.play(stage)
    self.reset(qpos, qvel)

  def push(self, body: int, force: np.ndarray, seconds: float) -> None:
    """Pushes a body (id) with force [3] N in the world from the next control step on."""
    self._pushes.append(HandPush(body, np.asarray(force, float), max(1, round(seconds / self.task.body.control_step))))

  @property
  def pushes(self) -> tuple[HandPush, ...]:
    """The user's pushes that still last."""
    return tuple(self._pushes)

  @property
  def facing(self) -> np.ndarray:
    """Direction that the root faces now, a unit vector on the floor [2]."""
    return np.asarray(heading_of(self.task.body.root.quaternion(self._data.qpos)))

  @property
  def ctrl(self) -> np.ndarray:
    """Controls [nu] of the latest control step."""
    return self._data.ctrl.copy()

  def step(self) -> Frame:
    """One control step. `motion` then holds the states on the way."""
    frame = next(self._frames)
    self.steps += 1
    self.context = frame.context
    return frame

  def _physics(self, inputs: Inputs) -> View:
    """One control step of physics, as in playback.rollout: without a warm start of the solver."""
    data, body = self._data, self.task.body
    data.ctrl[:] = inputs.ctrl[0]
    data.xfrc_applied[:] = 0
    if inputs.force is not None:
      data.xfrc_applied[body.root.body, :3] += inputs.force[0]
    for push in self._pushes:
      data.xfrc_applied[push.body, :3] += push.force
    if inputs.kick is not None:
      elements, axes = body.root.kicks
      data.qvel[elements] += inputs.kick[0] @ axes.T
    data.qacc_warmstart[:] = 0
    states = np.empty((body.substeps, self._model.nq + self._model.nv))
    with quiet():
      for row in states:
        mujoco.mj_step(self._model, data)
        row[: self._model.nq], row[self._model.nq :] = data.qpos, data.qvel
    self.motion = Motion(states[:, : self._model.nq], states[:, self._model.nq :])
    self._pushes = [push._replace(steps=push.steps - 1) for push in self._pushes if push.steps > 1]
    return self._view(inputs.ctrl)

  def _view(self, ctrl: np.ndarray) -> View:
    data = self._data
    with np.errstate(over='ignore'):
      numbers = (np.array(data.time), data.qpos, data.qvel, np.asarray(ctrl[0]), data.sensordata)
      return View(*(np.asarray(x, np.float32)[None] for x in numbers))
