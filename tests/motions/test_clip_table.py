"""Protects the table of a clip: its states at control steps, velocities against C MuJoCo, and how it ends."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest
from clip_tools import swaying

from mjx_humanoid.motions import clips
from mjx_humanoid.motions.clip_table import clip_table, is_symmetric
from mjx_humanoid.physics.symmetry import joint_map

DT = 0.02  # s, a control step


@pytest.fixture(scope='module')
def sway(body):
  """A loop of 1 s that leads 0.5 m ahead."""
  return clips.carry(swaying(body, count=51), 'sway')


@pytest.fixture(scope='module')
def table(sway, body):
  return clip_table(sway, body, once=False)


def test_a_loop_has_a_row_for_each_control_step_and_none_twice(table, body):
  assert body.control_step == pytest.approx(DT)
  assert (len(table), table.loop, table.turn) == (50, True, 0.0)
  np.testing.assert_allclose(table.advance, [0.5, 0], atol=1e-6)
  np.testing.assert_allclose(table.qpos[25, 0], 0.25, atol=1e-6)


def test_velocities_lead_from_a_row_to_the_next_but_one(table, model):
  """By MuJoCo's own integration of positions over two control steps."""
  for row in (10, 30):
    pose = table.qpos[row - 1].astype(float)
    mujoco.mj_integratePos(model, pose, table.qvel[row].astype(float), 2 * DT)
    np.testing.assert_allclose(pose, table.qpos[row + 1], atol=1e-5)


def test_feet_and_centre_of_mass_are_those_of_c_mujoco(table, model, body):
  data = mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = table.qpos[7], table.qvel[7]
  mujoco.mj_forward(model, data)
  mujoco.mj_subtreeVel(model, data)
  np.testing.assert_allclose(table.feet[7, 1], data.body('foot_right').xpos - data.body('torso').xpos, atol=1e-5)
  np.testing.assert_allclose(table.com[7], data.body('torso').subtree_linvel, atol=1e-4)


def test_played_once_it_leads_into_the_relaxed_stance(sway, body):
  table = clip_table(sway, body, once=True)
  assert (len(table), table.loop) == (51 + 40 + 20, False)  # 1 s, 0.8 s to the stance, 0.4 s in it
  np.testing.assert_allclose(table.qpos[-1, 7:], body.relaxed_angles, atol=1e-5)
  np.testing.assert_allclose(table.qpos[-1, :3], [0.5, 0, body.robot.standing_height], atol=1e-5)
  assert np.abs(table.qvel[-1]).max() == 0
  np.testing.assert_allclose(table.qpos[:51], [*clip_table(sway, body, once=False).qpos[:50], table.qpos[50]])


def test_a_clip_that_is_held_stays_in_its_last_pose(body):
  clip = dataclasses.replace(swaying(body, count=51), loop=False, held=True)
  table = clip_table(clips.carry(clip, 'held'), body, once=False)
  assert (len(table), table.loop) == (51 + 20, False)  # 1 s, and 0.4 s in its last pose
  np.testing.assert_allclose(table.qpos[50:], np.repeat(clip.qpos[-1:], 21, axis=0), atol=1e-6)
  assert np.abs(table.qvel[52:]).max() == 0


def test_a_loop_whose_second_half_mirrors_the_first_is_symmetric(table, body):
  """The sway moves left and right joints alike; a gait moves them half a loop apart."""
  import dataclasses

  joints = joint_map(body)
  phase = 2 * np.pi * np.arange(50) / 50
  swing = np.array([0.1 * (i % 3 + 1) for i in range(21)])
  angles = np.sin(phase)[:, None] * swing
  mirrored = np.roll(angles, -25, axis=0)[:, joints.sources] * joints.signs
  qpos = table.qpos.copy()
  qpos[:, 7:] = (angles + mirrored) / 2
  gait = dataclasses.replace(table, qpos=qpos)
  assert is_symmetric(gait, body)
  qpos[3, 10] += 0.2
  assert not is_symmetric(gait, body)
  assert not is_symmetric(dataclasses.replace(gait, loop=False), body)
