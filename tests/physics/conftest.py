"""What the tests of physics share: the humanoid, and one MJX program, since compiling takes half a minute."""

import jax
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.physics.mjx import MjxEngine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import RANDOMIZATIONS, randomized_fields

MJX_WORLDS, MJX_SUBSTEPS = 16, 5


@pytest.fixture(scope='session')
def converged_model(robot):
  return build_model(robot, converged=True)


@pytest.fixture(scope='session')
def moving(model):
  """A world in the air in a random pose and motion, after mj_forward."""
  rng = np.random.default_rng(3)
  data = mujoco.MjData(model)
  data.qpos[:] = model.qpos0 + rng.normal(size=model.nq) * 0.3
  data.qpos[2] = 3.0
  data.qpos[3:7] /= np.linalg.norm(data.qpos[3:7])
  data.qvel[:] = rng.normal(size=model.nv)
  mujoco.mj_forward(model, data)
  return data


@pytest.fixture(scope='session')
def lying(model):
  """A world that lies on its back, half a second after it was let go."""
  data = mujoco.MjData(model)
  data.qpos[2] = 0.3
  data.qpos[3:7] = [np.sqrt(0.5), 0, -np.sqrt(0.5), 0]
  mujoco.mj_step(model, data, 100)
  mujoco.mj_forward(model, data)
  return data


@pytest.fixture(scope='session')
def mjx_engine(converged_model):
  """MJX with a converged solver, for 16 worlds."""
  return MjxEngine(converged_model, MJX_SUBSTEPS, impl='jax', num_envs=MJX_WORLDS)


@pytest.fixture(scope='session')
def mjx_step(mjx_engine):
  """Its step, compiled once for all tests."""
  return jax.jit(mjx_engine.step, compiler_options=COMPILER_OPTIONS)


@pytest.fixture(scope='session')
def varied_fields(converged_model):
  """Fields of 16 worlds in which everything varies that can."""
  rng = np.random.default_rng(2)
  return randomized_fields(converged_model, dict.fromkeys(RANDOMIZATIONS, 0.2), rng, MJX_WORLDS)


@pytest.fixture(scope='session')
def varied_engine(converged_model, varied_fields):
  """MJX with a converged solver, for 16 worlds that differ."""
  return MjxEngine(converged_model, MJX_SUBSTEPS, impl='jax', num_envs=MJX_WORLDS, fields=varied_fields)


@pytest.fixture(scope='session')
def varied_step(varied_engine):
  """Its step under pushes (state, ctrl, force, kick), compiled once for all tests."""
  return jax.jit(varied_engine.step, compiler_options=COMPILER_OPTIONS)


@pytest.fixture(scope='session')
def pushes():
  """Forces in N and kicks in m/s [16, 3], another one for each world."""
  rng = np.random.default_rng(3)
  return tuple((scale * rng.normal(size=(MJX_WORLDS, 3))).astype(np.float32) for scale in (80, 0.4))


@pytest.fixture(scope='session')
def draw(model):
  """Cases by their seed, see draw_starts and draw_controls."""
  return lambda seed: (*draw_starts(model, seed), draw_controls(model, seed))


@pytest.fixture(scope='session')
def starts(draw):
  return draw(7)[:2]


@pytest.fixture(scope='session')
def smooth_controls(draw):
  return draw(7)[2]


def draw_starts(model, seed):
  """qpos, qvel of 16 worlds: 0-7 in the air; 8-11 on their feet; 12-15 dropped onto back, front, left and right."""
  rng = np.random.default_rng(seed)
  qpos = np.tile(model.qpos0, (MJX_WORLDS, 1))
  qpos[:, 7:] += rng.normal(size=(MJX_WORLDS, 21)) * 0.05
  low, high = model.jnt_range[1:].T
  qpos[:, 7:] = np.clip(qpos[:, 7:], low, high)
  qpos[:8, 2] = 3.0
  qpos[:8, 3:7] = rng.normal(size=(8, 4))
  qpos[12:, 2] = 0.35
  half = np.sqrt(0.5)
  qpos[12:, 3:7] = [[half, 0, -half, 0], [half, 0, half, 0], [half, half, 0, 0], [half, -half, 0, 0]]
  qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
  qvel = rng.normal(size=(MJX_WORLDS, model.nv)) * 0.3
  return qpos.astype(np.float32), qvel.astype(np.float32)


def draw_controls(model, seed):
  """[20, 16, nu]: half a second of controls that swing slowly, each motor in each world at a rate of its own."""
  rng = np.random.default_rng([seed, 1])
  shape = (MJX_WORLDS, model.nu)
  rate, phase = rng.uniform(1, 3, shape), rng.uniform(0, 2 * np.pi, shape)
  time = np.arange(20)[:, None, None] * 0.025
  return (0.4 * np.sin(2 * np.pi * rate * time + phase)).astype(np.float32)
