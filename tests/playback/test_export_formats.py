"""Protects policies for elsewhere: the model and the numbers are right, and files are written whole or not at all."""

from __future__ import annotations

import dataclasses
import json

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import model as physics_model
from mjx_humanoid.physics.model import build_model, self_contained_xml
from mjx_humanoid.playback.export_formats import describe, export
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.policy import load_policy
from mjx_humanoid.playback.rollout import task_and_model
from mjx_humanoid.robots import robots

# The model beside it


@pytest.fixture
def written(tmp_path):
  """The model beside a graph, read from its file alone."""
  (tmp_path / 'alone.xml').write_text(self_contained_xml(robots()['humanoid']))
  return mujoco.MjModel.from_xml_path(str(tmp_path / 'alone.xml'))


def test_the_model_beside_it_is_the_completed_one(written):
  """Every array of the model, to the last bit."""
  original = build_model(robots()['humanoid'], converged=True)
  assert (written.opt.iterations, written.opt.ls_iterations) == (original.opt.iterations, original.opt.ls_iterations)
  assert written.opt.disableflags == original.opt.disableflags
  compared = 0
  for name in dir(original):
    value = getattr(original, name)
    if isinstance(value, np.ndarray) and value.dtype.kind in 'iuf':
      np.testing.assert_array_equal(getattr(written, name), value, err_msg=name)
      compared += 1
  assert compared > 100


def test_the_model_beside_it_falls_as_the_original_does(written):
  """Half a second under random controls, to the last bit."""
  worlds = [(model, mujoco.MjData(model)) for model in (written, build_model(robots()['humanoid'], converged=True))]
  for control in np.random.default_rng(0).uniform(-0.3, 0.3, (20, written.nu)):
    for model, data in worlds:
      data.ctrl[:] = control
      mujoco.mj_step(model, data, 5)
  assert worlds[0][1].ncon > 0
  np.testing.assert_array_equal(worlds[0][1].qpos, worlds[1][1].qpos)


def test_a_model_in_several_files_is_refused(monkeypatch):
  class InTwoFiles:
    option, compiler = mujoco.MjSpec().option, mujoco.MjSpec().compiler

    def compile(self):
      pass

    def to_xml(self):
      return '<mujoco><asset><mesh file="elsewhere.stl"/></asset></mujoco>'

  monkeypatch.setattr(physics_model, 'build_spec', lambda robot: InTwoFiles())
  with pytest.raises(UserError, match='the model of humanoid cannot be written as one file'):
    self_contained_xml(robots()['humanoid'])


def test_a_policy_of_another_robot_is_refused(policy):
  with pytest.raises(UserError, match='it is a policy of another robot or task'):
    describe(dataclasses.replace(policy, mean=policy.mean[:-1]), *task_and_model(policy.task))


# Plain arrays


def test_npz_holds_the_numbers_of_the_policy_file(tmp_path):
  """Under the same names; the pretrained policy is symmetric, so the mirror is among them."""
  from safetensors.numpy import load_file

  policy = load('stand')
  export(policy, 'npz', tmp_path / 'p.npz')
  export(policy, 'safetensors', tmp_path / 'p.safetensors')
  expected = load_file(tmp_path / 'p.safetensors')
  with np.load(tmp_path / 'p.npz', allow_pickle=False) as file:
    assert set(file.files) == {*expected, 'metadata'}
    for name, array in expected.items():
      np.testing.assert_array_equal(file[name], array)
    about = json.loads(str(file['metadata']))
    assert file['mirror.obs_sources'].dtype.kind == 'i'
  assert about == json.loads(json.dumps(describe(policy, *task_and_model(policy.task))))


def test_an_npz_can_be_played_by_its_description_alone(policy, observations, tmp_path):
  export(policy, 'npz', tmp_path / 'p.npz')
  obs = observations(policy, 20)
  with np.load(tmp_path / 'p.npz', allow_pickle=False) as file:
    clip = json.loads(str(file['metadata']))['clip']
    x = np.clip((obs - file['normalizer.mean']) / file['normalizer.std'], -clip, clip)
    x = x @ file['layer_0.kernel'] + file['layer_0.bias']
    x = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    action = np.clip(x @ file['layer_1.kernel'] + file['layer_1.bias'], -1, 1)
  np.testing.assert_allclose(action, policy(obs), atol=1e-6)


def test_safetensors_is_the_policy_file_itself(policy, observations, tmp_path):
  export(policy, 'safetensors', tmp_path / 'new' / 'p.safetensors')
  obs = observations(policy, 20)
  np.testing.assert_array_equal(load_policy(tmp_path / 'new' / 'p.safetensors')(obs), policy(obs))


# What is refused leaves everything as it was


@pytest.mark.parametrize(('kind', 'existing'), [('onnx', 'p.onnx'), ('onnx', 'p.xml'), ('npz', 'p.npz')])
def test_what_exists_is_replaced_only_by_force(policy, tmp_path, kind, existing):
  if kind == 'onnx':
    pytest.importorskip('onnx')
  (tmp_path / existing).write_text('precious')
  with pytest.raises(UserError, match=f'{existing} exists already: give another --out=..., or --force'):
    export(policy, kind, tmp_path / f'p.{kind}')
  assert [p.read_text() for p in tmp_path.iterdir()] == ['precious']
  export(policy, kind, tmp_path / f'p.{kind}', force=True)
  assert not (tmp_path / existing).read_bytes().startswith(b'precious')


def test_a_folder_in_the_way_is_refused_even_by_force(policy, tmp_path):
  (tmp_path / 'p.npz').mkdir()
  with pytest.raises(UserError, match='is a folder'):
    export(policy, 'npz', tmp_path / 'p.npz', force=True)


def test_an_unknown_format_is_refused(policy, tmp_path):
  with pytest.raises(UserError, match=r"unknown format 'onxx'\. Did you mean 'onnx'"):
    export(policy, 'onxx', tmp_path / 'p.onxx')


def test_a_full_disk_leaves_the_old_files_and_nothing_else(policy, tmp_path, full_disk, snapshot):
  pytest.importorskip('onnx')
  export(policy, 'onnx', tmp_path / 'p.onnx')
  before = snapshot(tmp_path)
  full_disk('.xml')  # the second file
  with pytest.raises(UserError, match=r'p\.xml: No space left on device'):
    export(dataclasses.replace(policy, activation='tanh'), 'onnx', tmp_path / 'p.onnx', force=True)
  assert snapshot(tmp_path) == before


def test_a_folder_that_cannot_be_made_is_refused(policy, tmp_path):
  (tmp_path / 'file').write_text('not a folder')
  for kind in ('npz', 'safetensors'):
    with pytest.raises(UserError, match='cannot be written'):
      export(policy, kind, tmp_path / 'file' / f'p.{kind}')
  assert (tmp_path / 'file').read_text() == 'not a folder'
