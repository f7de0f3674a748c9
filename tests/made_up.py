"""Episodes whose every number is chosen by hand, and the tasks that they are of."""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.types import View
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.task import make_task


def changed(task, settings):
  """The task with other settings, by dotted name: {'command.value': (1, 0, 0)}."""
  return make_task(replaced(task.config, settings, 'config.task'), task.body)


def at_rest(body, episodes=2, steps=4):
  """A torso that stays upright at standing height and faces along x, all else zero; for a test to change in place."""
  shape = (episodes, steps)
  sensors = np.zeros((*shape, max(part.stop for part in body.sensors.values())))
  sensors[..., body.sensors['torso_up']] = (0, 0, 1)
  sensors[..., body.sensors['torso_pos']] = (0, 0, body.robot.standing_height)
  qpos = np.zeros((*shape, body.nq))
  qpos[..., 3] = 1
  arrays = (np.zeros(shape), qpos, np.zeros((*shape, body.nv)), np.zeros((*shape, body.nu)), sensors)
  views = View(*(array.astype(np.float32) for array in arrays))
  start = View(*(array[:, 0].copy() for array in views))
  contexts = Context(
    step=np.tile(np.arange(1, steps + 1, dtype=np.int32), (episodes, 1)),
    last_action=np.zeros((*shape, body.nu), np.float32),
    command=np.zeros((*shape, 3), np.float32),
    heading=np.tile(np.array([1, 0], np.float32), (*shape, 1)),
    target_position=np.zeros((*shape, 2), np.float32),
    phase=np.zeros(shape, np.float32),
    duty=np.ones(shape, np.float32),
    requested=np.zeros((*shape, 3), np.float32),
  )
  return Trajectories(views, start, np.zeros(shape, bool), contexts)


def sensor(paths, body, name):
  """The readings [N, T, n] of a sensor, to be changed in place."""
  return paths.views.sensordata[..., body.sensors[name]]


def face(paths, angles):
  """Turns the torso to the left by angles in degrees, which broadcast to [N, T]."""
  half = np.radians(np.broadcast_to(angles, paths.terminated.shape)) / 2
  paths.views.qpos[..., 3], paths.views.qpos[..., 6] = np.cos(half), np.sin(half)


def ended(paths, episode, step):
  """The same episodes, of which this one ends at this step."""
  paths.terminated[episode, step:] = True
  return paths
