"""Environments and start states that the tests of Env share."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from env_tools import COMMAND, ENVS, KEY, LIMIT, at_age, at_rest, observe, reward, too_low, with_context

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.envs.env import Bank, Env
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.curricula import CURRICULA
from mjx_humanoid.tasks.task import make_task


@pytest.fixture(scope='session')
def servo_body():
  """The humanoid with servos at 50 decisions a second: the one that learns to get up."""
  robot = robots()['humanoid_pd']
  return describe(robot, build_model(robot), 4)


@pytest.fixture(scope='session')
def registered():
  """The environments of this package are known to Gymnasium."""
  pytest.importorskip('gymnasium')
  from mjx_humanoid.envs.registration import register

  register()


@pytest.fixture(scope='session')
def quick_env():
  """One quick Gymnasium environment for the tests that reset it themselves."""
  pytest.importorskip('gymnasium')
  from gym_tools import QUICK

  from mjx_humanoid.envs.gym_env import GymEnv

  return GymEnv(**QUICK)


@pytest.fixture
def moving_start(model):
  """A start near the standing pose, moving a little, as reset(options=...) takes it."""
  rng = np.random.default_rng(4)
  qpos = model.qpos0.copy()
  qpos[7:] += 0.05 * rng.standard_normal(21)
  return {'qpos': qpos, 'qvel': 0.1 * rng.standard_normal(27)}


@pytest.fixture(scope='session')
def make_env(model, body):
  """make_env(push__kind='kick', ...) -> an environment of env_tools' own reward, observation and end."""

  def make(engine=None, num_envs=ENVS, limit=LIMIT, curriculum='none', lifetime=1.0, own=None, **settings):
    dotted = {name.replace('__', '.'): value for name, value in {'command__value': COMMAND, **settings}.items()}
    task = make_task(replaced(TaskConfig(), dotted, 'config.task'), body)
    parts = {'reward': reward, 'observe': observe, 'terminate': too_low, 'episode_steps': limit, **(own or {})}
    own_reward = parts.pop('reward')
    task = dataclasses.replace(task, **parts)
    vars(task)['reward'] = own_reward  # it is resolved when it is asked for, and kept here
    engine = engine or SimpleNamespace(traceable=False)
    return Env(task, engine, model, num_envs, CURRICULA[curriculum], lifetime)

  return make


@pytest.fixture(scope='session')
def env(make_env):
  return make_env()


@pytest.fixture(scope='session')
def bank(body, model):
  """Three rows, told apart by their heights 5, 6 and 7."""
  view = at_rest(body, model, [5, 6, 7], time=0.0)
  view.qpos[:, 0] = [50, 60, 70]
  return Bank(view.qpos, np.arange(3)[:, None] * np.ones((3, body.nv), np.float32), view)


@pytest.fixture
def begun(env, bank):
  """All at age 3, with height 2 and first control 0.25 behind them, and a return of 10, 20, 30, 40 so far."""
  state, _, _ = env.begin(KEY, bank)
  last = jnp.zeros((ENVS, env.action_size)).at[:, 0].set(0.25)
  state = with_context(at_age(state, 3), last_action=last)
  return state._replace(episode_return=jnp.array([10.0, 20, 30, 40]))


@pytest.fixture
def advance(env, bank, body, model, begun):
  """Advances the begun environments to these heights and controls."""

  def advance(heights=(2.0, 2.0, 2.0, 2.0), controls=0.25, ages=None, change=None):
    state = begun if ages is None else at_age(begun, ages)
    view = at_rest(body, model, heights, controls)
    return env.advance(state, bank, change(view) if change else view, KEY)

  return advance
