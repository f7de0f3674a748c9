"""Shows in which state a reward was not finite: in a line, and as a file that MuJoCo opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mjx_humanoid.core.border import typed
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import write_text
from mjx_humanoid.core.types import View
from mjx_humanoid.envs.invalid import InvalidState, unpack
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.model import self_contained_xml
from mjx_humanoid.playback.keyframes import with_state
from mjx_humanoid.tasks.task import Task

FILE = 'invalid_reward.xml'  # in the folder of a run


def show(task: Task, row: np.ndarray, folder: Path) -> str:
  """A sentence about the state in a row of metrics, which it also writes into the run's folder; '' if there is none.

  Args:
    row: see envs/invalid.py.
  """
  body = task.body
  state = unpack(row, body.nq, body.nv)
  if state is None:
    return ''
  seconds = state.step * body.control_step
  told = f'For example environment {state.environment}, {seconds:.2f} s into its episode: {describe(body, state)}.'
  try:
    model = self_contained_xml(body.robot, keyframes=False)
    write_text(folder / FILE, with_state(model, 'invalid', seconds, *state[2:]), 'the state')
  except UserError:  # a model with meshes, or a full disk
    return told
  return f'{told} To see it: python -m mujoco.viewer --mjcf={typed(folder / FILE)} and load its keyframe.'


def describe(body: Body, state: InvalidState) -> str:
  """Height and tilt of the root, the joint furthest outside its range if any is, and the fastest joint."""
  qpos, qvel = state.qpos[None], state.qvel[None]
  view = View(np.zeros(1, np.float32), qpos, qvel, state.ctrl[None], np.zeros((1, 0), np.float32))
  tilt = np.degrees(np.arccos(np.clip(body.up(view)[0, 2], -1, 1)))
  parts = [f'{body.robot.root} {body.height(view)[0]:.2f} m high, tilted by {tilt:.0f} degrees']
  angles, speeds = body.joint_angles(view)[0], body.joint_velocities(view)[0]
  if len(angles):
    outside = np.maximum(body.joint_range[:, 0] - angles, angles - body.joint_range[:, 1])
    if (worst := int(np.argmax(outside))) >= 0 and outside[worst] > 0:
      low, high = body.joint_range[worst]
      parts.append(f'{body.joint_names[worst]} at {angles[worst]:.2f}, outside {low:.2f} to {high:.2f}')
    fastest = int(np.argmax(np.abs(speeds)))
    unit = 'm/s' if body.joint_slides[fastest] else 'rad/s'
    parts.append(f'{body.joint_names[fastest]} fastest with {speeds[fastest]:.1f} {unit}')
  return ', '.join(parts)
