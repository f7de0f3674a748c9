"""Protects starts in a clip: the states of its frames, turned any way, and perturbed by the strength."""

from __future__ import annotations

import numpy as np
import pytest
from clip_tools import swaying

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import clips
from mjx_humanoid.motions.clip_table import clip_table
from mjx_humanoid.tasks.starts import make_start

N = 200


@pytest.fixture(scope='module')
def config(body):
  return TaskConfig(clip=clips.carry(swaying(body, count=41), 'sway'))


def drawn(name, config, body, settle, strength=0.0):
  start = make_start(name, config)
  return start(body, np.random.default_rng(1), np.full(N, strength), settle)


def test_without_perturbation_they_are_frames_of_the_clip_with_its_velocities(config, body, settle):
  qpos, qvel = drawn('clip', config, body, settle)
  table = clip_table(config.clip, body, once=False)
  drawn_states, states = np.hstack([qpos[:, 7:], qvel[:, 6:]]), np.hstack([table.qpos[:, 7:], table.qvel[:, 6:]])
  apart = np.abs(drawn_states[:, None] - states).max(axis=2)
  rows = apart.argmin(axis=1)
  assert apart.min(axis=1).max() < 1e-6
  assert len(set(rows)) > 20
  # 0.5 m/s in whatever direction the robot faces
  heading = np.stack([1 - 2 * qpos[:, 6] ** 2, 2 * qpos[:, 3] * qpos[:, 6]], axis=1)
  np.testing.assert_allclose((qvel[:, :2] * heading).sum(axis=1), 0.5, atol=1e-3)


def test_the_beginning_is_the_first_frame(config, body, settle):
  qpos, _ = drawn('clip_beginning', config, body, settle)
  np.testing.assert_allclose(qpos[:, 7:], np.repeat(clip_table(config.clip, body, once=False).qpos[:1, 7:], N, 0))


def test_half_of_them_stand_still(config, body, settle):
  qpos, qvel = drawn('clip_or_standing', config, body, settle)
  standing = np.isclose(qpos[:, 7:], body.relaxed_qpos[7:], atol=1e-6).all(axis=1)
  assert standing.tolist() == [True, False] * (N // 2)
  assert not qvel[standing].any()
  assert np.abs(qvel[~standing, :2]).max() == pytest.approx(0.5, abs=0.1)


def test_they_are_perturbed_within_limits(config, body, settle):
  qpos, _ = drawn('clip_beginning', config, body, settle, strength=5.0)
  assert qpos[:, 8].std() > 0.05
  assert (qpos[:, 7:] >= body.joint_range[:, 0]).all()


@pytest.mark.parametrize('name', ['clip', 'clip_beginning', 'clip_or_standing'])
def test_without_a_clip_they_say_how_to_name_one(name, body, settle):
  with pytest.raises(UserError, match=rf"start '{name}' needs a clip; name it by config.task.clip"):
    drawn(name, TaskConfig(), body, settle)
