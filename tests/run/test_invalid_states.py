"""Protects the sentence and the file about a state whose reward was not finite, for the humanoid."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mjx_humanoid.envs.invalid import HEAD
from mjx_humanoid.run.invalid_states import FILE, show


@pytest.fixture
def row(standing_task):
  """Environment 3, 40 control steps old: a quarter turn about y, 0.3 m high, a knee bent too far, an elbow moving."""
  body = standing_task[0].body
  qpos, qvel, ctrl = body.default_qpos.copy(), np.zeros(body.nv, np.float32), np.full(body.nu, 0.25, np.float32)
  qpos[2:7] = [0.3, np.sqrt(0.5), 0, np.sqrt(0.5), 0]
  qpos[7 + body.joint_index('knee_left')] = -3.5
  qvel[6 + body.joint_index('elbow_left')] = -12.5
  return np.concatenate([[1, 3, 40], qpos, qvel, ctrl]).astype(np.float32)


def test_a_state_is_described_and_opens_in_mujoco(standing_task, tmp_path, row):
  task = standing_task[0]
  told = show(task, row, tmp_path)
  low, high = task.body.joint_range[task.body.joint_index('knee_left')]
  assert told.startswith(
    f'For example environment 3, {40 * task.body.control_step:.2f} s into its episode: torso 0.30 m high, tilted by 90'
    f' degrees, knee_left at -3.50, outside {low:.2f} to {high:.2f}, elbow_left fastest with -12.5 rad/s.'
  )
  assert f'--mjcf={tmp_path / FILE}' in told
  model = mujoco.MjModel.from_xml_path(str(tmp_path / FILE))
  key = model.key('invalid')
  found = np.concatenate([key.qpos, key.qvel, key.ctrl])
  np.testing.assert_array_equal(found.astype(np.float32), row[HEAD:])
  assert key.time[0] == pytest.approx(40 * task.body.control_step)


def test_a_full_disk_leaves_the_description(standing_task, tmp_path, row, full_disk):
  full_disk()
  told = show(standing_task[0], row, tmp_path)
  assert told.startswith('For example environment 3')
  assert 'mujoco.viewer' not in told
  assert not list(tmp_path.iterdir())


def test_no_state_is_no_sentence(standing_task, tmp_path, row):
  row[0] = 0
  assert show(standing_task[0], row, tmp_path) == ''
