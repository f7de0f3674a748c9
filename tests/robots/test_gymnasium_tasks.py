"""The `gym` tasks are Gymnasium's own: physics, observation, reward, end and start, from the same states.

Gymnasium computes in float64. Here views are float32, of which a position of up to 1 m has a rounding of 3e-8: with a
control step of 0.05 s that is 1e-6 m/s of the reward. Before each step the robots that move along x alone are therefore
put back to x = 0, in both programs, which changes no physics.
"""

import importlib
from typing import NamedTuple

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.files import load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model, model_file
from mjx_humanoid.physics.native import NativeEngine
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.tasks.task import find_robot, make_task

STEPS, LONGEST = 1000, 200  # control steps in all, and of an episode
STATE = mujoco.mjtState.mjSTATE_INTEGRATION
PARTS = ('cinert', 'cvel', 'qfrc_actuator', 'cfrc_ext')
ENVIRONMENTS = {
  'half_cheetah': ('half_cheetah_v5', 'HalfCheetahEnv', {}),
  'walker2d': ('walker2d_v5', 'Walker2dEnv', {}),
  'gym_humanoid': ('humanoid_v5', 'HumanoidEnv', {f'include_{part}_in_observation': False for part in PARTS}),
}


class Case(NamedTuple):
  task: object
  model: mujoco.MjModel
  env: object  # Gymnasium's


class Ran(NamedTuple):
  """Outcomes of each step, here and in Gymnasium; rewards of terms by Gymnasium's names."""

  obs: np.ndarray
  reward: np.ndarray
  ended: np.ndarray
  terms: dict
  stock_obs: np.ndarray
  stock_reward: np.ndarray
  stock_ended: np.ndarray
  stock_info: list


@pytest.fixture(scope='module', params=list(ENVIRONMENTS))
def case(request):
  module, name, keywords = ENVIRONMENTS[request.param]
  pytest.importorskip('gymnasium')
  pytest.importorskip('imageio')  # which Gymnasium's environments import
  env = getattr(importlib.import_module(f'gymnasium.envs.mujoco.{module}'), name)(**keywords)
  config = resolve(load_config(request.param))
  robot = find_robot(config.task.robot)
  model = build_model(robot)
  return Case(make_task(config.task, describe(robot, model)), model, env)


@pytest.fixture(scope='module')
def ran(case):
  """1,000 random actions in both, each from the state of Gymnasium's simulation, with its warm start."""
  task, model, env = case
  rng, engine = np.random.default_rng(0), NativeEngine(model, 1, task.body.substeps, 1)
  scale = env.model.actuator_ctrlrange[:, 1]
  rows, stock, steps = [], [], LONGEST
  for _ in range(STEPS):
    if steps == LONGEST:
      env.reset(seed=len(rows))
      view, steps = view_states(model, env.data.qpos[None].copy(), env.data.qvel[None].copy()), 0
    if task.body.root.kind == 'planar':
      env.data.qpos[0], view = 0.0, view._replace(qpos=view.qpos.copy())
      view.qpos[:, 0] = 0.0
    state = np.empty((1, mujoco.mj_stateSize(env.model, STATE)))
    mujoco.mj_getState(env.model, env.data, state[0], STATE)
    context = task.context.start(view, np.zeros((1, 0)))
    action = rng.uniform(-1, 1, model.nu).astype(np.float32)
    _, view = engine.step(engine.unpack({'state': state}), action[None])
    stock.append(env.step(action * scale))
    rows.append((view, context))
    steps = LONGEST if stock[-1][2] else steps + 1
  views, contexts = jax.tree.map(lambda *x: np.concatenate(x), *rows)
  reward, terms = jax.jit(jax.vmap(lambda v, c: task.reward(v, task.body, c)))(views, contexts)
  obs, ended = task.observe(views, task.body, contexts), task.terminate(views, task.body, contexts)
  by_stock = (np.array([step[i] for step in stock]) for i in range(3))
  return Ran(obs, np.asarray(reward), ended, terms, *by_stock, [step[4] for step in stock])


def apart(a, b):
  """The largest difference; relative where numbers exceed 1."""
  return np.max(np.abs(np.asarray(a, float) - b) / np.maximum(1, np.abs(b)))


def test_the_observation_is_gymnasiums(ran):
  assert ran.obs.shape == ran.stock_obs.shape
  assert apart(ran.obs, ran.stock_obs) < 1e-6


def test_the_reward_is_gymnasiums(ran):
  assert np.ptp(ran.stock_reward) > 1
  assert apart(ran.reward, ran.stock_reward) < 1e-6


def test_episodes_end_as_gymnasiums(ran, case):
  assert ran.ended.tolist() == ran.stock_ended.tolist()
  assert ran.ended.any() == (case.task.config.robot != 'half_cheetah')


def test_the_cost_of_contacts_is_gymnasiums(ran, case):
  """Of falling bodies: up to several N^2 times 5e-7."""
  if case.task.config.robot != 'gym_humanoid':
    assert 'impact' not in ran.terms
    return
  stock = np.array([info['reward_contact'] for info in ran.stock_info])
  assert stock.min() < -1
  assert apart(ran.terms['impact'], stock) < 1e-6


def test_episodes_start_as_gymnasiums(case):
  """By the range or the deviation of each coordinate in 500 start states."""
  task, model, env = case
  qpos, qvel = task.starts(np.random.default_rng(0), 500, None)
  stock = []
  for seed in range(500):
    env.reset(seed=seed)
    stock.append(np.concatenate([env.data.qpos, env.data.qvel]))
  ours, theirs = np.concatenate([qpos, qvel], axis=1), np.array(stock)
  scale = task.config.start_strength
  np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.25 * scale)
  np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.15)
  np.testing.assert_allclose(np.abs(qpos - model.qpos0).max(), scale, rtol=0.01)
  bounded = np.abs(qvel).max() <= scale
  assert bounded == (np.abs(theirs[:, model.nq :]).max() <= scale)


def test_a_training_episode_has_gymnasiums_1000_steps(case):
  assert case.task.episode_steps == 1000


def test_the_physics_is_the_files_own(case):
  """Every number of the model but those of sensors, sites and cameras, and of controls scaled to [-1, 1]."""
  model, stock = case.model, mujoco.MjModel.from_xml_path(str(model_file(case.task.body.robot)))
  scaled = {'actuator_ctrlrange', 'actuator_gear', 'actuator_acc0'}
  others = ('cam', 'sensor', 'site', 'name', '_sizes')
  fields = [f for f in dir(stock) if isinstance(getattr(stock, f), np.ndarray) and not f.startswith(others)]
  assert len(fields) > 200
  assert [f for f in fields if f not in scaled and not np.array_equal(getattr(model, f), getattr(stock, f))] == []
  np.testing.assert_allclose(
    model.actuator_gear[:, 0] * model.actuator_ctrlrange[:, 1],
    stock.actuator_gear[:, 0] * stock.actuator_ctrlrange[:, 1],
  )
  options = [name for name in dir(stock.opt) if not name.startswith('_') and name != 'disableflags']
  for name in options:
    value = getattr(stock.opt, name)
    assert callable(value) or np.array_equal(getattr(model.opt, name), value), name


def test_a_robot_without_its_package_is_told_in_one_line(monkeypatch):
  from mjx_humanoid.core.errors import UserError

  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(
    UserError, match=r"robot 'walker2d' needs the package gymnasium.*pip install 'mjx_humanoid\[gym\]'"
  ):
    model_file(find_robot('walker2d'))
