"""Protects trajectories as MJCF: one file for stock MuJoCo whose keyframes lead to each other to the last bit."""

from __future__ import annotations

import dataclasses
import re
from typing import NamedTuple

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback import keyframes, trajectories
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.keyframes import own_task, with_keyframes
from mjx_humanoid.playback.rollout import rollout, start_states, task_and_model
from mjx_humanoid.playback.trajectories import Trajectory, trace
from mjx_humanoid.tasks.task import Task


def with_more_to_see(policy, names, elements, settings):
  """The policy in another task, in which it also observes and reacts a little to these."""
  rng = np.random.default_rng(0)
  more = rng.normal(0, 0.05, (elements, policy.kernels[0].shape[1])).astype(np.float32)
  return dataclasses.replace(
    policy,
    kernels=(np.concatenate([policy.kernels[0], more]), *policy.kernels[1:]),
    mean=np.append(policy.mean, np.zeros(elements, np.float32)),
    std=np.append(policy.std, np.ones(elements, np.float32)),
    mirror=None,
    task=replaced(policy.task, {**settings, 'observations': (*policy.task.observations, *names)}, 'task'),
  )


def commanded():
  """A policy that sees commands and a gait clock, in a task with new commands, pushes and variations all the time."""
  return with_more_to_see(
    load('stand'),
    ('command', 'gait_phase'),
    5,
    {
      'command.kind': 'sampled',
      'command.interval': 0.1,
      'command.rest': 0.0,
      'gait.frequency': 1.5,
      'push.kind': 'force',
      'push.force': (2000.0, 2000.0),
      'push.interval': 0.2,
      'randomization': {'mass': 0.3, 'friction': 0.5},
    },
  )


def lying():
  """A policy that begins on the floor, where states come from physics and quaternions are not quite of length one."""
  policy = load('stand')
  return dataclasses.replace(policy, task=dataclasses.replace(policy.task, start='fallen', termination='never'))


class Recorded(NamedTuple):
  task: Task
  model: mujoco.MjModel
  text: str  # of the model
  trajectory: Trajectory


def record(policy, seconds, seed=0):
  task, model, text = own_task(policy, {})
  return Recorded(task, model, text, trace(task, model, policy, seconds, np.random.default_rng(seed)))


@pytest.fixture(scope='module')
def stand():
  """3 s of the pretrained policy, 151 rows of 20 ms."""
  return record(load('stand'), 3.0)


def state(data):
  return np.concatenate([[data.time], data.qpos, data.qvel])


def key_state(model, key):
  return np.concatenate([[model.key_time[key]], model.key_qpos[key], model.key_qvel[key]])


def missed(model, substeps, prepare=lambda model, data: None):
  """Keyframes from which `substeps` steps of plain MuJoCo do not lead to the next one, to the last bit."""
  data = mujoco.MjData(model)
  found = []
  for key in range(model.nkey - 1):
    mujoco.mj_resetDataKeyframe(model, data, key)
    prepare(model, data)
    for _ in range(substeps):
      mujoco.mj_step(model, data)
    if not np.array_equal(state(data), key_state(model, key + 1)):
      found.append(key)
  return found


# Exactness, in the model that the file itself holds


def test_every_keyframe_of_the_file_leads_to_the_next_to_the_last_bit(stand, tmp_path, monkeypatch):
  text, trajectory = stand.text, stand.trajectory
  (tmp_path / 'a').mkdir()
  (tmp_path / 'a' / 'it.xml').write_text(with_keyframes(text, trajectory))
  monkeypatch.chdir(tmp_path)
  model = mujoco.MjModel.from_xml_path('a/it.xml')
  assert model.nkey == 151
  assert missed(model, 4) == []


def test_looking_at_a_keyframe_first_as_the_viewer_does_changes_nothing(stand):
  text, trajectory = stand.text, stand.trajectory
  model = mujoco.MjModel.from_xml_string(with_keyframes(text, trajectory))
  assert missed(model, 4, mujoco.mj_forward) == []


@pytest.mark.parametrize('policy', [commanded, lying])
def test_so_do_those_of_other_tasks(policy):
  task, _, text, trajectory = record(policy(), 1.0, seed=3)
  model = mujoco.MjModel.from_xml_string(with_keyframes(text, trajectory))
  assert model.nkey == 51
  assert missed(model, task.body.substeps) == []


def test_the_numbers_of_the_file_are_those_of_the_trajectory(stand):
  text, trajectory = stand.text, stand.trajectory
  model = mujoco.MjModel.from_xml_string(with_keyframes(text, trajectory))
  for name in ('time', 'qpos', 'qvel', 'ctrl'):
    np.testing.assert_array_equal(getattr(model, f'key_{name}'), getattr(trajectory, name))


def test_the_rows_lead_to_each_other_in_process_too(stand):
  """Row by row from the arrays alone, in playback's own model and not that of the file."""
  trajectory = stand.trajectory
  _, model = task_and_model(load('stand').task)
  data = mujoco.MjData(model)
  for row in range(len(trajectory.time) - 1):
    mujoco.mj_resetData(model, data)
    data.time = trajectory.time[row]
    data.qpos[:], data.qvel[:], data.ctrl[:] = (getattr(trajectory, x)[row] for x in ('qpos', 'qvel', 'ctrl'))
    mujoco.mj_step(model, data, 4)
    np.testing.assert_array_equal(data.qpos, trajectory.qpos[row + 1])
    np.testing.assert_array_equal(data.qvel, trajectory.qvel[row + 1])


def test_every_third_row_needs_the_controls_between(stand):
  text, trajectory = stand.text, stand.trajectory
  model = mujoco.MjModel.from_xml_string(with_keyframes(text, trajectory, every=3))
  assert model.nkey == 51
  np.testing.assert_array_equal(model.key_qpos, trajectory.qpos[::3])
  data = mujoco.MjData(model)
  for key in range(10):
    mujoco.mj_resetDataKeyframe(model, data, key)
    for row in range(3 * key, 3 * key + 3):
      data.ctrl[:], data.qacc_warmstart[:] = trajectory.ctrl[row], 0
      mujoco.mj_step(model, data, 4)
    np.testing.assert_array_equal(state(data), key_state(model, key + 1))


def test_a_step_to_a_quaternion_that_mujoco_would_round_is_taken_again(stand, monkeypatch):
  """Twice MuJoCo is made to seem to round: the third attempt, with controls 2e-12 nearer to zero, is kept."""
  model, trajectory = stand.model, stand.trajectory
  data, by_hand = mujoco.MjData(model), mujoco.MjData(model)
  data.qpos[:], data.qvel[:] = trajectory.qpos[20], trajectory.qvel[20]
  ctrl = np.linspace(-0.5, 0.5, 21)
  by_hand.qpos[:], by_hand.qvel[:] = data.qpos, data.qvel
  by_hand.ctrl[:] = ctrl - 2e-12 * np.where(ctrl < 0, -1, 1)
  calls = []

  def rounds_twice(model, qpos):
    calls.append(1)
    qpos[3] += 1e-15 * (len(calls) < 3)

  monkeypatch.setattr(mujoco, 'mj_normalizeQuat', rounds_twice)
  held, sensordata = trajectories.advance(model, data, ctrl, 4)
  mujoco.mj_step(model, by_hand)
  np.testing.assert_array_equal(sensordata, by_hand.sensordata)
  mujoco.mj_step(model, by_hand, 3)
  assert len(calls) == 3
  np.testing.assert_array_equal(held, by_hand.ctrl)
  np.testing.assert_array_equal(state(data), state(by_hand))


# The model in the file


def test_the_model_of_the_file_is_playbacks_own(stand):
  """Every number of the compiled model, masses and inertias above all, and the solver's settings."""
  ours = mujoco.MjModel.from_xml_string(stand.text)
  _, theirs = task_and_model(load('stand').task)
  fields = [n for n in dir(theirs) if not n.startswith(('_', 'key_', 'name')) and n != 'signature']
  arrays = [n for n in fields if isinstance(getattr(theirs, n), np.ndarray)]
  assert len(arrays) > 200
  assert [n for n in arrays if not np.array_equal(getattr(ours, n), getattr(theirs, n))] == []
  settings = [n for n in dir(theirs.opt) if not n.startswith('_')]
  assert [n for n in settings if not np.array_equal(getattr(ours.opt, n), getattr(theirs.opt, n))] == []
  assert ours.opt.iterations >= 100


def test_the_file_needs_no_other(stand):
  text = with_keyframes(stand.text, stand.trajectory)
  assert re.findall(r'<include|\bfile=|\w*dir=|\.(?:obj|stl|png|xml)\b', text) == []


def test_only_the_keyframes_of_the_trajectory_are_in_it_under_their_times(stand):
  text, trajectory = stand.text, stand.trajectory
  model = mujoco.MjModel.from_xml_string(with_keyframes(text, trajectory, every=2))
  assert [model.key(i).name for i in (0, 1, 2, 75)] == ['t_0000.000', 't_0000.040', 't_0000.080', 't_0003.000']
  assert model.nkey == 76


@pytest.mark.parametrize(('step', 'name'), [(0.02, 't_0000.020'), (0.0025, 't_0000.002500')])
def test_names_have_as_many_digits_as_tell_them_apart(stand, step, name):
  text, trajectory = stand.text, stand.trajectory
  other = dataclasses.replace(trajectory.body, control_step=step)
  fine = dataclasses.replace(trajectory, body=other, time=np.arange(151) * step)
  assert f'name="{name}"' in with_keyframes(text, fine)


def test_the_file_says_what_its_keyframes_are(stand):
  text, trajectory = stand.text, stand.trajectory
  assert '151 keyframes, 0.02 s apart' in with_keyframes(text, trajectory)
  assert '4 times mj_step lead to the next keyframe, to the last bit' in with_keyframes(text, trajectory)
  every = with_keyframes(text, trajectory, every=5)
  assert '31 keyframes, 0.1 s apart' in every
  assert '4 times mj_step lead to the next control step' in every


# What is played


def test_it_is_the_episode_that_playback_plays():
  policy = load('stand')
  task, model, _, trajectory = record(policy, 0.5, seed=5)
  rng = np.random.default_rng(5)
  paths = rollout(task, model, policy, *start_states(task, model, rng, 1), 25, rng=rng)
  np.testing.assert_allclose(trajectory.qpos[0], paths.start.qpos[0], atol=1e-6)
  np.testing.assert_allclose(trajectory.qpos[1:], paths.views.qpos[0], atol=1e-5)
  np.testing.assert_allclose(trajectory.ctrl[:-1], paths.views.ctrl[0], atol=1e-4)


def test_commands_reach_the_policy_and_nobody_pushes():
  """New commands every 0.1 s, 5 rows; no force, so that the exactness above is that of controls alone."""
  policy = commanded()
  task, _, _, trajectory = record(policy, 1.0, seed=3)
  assert task.config.push.kind == 'none'
  assert task.config.randomization == {}
  changed = np.flatnonzero(np.abs(np.diff(trajectory.command, axis=0)).max(axis=1)) + 1
  assert changed.tolist() == list(range(5, 51, 5))
  kernel = policy.kernels[0].copy()
  kernel[-5:] = 0
  blind = dataclasses.replace(policy, kernels=(kernel, *policy.kernels[1:]))
  assert not np.array_equal(record(blind, 1.0, seed=3).trajectory.ctrl, trajectory.ctrl)


def test_settings_of_the_task_can_be_changed():
  task, model, _ = own_task(load('stand'), {'command.kind': 'fixed', 'command.value': (0.5, 0.0, 0.0)})
  trajectory = trace(task, model, load('stand'), 0.1, np.random.default_rng(0))
  np.testing.assert_array_equal(trajectory.command, [[0.5, 0, 0]] * 6)


def test_a_policy_of_another_robot_is_refused():
  policy = load('stand')
  other = dataclasses.replace(policy, mean=policy.mean[:-1], std=policy.std[:-1])
  with pytest.raises(UserError, match='it is a policy of another robot or task'):
    own_task(other, {})


def test_the_text_of_the_model_ends_where_keyframes_can_follow(stand):
  assert stand.text.rstrip().endswith(keyframes.END)
