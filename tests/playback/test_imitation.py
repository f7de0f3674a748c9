"""Protects imitation in playback: the card's figures by hand, and policies that carry their clip."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from clip_tools import swaying, written
from made_up import at_rest, ended

from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions import clips
from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.playback.figures import measure
from mjx_humanoid.playback.judge import judge
from mjx_humanoid.playback.policy import Policy, load_policy, save_policy
from mjx_humanoid.playback.reference import base_of
from mjx_humanoid.playback.rollout import observation_of_start, task_and_model
from mjx_humanoid.tasks.context.reference_motion import ANGLES


@pytest.fixture
def config(tmp_path, body):
  """The task of the config imitate, with a clip in a file."""
  path = written(swaying(body, count=51), tmp_path / 'sway.npz')
  return dataclasses.replace(schema.resolve(files.load_config('imitate')).task, clip=str(path))


def random_policy(task, model, base=None):
  """A small policy that fits a task."""
  rng, size = np.random.default_rng(7), observation_of_start(task, model).shape[-1]
  kernels = [0.05 * rng.normal(size=shape).astype(np.float32) for shape in ((size, 8), (8, task.body.nu))]
  biases = [np.zeros(8, np.float32), np.zeros(task.body.nu, np.float32)]
  norm = {'mean': np.zeros(size, np.float32), 'std': np.ones(size, np.float32)}
  log_std = np.zeros(task.body.nu, np.float32)
  return Policy(
    tuple(kernels), tuple(biases), log_std, **norm, activation='elu', task=task.config, info={'name': 'a'}, base=base
  )


def test_the_joint_error_is_the_mean_of_all_joints_and_steps(body):
  """All joints are 6 degrees off; in episode 1 twice that, until it ends."""
  paths = at_rest(body)
  wanted = np.full((2, 4, 21), np.radians(6), np.float32)
  wanted[1] *= 2
  wanted[1, 2:] = 9.0
  paths = ended(paths._replace(contexts=paths.contexts._replace(extra={ANGLES: wanted})), 1, 2)
  figures = measure(paths, body)
  passed = CARDS['imitate'].judge(figures, paths, body)
  assert figures['joint_error'] == pytest.approx([6, 12], rel=1e-5)
  assert passed.tolist() == [True, False]


def test_the_card_needs_a_clip(body):
  paths = at_rest(body)
  with pytest.raises(UserError, match=r"report card 'imitate' needs the part 'reference_motion'"):
    CARDS['imitate'].judge(measure(paths, body), paths, body)


def test_a_policy_carries_its_clip(config, tmp_path):
  """It plays after the file of the clip is gone, and is saved and loaded again, with the name that the user typed."""
  task, model = task_and_model(config)
  policy = random_policy(task, model, base=base_of('clip', task, model))
  save_policy(policy, tmp_path / 'a.safetensors')
  (tmp_path / 'sway.npz').unlink()
  clips._clip.cache_clear()
  loaded = load_policy(tmp_path / 'a.safetensors')
  save_policy(loaded, tmp_path / 'b.safetensors')
  again = load_policy(tmp_path / 'b.safetensors')
  assert clips.typed(again.task.clip) == str(tmp_path / 'sway.npz')
  task, model = task_and_model(again.task)
  obs = observation_of_start(task, model)
  np.testing.assert_allclose(again(obs), policy(obs), atol=1e-6)
  card, _ = judge(task, model, again, 2, 0)
  assert card['joint_error'] > 0
  assert card['criteria'].startswith('20 s with its clip')


def test_a_policy_is_saved_with_its_clip_after_the_file_is_gone(config, tmp_path):
  """As in a long training."""
  task, model = task_and_model(config)
  (tmp_path / 'sway.npz').unlink()
  save_policy(random_policy(task, model), tmp_path / 'a.safetensors')
  assert load_policy(tmp_path / 'a.safetensors').task.clip.startswith('carried:')


def test_the_controller_of_an_exported_policy_acts_as_the_policy(config):
  """The whole of it: the frame of the clip, targets, the network and the PD targets around the clip."""
  pytest.importorskip('onnxruntime')
  from mjx_humanoid.playback.onnx_controller import largest_difference, to_onnx
  from mjx_humanoid.playback.rollout import rollout, start_states

  task, model = task_and_model(config)
  policy = random_policy(task, model, base=base_of('clip', task, model))
  qpos, qvel = start_states(task, model, np.random.default_rng(0), 1)
  paths = rollout(task, model, policy, qpos, qvel, 8, stop_at_end=False)
  assert largest_difference(to_onnx(policy, task, {}), policy, task, paths) < 1e-5


def test_a_policy_with_the_style_of_a_clip_needs_no_clip(tmp_path, monkeypatch):
  """It is saved where the clip cannot be found any more, plays, is judged, and its controller acts as it does."""
  pytest.importorskip('onnxruntime')
  from mjx_humanoid.playback.onnx_controller import largest_difference, to_onnx
  from mjx_humanoid.playback.rollout import rollout, start_states

  monkeypatch.delenv(clips.VARIABLE, raising=False)
  config = dataclasses.replace(schema.resolve(files.load_config('walk_amp')).task, clip=str(tmp_path / 'gone.npz'))
  task, model = task_and_model(config)
  save_policy(random_policy(task, model), tmp_path / 'a.safetensors')
  policy = load_policy(tmp_path / 'a.safetensors')
  assert policy.task.clip == str(tmp_path / 'gone.npz')
  card, _ = judge(task, model, policy, 1, 0)
  assert card['speed'] >= 0
  qpos, qvel = start_states(task, model, np.random.default_rng(0), 1)
  paths = rollout(task, model, policy, qpos, qvel, 8, stop_at_end=False)
  assert largest_difference(to_onnx(policy, task, {}), policy, task, paths) < 1e-5


def test_a_policy_whose_clip_was_altered_is_damaged(config, tmp_path):
  from safetensors import safe_open
  from safetensors.numpy import save_file

  task, model = task_and_model(config)
  save_policy(random_policy(task, model), tmp_path / 'a.safetensors')
  with safe_open(tmp_path / 'a.safetensors', 'numpy') as file:
    arrays, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
  arrays[clips.POSES][0, 9] += 0.1
  save_file(arrays, tmp_path / 'a.safetensors', metadata)
  with pytest.raises(UserError, match='is damaged: its weights or its description were altered'):
    load_policy(tmp_path / 'a.safetensors')


def test_a_config_of_a_missing_clip_says_how_to_get_it(monkeypatch, config):
  monkeypatch.delenv(clips.VARIABLE, raising=False)
  monkeypatch.setattr(clips, 'PACKAGE', 'not_installed')
  with pytest.raises(UserError, match=r'no clips are installed: .*pip install pybullet'):
    task_and_model(dataclasses.replace(config, clip='walk'))


def test_a_robot_without_the_anatomy_cannot_follow_a_person(config, tmp_path):
  from clip_tools import stepping, write_person

  path = write_person(tmp_path / 'walk.txt', stepping())
  with pytest.raises(UserError, match="robot 'biped' cannot take the pose of a person"):
    task_and_model(dataclasses.replace(config, clip=str(path), robot='biped'))


def test_other_tasks_have_no_clip():
  assert TaskConfig().clip == ''
  assert clips.kept_clip('', 'humanoid') is None
