"""A trajectory as a self-contained MJCF file: the robot's model, and a keyframe for each control step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.physics.model import self_contained_xml
from mjx_humanoid.playback.cards import episode_of_card
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import check_fit, task_and_model
from mjx_humanoid.playback.trajectories import Trajectory
from mjx_humanoid.tasks.task import Task, make_task

END = '</mujoco>'


def own_task(policy: Policy, changes: Mapping[str, Any]) -> tuple[Task, mujoco.MjModel, str]:
  """The policy's task without pushes and randomization, and the model of the file with its MJCF text.

  Args:
    changes: other settings of the task, by dotted name.

  Raises:
    UserError: a policy that does not fit its robot, or settings that do not exist.
  """
  task, model = task_and_model(policy.task)
  check_fit(policy, task, model)
  text = self_contained_xml(task.body.robot, keyframes=False)
  changes = {**episode_of_card(policy.task), 'push.kind': 'none', 'randomization': {}, **changes}
  config = replaced(policy.task, changes, 'config.task')
  return make_task(config, task.body), mujoco.MjModel.from_xml_string(text), text


def with_keyframes(text: str, trajectory: Trajectory, every: int = 1) -> str:
  """The model with every n-th row of a trajectory as a keyframe, named after its time, in full precision."""
  body, steps = trajectory.body, trajectory.substeps
  rows = range(0, len(trajectory.time), every)
  # Milliseconds are enough, unless the control step is not a whole number of them.
  digits = 3 if np.isclose(body.control_step * 1e3, round(body.control_step * 1e3), atol=1e-6) else 6
  spacing, following = every * body.control_step, 'keyframe' if every == 1 else 'control step'
  lines = [
    f'  <!-- {len(rows)} keyframes, {spacing:g} s apart: time, qpos and qvel at the beginning of a control step, and',
    '       the ctrl that is held from there on, in [-1, 1].',
    f'       mj_resetDataKeyframe and {steps} times mj_step lead to the next {following}, to the last bit. -->',
    '  <keyframe>',
  ]
  for row in rows:
    time = float(trajectory.time[row])
    name = f't_{time:0{5 + digits}.{digits}f}'
    lines.append(_key(name, time, trajectory.qpos[row], trajectory.qvel[row], trajectory.ctrl[row]))
  return _with_lines(text, [*lines, '  </keyframe>'])


def with_state(text: str, name: str, time: float, qpos: np.ndarray, qvel: np.ndarray, ctrl: np.ndarray) -> str:
  """The model with one keyframe: qpos [nq], qvel [nv] and the ctrl [nu] that led there."""
  return _with_lines(text, ['  <keyframe>', _key(name, time, qpos, qvel, ctrl), '  </keyframe>'])


def _key(name: str, time: float, *arrays: np.ndarray) -> str:
  qpos, qvel, ctrl = (' '.join(map(repr, array.tolist())) for array in arrays)
  return f'    <key name="{name}" time="{time!r}" qpos="{qpos}" qvel="{qvel}" ctrl="{ctrl}"/>'


def _with_lines(text: str, lines: list[str]) -> str:
  before, end, after = text.rpartition(END)
  return '\n'.join([before.rstrip(), '', *lines, end + after])
