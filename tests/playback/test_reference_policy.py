"""Reference policies as policies: saved, exported, named, compared; and residual policies that learn on top of them."""

import dataclasses
import json

import numpy as np
import pytest
from tiny import TINY, as_arguments

from mjx_humanoid import play, train
from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback import onnx_graph
from mjx_humanoid.playback.export_formats import export
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.judge import judge
from mjx_humanoid.playback.policy import load_policy, save_policy
from mjx_humanoid.playback.reference import reference_policy
from mjx_humanoid.playback.rollout import task_and_model
from mjx_humanoid.run.policies import describe
from mjx_humanoid.run.setup import prepare


@pytest.fixture(scope='module')
def gaits():
  return {name: reference_policy(schema.resolve(files.load_config(name)).task) for name in ('biped_pd', 'anymal_c')}


def observations(policy, count=64):
  return np.random.default_rng(0).normal(size=(count, policy.observation_size)).astype(np.float32)


def with_network(policy):
  """The same with a network that does not only add zeros."""
  kernel = 0.2 * np.random.default_rng(1).normal(size=policy.kernels[0].shape).astype(np.float32)
  return dataclasses.replace(policy, kernels=(kernel,))


def test_a_residual_policy_adds_to_the_gait_and_clips_both(gaits):
  gait = gaits['biped_pd']
  policy, obs = with_network(gait), observations(gait)
  network = np.clip(np.clip(obs, -10, 10) @ policy.kernels[0], -1, 1)
  assert np.allclose(policy(obs), np.clip(network + gait.base.action(obs), -1, 1), atol=1e-6)
  assert np.abs(policy(obs) - gait(obs)).max() > 0.1


def test_it_is_saved_whole(gaits, tmp_path):
  for name, gait in gaits.items():
    policy = with_network(gait)
    save_policy(policy, tmp_path / f'{name}.safetensors')
    again = load_policy(tmp_path / f'{name}.safetensors')
    assert (again(observations(policy)) == policy(observations(policy))).all()


def test_a_damaged_gait_is_refused(gaits, tmp_path):
  from safetensors import safe_open
  from safetensors.numpy import save_file

  from mjx_humanoid.playback.policy import digest

  path = tmp_path / 'gait.safetensors'
  save_policy(gaits['biped_pd'], path)
  with safe_open(path, 'numpy') as file:
    metadata, arrays = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
  assert metadata['format'] == '4'  # which older versions refuse rather than play without its gait
  base = json.loads(metadata['base'])
  del base['gait']['duty']
  metadata['base'] = json.dumps(base)
  save_file(arrays, path, {**metadata, 'sha256': digest(arrays, metadata)})
  with pytest.raises(UserError, match=r'gait.safetensors is damaged'):
    load_policy(path)


@pytest.mark.parametrize('name', ['biped_pd', 'anymal_c'])
def test_the_onnx_graph_has_the_gait_in_it(gaits, name):
  pytest.importorskip('onnxruntime')
  policy = with_network(gaits[name])
  difference = onnx_graph.largest_difference(onnx_graph.to_onnx(policy, {}), policy)
  assert difference < 1e-4


def test_the_controller_has_it_too_and_an_npz_cannot(gaits, tmp_path):
  pytest.importorskip('onnxruntime')
  done = export(gaits['biped_pd'], 'onnx', tmp_path / 'gait.onnx')  # which compares both graphs with the policy
  assert [path.name for path in done.files] == ['gait.onnx', 'gait_controller.onnx', 'gait.xml']
  with pytest.raises(UserError, match=r'an .npz holds a network alone, not a reference gait'):
    export(gaits['biped_pd'], 'npz', tmp_path / 'gait.npz')


def test_the_biped_stays_on_its_feet_and_goes_ahead_without_learning(gaits):
  task, model = task_and_model(gaits['biped_pd'].task)
  card, _ = judge(task, model, gaits['biped_pd'], 4, 0)
  assert card['survival_rate'] == 1
  assert card['forward_speed'] > 0.05


def test_a_gait_has_the_name_of_its_config_or_policy():
  assert load('reference:biped').task.robot == 'biped'
  with pytest.raises(UserError, match='write reference:CONFIG, such as reference:biped'):
    load('reference')
  with pytest.raises(UserError, match="unknown run, policy file or pretrained policy 'bipedd'"):
    load('reference:bipedd')


def test_a_task_without_a_gait_names_the_configs_of_its_robot_that_have_one(monkeypatch):
  pytest.importorskip('gymnasium')
  clock = r'^the reference gait needs a gait clock: set config\.task\.gait\.frequency above 0\. '
  with pytest.raises(UserError, match=clock + r'For walker2d there is reference:walker2d_walk\.$'):
    load('reference:walker2d')
  with pytest.raises(UserError, match=clock + r'For anymal_c there is reference:anymal_c\.$'):
    load('reference:anymal_c_stand')
  with pytest.raises(
    UserError, match=r"^robot 'gym_humanoid' has no reference gait: its datasheet names no leg_joints"
  ):
    load('reference:gym_humanoid')
  monkeypatch.setattr(files, 'config_names', lambda: ['biped', 'anymal_c_stand'])
  with pytest.raises(
    UserError, match=clock + r'No built-in config of anymal_c has one: make a config with it that obs'
  ):
    load('reference:anymal_c_stand')


def test_play_takes_the_gait_in_place_of_policies_and_beside_them(monkeypatch, finished_run):
  arguments = play.parse(['biped', 'anymal_c', '--policy=reference'])
  assert arguments.policy == ['reference:biped', 'reference:anymal_c']
  assert play.output(arguments).name == 'reference_biped_reference_anymal_c.mp4'
  first, gait, noise = play.load_all(play.parse(['--compare', 'reference:biped', 'reference', 'random']))
  assert gait.task == first.task and gait.base is not None and noise is None
  with pytest.raises(UserError, match="--compare needs a policy beside 'reference'"):
    play.load_all(play.parse(['--compare', 'reference']))
  with pytest.raises(UserError, match='the reference gait needs a gait clock'):
    play.load_all(play.parse(['--compare', 'reference', str(finished_run)]))


def test_a_residual_training_says_how_much_is_out_of_reach_and_its_policies_keep_it(capsys, tmp_path):
  """Steps of 0.9 m at a leg of 0.66 m; see the tests of the gait."""
  changes = {'network.residual': 'reference', 'task.gait.step_length': 0.9, 'num_envs': 16, 'engine': 'native'}
  config = replaced(schema.resolve(files.load_config('biped_pd')), {**changes, 'ppo.batch_size': 64}, 'config')
  setup = prepare(config)
  share = reference_policy(config.task).info['out_of_reach']
  train.announce(setup, tmp_path)
  out = capsys.readouterr().out
  assert f'note: {share:.0%} of the positions of the feet are out of reach and moved to where the legs can be.' in out
  assert setup.out_of_reach == share > 0.05
  assert describe(setup, 0)['out_of_reach'] == share


def test_other_trainings_say_nothing_of_it(capsys, tmp_path):
  changes = {'num_envs': 16, 'engine': 'native', 'ppo.batch_size': 64, 'network.residual': ''}
  setup = prepare(replaced(schema.resolve(files.load_config('biped_pd')), changes, 'config'))
  train.announce(setup, tmp_path)
  assert 'note: ' not in capsys.readouterr().out
  assert 'out_of_reach' not in describe(setup, 0)


@pytest.fixture(scope='module')
def residual_run(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs')
  changes = {'name': 'residual', 'run_dir': folder, 'network.residual': 'reference'}
  train.main(['--config=biped_pd', *as_arguments({**TINY, **changes})])
  return folder / 'residual'


@pytest.mark.slow
def test_a_residual_policy_is_trained_and_saved_with_its_gait(residual_run, gaits):
  policy = load(str(residual_run))
  obs = np.tile(observations(policy, 1), (3, 1))
  assert np.allclose(policy.base.action(obs), gaits['biped_pd'].base.action(obs))
  # Its network has learned for four updates from almost nothing: its actions are still those of the gait.
  assert np.abs(policy(obs) - np.clip(policy.base.action(obs), -1, 1)).max() < 0.5


@pytest.mark.slow
def test_only_a_residual_training_starts_from_a_residual_policy(residual_run, tmp_path, user_error):
  changes = {'name': 'next', 'run_dir': tmp_path, 'init_from': residual_run, 'network.residual': ''}
  settings = as_arguments({**TINY, **changes})
  message = user_error(train.main, ['--config=biped_pd', *settings])
  assert 'config.init_from: set config.network.residual=reference, as residual has it' in message
  assert not (tmp_path / 'next').exists()
