"""Protects the ONNX file: it acts as the trainer's network does, and says what it needs."""

from __future__ import annotations

import dataclasses
import json
import sys

import jax
import numpy as np
import pytest
from tiny import TINY

from mjx_humanoid.core.config.schema import default_config, resolve
from mjx_humanoid.core.config.settings import to_dict
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import ACTIVATIONS
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.playback import export_formats as formats
from mjx_humanoid.playback import onnx_graph
from mjx_humanoid.playback.export_formats import export
from mjx_humanoid.playback.find import load, pretrained_policies
from mjx_humanoid.rl import normalize
from mjx_humanoid.rl.algorithm import Spec, make_algorithm
from mjx_humanoid.robots import robots
from mjx_humanoid.run.policies import to_policy
from mjx_humanoid.run.setup import prepare

onnx = pytest.importorskip('onnx')


@pytest.fixture
def session():
  """session(path) -> the file in onnxruntime."""
  runtime = pytest.importorskip('onnxruntime')
  return lambda path: runtime.InferenceSession(path, providers=['CPUExecutionProvider'])


def act(session, obs):
  return session.run(['action'], {'observation': obs})[0]


# Against the trainer's network


@pytest.fixture(scope='module')
def prepared():
  """A setup that the tests below change the network of."""
  config = default_config()
  config.update_from_flattened_dict(TINY)
  return prepare(resolve(config))


def with_network(prepared, **changes):
  config = dataclasses.replace(prepared.config, network=dataclasses.replace(prepared.config.network, **changes))
  env = prepared.env
  spec = Spec(env.observation_size, env.action_size, env.task.mirror)
  return dataclasses.replace(prepared, config=config, algorithm=make_algorithm(config, spec))


@pytest.mark.parametrize('symmetric', [True, False])
@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_onnx_acts_as_the_trainers_network(prepared, tmp_path, session, observations, activation, symmetric):
  """Within 1e-5 on 10,000 observations: a fresh learner with a normaliser that has seen something."""
  setup = with_network(prepared, activation=activation, symmetric=symmetric, policy_layers=(64, 64))
  learner = jax.jit(setup.algorithm.init)(jax.random.PRNGKey(1))
  rng = np.random.default_rng(2)
  seen = rng.normal(0.5, 2, (1000, setup.env.observation_size)).astype(np.float32)
  # The head starts near zero, where no action is clipped: it is moved, so that some are.
  head = jax.tree.map(lambda x: x + 0.2 * rng.normal(size=x.shape).astype(np.float32), learner.params['mean_head'])
  learner = learner._replace(
    params={**learner.params, 'mean_head': head}, normalizer=normalize.update(learner.normalizer, seen)
  )
  policy = to_policy(setup, learner, 0)
  export(policy, 'onnx', tmp_path / 'p.onnx')
  obs = observations(policy, 10_000)
  with jax.default_matmul_precision('highest'):
    expected = np.clip(setup.algorithm.act(learner, obs, jax.random.PRNGKey(0))[1]['mean'], -1, 1)
  actions = act(session(tmp_path / 'p.onnx'), obs)
  assert np.abs(actions - expected).max() <= 1e-5
  assert (policy.mirror is not None) == symmetric
  assert 0.05 < (np.abs(expected) < 1).mean() < 1  # some clipped, some not: the comparison means something


def test_every_ready_policy_can_be_exported(tmp_path, session, observations):
  for name in pretrained_policies():
    policy = load(name)
    export(policy, 'onnx', tmp_path / f'{name}.onnx')
    obs = observations(policy, 1000)
    assert np.abs(act(session(tmp_path / f'{name}.onnx'), obs) - policy(obs)).max() <= 1e-5


def test_a_squashed_policy_acts_through_tanh_in_the_network_and_in_the_controller(make_policy, tmp_path, session):
  """Both graphs are compared with the policy before they are written."""
  policy = make_policy(squash=True)
  exported = export(policy, 'onnx', tmp_path / 'p.onnx')
  obs = np.random.default_rng(0).normal(size=(20, policy.observation_size)).astype(np.float32)
  np.testing.assert_allclose(act(session(exported.files[0]), obs), policy(obs), atol=1e-5)
  assert 'no action differs by more than' in exported.tried
  assert formats.describe(policy, *formats.task_and_model(policy.task))['squash'] == 'tanh'


def test_no_hidden_layers(policy, tmp_path, session, observations):
  linear = dataclasses.replace(policy, kernels=(np.full((52, 21), 0.01, np.float32),), biases=(policy.biases[1],))
  export(linear, 'onnx', tmp_path / 'p.onnx')
  obs = observations(policy, 50)
  np.testing.assert_allclose(act(session(tmp_path / 'p.onnx'), obs), linear(obs), atol=1e-5)


# What an ONNX file says of itself


@pytest.mark.parametrize('batch', [1, 7])
def test_any_batch(policy, tmp_path, session, observations, batch):
  export(policy, 'onnx', tmp_path / 'p.onnx')
  actions = act(session(tmp_path / 'p.onnx'), observations(policy, batch))
  assert (actions.shape, actions.dtype) == ((batch, 21), np.float32)


def test_its_input_and_output(policy, tmp_path, session):
  export(policy, 'onnx', tmp_path / 'p.onnx')
  ends = (*session(tmp_path / 'p.onnx').get_inputs(), *session(tmp_path / 'p.onnx').get_outputs())
  assert [(x.name, x.shape, x.type) for x in ends] == [
    ('observation', ['batch', 52], 'tensor(float)'),
    ('action', ['batch', 21], 'tensor(float)'),
  ]


def test_the_file_is_old_enough_for_old_runtimes(policy, tmp_path):
  """Opset 13 and IR 7 are read since onnxruntime 1.7, of 2021."""
  export(policy, 'onnx', tmp_path / 'p.onnx')
  model = onnx.load(tmp_path / 'p.onnx')
  assert (model.ir_version, [x.version for x in model.opset_import]) == (7, [13])


def test_metadata(policy, tmp_path, session):
  task = dataclasses.replace(policy.task, frame_skip=4, observations=('joint_velocities', 'joint_positions'))
  export(dataclasses.replace(policy, task=task), 'onnx', tmp_path / 'p.onnx')
  found = session(tmp_path / 'p.onnx').get_modelmeta().custom_metadata_map
  about = {name: json.loads(text) for name, text in found.items()}
  assert about['format'] == formats.FORMAT
  assert (about['robot'], about['root'], about['fallen_height']) == ('humanoid', 'free', 0.8)
  assert about['off_balance_height'] == pytest.approx(0.85 * 1.282)
  assert about['observations'] == {'joint_velocities': [0, 27], 'joint_positions': [27, 52]}
  assert list(about['observations']) == ['joint_velocities', 'joint_positions']  # in the order of the observation
  assert about['control_step'] == pytest.approx(0.02)
  assert about['substeps'] * about['timestep'] == pytest.approx(0.02)
  assert about['task'] == json.loads(json.dumps(to_dict(task)))
  assert about['info'] == policy.info
  model = build_model(robots()['humanoid'])
  assert about['joints'] == [model.joint(i).name for i in range(1, model.njnt)]
  assert about['actuators'] == [model.actuator(i).name for i in range(model.nu)]
  assert (about['activation'], about['clip']) == ('elu', 10.0)


# What is refused leaves nothing behind


def test_a_graph_that_acts_otherwise_is_not_written(policy, tmp_path, monkeypatch, session):
  """Here because one bias is written wrongly by a thousandth."""
  right = onnx_graph.to_onnx
  biases = (policy.biases[0], policy.biases[1] + np.float32(1e-3))
  wrong = dataclasses.replace(policy, biases=biases)
  monkeypatch.setattr(onnx_graph, 'to_onnx', lambda policy, about: right(wrong, about))
  with pytest.raises(UserError, match=r'differs from the policy by up to 1.0e-03 in an action.*nothing was written'):
    export(policy, 'onnx', tmp_path / 'p.onnx')
  assert not list(tmp_path.iterdir())


def test_a_graph_of_numbers_that_are_none_is_not_written(policy, tmp_path, monkeypatch):
  monkeypatch.setattr(onnx_graph, 'largest_difference', lambda content, policy: float('nan'))
  with pytest.raises(UserError, match='nothing was written'):
    export(policy, 'onnx', tmp_path / 'p.onnx')


def test_without_onnx_it_says_what_to_install(policy, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'onnx', None)
  with pytest.raises(UserError, match=r"needs the extra onnx: pip install 'mjx_humanoid\[onnx\]'"):
    export(policy, 'onnx', tmp_path / 'p.onnx')
  assert not list(tmp_path.iterdir())


def test_without_onnxruntime_it_says_that_the_graphs_were_not_tried(policy, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'onnxruntime', None)
  files, tried = export(policy, 'onnx', tmp_path / 'p.onnx')
  assert tried == 'the graphs are well formed; they could not be tried, because onnxruntime is not installed'
  assert sorted(tmp_path.iterdir()) == sorted(files)
