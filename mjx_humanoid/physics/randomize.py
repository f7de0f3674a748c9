"""Domain randomisation: environments that differ in mass, friction and the like, by name, on every engine.

Each function changes one copy of the model. C MuJoCo (mj_setConst) computes the fields that depend on the change. They
are collected for N environments, and the engines fill them in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import mujoco
import numpy as np

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.physics.find_root import root_body

# (model to change in place, generator, strength)
RandomizeFn = Callable[[mujoco.MjModel, np.random.Generator, float], None]
RANDOMIZATIONS: Registry[RandomizeFn] = Registry('randomization')

# Fields that mj_setConst recomputes after the changes made here.
DERIVED = ('body_subtreemass', 'body_invweight0', 'dof_invweight0', 'dof_M0', 'actuator_acc0')
CHANGED = (
  'body_mass',
  'body_inertia',
  'body_ipos',
  'pair_friction',
  'geom_friction',
  'dof_damping',
  'actuator_gear',
  'actuator_biasprm',
)

FIELDS = 1_000_003  # added to a seed: separates the generator of model fields from that of start states

MAX_DELAY = 50  # control steps
VELOCITY_NOISE_RATIO = 10.0  # 1/s; noise of observed velocities over that of observed angles
# Not properties of the model: applied by the control step in tasks/step.py.
OF_THE_ENV = {
  'sensor_noise': 'Noise on observed joint angles, of strength rad; on velocities ten times that per second.',
  'action_delay': 'Actions are delayed, in each environment by a whole number of control steps from 0 to strength.',
}


@RANDOMIZATIONS.register()
def mass(model: mujoco.MjModel, rng: np.random.Generator, strength: float) -> None:
  """Mass and inertia of each body, by a factor of 1 +- strength."""
  factor = rng.uniform(1 - strength, 1 + strength, model.nbody)
  model.body_mass *= factor
  model.body_inertia *= factor[:, None]


@RANDOMIZATIONS.register()
def center_of_mass(model: mujoco.MjModel, rng: np.random.Generator, strength: float) -> None:
  """Centre of mass of the torso, by up to strength in m along each axis."""
  model.body_ipos[root_body(model)] += rng.uniform(-strength, strength, 3)


@RANDOMIZATIONS.register()
def friction(model: mujoco.MjModel, rng: np.random.Generator, strength: float) -> None:
  """Sliding friction of the floor, by a factor of 1 +- strength."""
  factor = rng.uniform(1 - strength, 1 + strength)
  floor = floor_geoms(model)
  with_floor = floor[model.pair_geom1] | floor[model.pair_geom2]
  model.pair_friction[with_floor, :2] *= factor
  # Without a pair, two geoms touch with the larger friction of the two: both must change, or the factor could be lost.
  touching = _touches_without_pair(model, floor)
  if touching.any():
    model.geom_friction[touching | floor, 0] *= factor


def floor_geoms(model: mujoco.MjModel) -> np.ndarray:
  """The geoms of the world, which do not move, bool [ngeom]."""
  return np.asarray(model.geom_bodyid == 0)


def _touches_without_pair(model: mujoco.MjModel, floor: np.ndarray) -> np.ndarray:
  """The geoms of the robot that may touch those of the floor without a contact pair, bool [ngeom]."""
  kind, affinity = model.geom_contype[:, None], model.geom_conaffinity[:, None]
  meets = ((kind & affinity.T) | (kind.T & affinity)) != 0
  return np.asarray(~floor & meets[:, floor].any(axis=1))


@RANDOMIZATIONS.register()
def damping(model: mujoco.MjModel, rng: np.random.Generator, strength: float) -> None:
  """Damping of each joint, by a factor of 1 +- strength."""
  model.dof_damping *= rng.uniform(1 - strength, 1 + strength, model.nv)


@RANDOMIZATIONS.register()
def motor_strength(model: mujoco.MjModel, rng: np.random.Generator, strength: float) -> None:
  """Torque of each motor, by a factor of 1 +- strength."""
  factor = rng.uniform(1 - strength, 1 + strength, model.nu)
  model.actuator_gear[:, 0] *= factor
  model.actuator_biasprm[:, 1:3] /= factor[:, None]  # cancels the factor in angles, which are read through the gear


def randomized_fields(
  model: mujoco.MjModel, strengths: Mapping[str, float], rng: np.random.Generator, count: int
) -> dict[str, np.ndarray]:
  """Model fields that differ between `count` environments, each [count, ...]; empty if nothing varies.

  Raises:
    UserError: an unknown name, a strength out of range, or a model that has no such property.
  """
  check(strengths)
  functions = {name: RANDOMIZATIONS[name] for name in of_the_model(strengths)}
  if not functions:
    return {}
  for name, function in functions.items():
    _try(name, function, model, strengths[name])
  rows = []
  for _ in range(count):
    varied = copy.copy(model)
    for name, function in functions.items():
      function(varied, rng, strengths[name])
    mujoco.mj_setConst(varied, mujoco.MjData(varied))
    rows.append({name: getattr(varied, name).copy() for name in (*CHANGED, *DERIVED)})
  stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
  return {name: values for name, values in stacked.items() if (values != getattr(model, name)).any()}


def _try(name: str, function: RandomizeFn, model: mujoco.MjModel, strength: float) -> None:
  """Raises UserError if a function fails, changes nothing, or changes a field that environments must share."""
  trial, what = copy.copy(model), f'config.task.randomization.{name}'
  try:
    function(trial, np.random.default_rng(0), strength)
  except UserError:
    raise
  except Exception as error:
    place = user_objects.place(error, function)
    raise UserError(f'{what} fails{place}: {type(error).__name__}: {str(error).split(chr(10))[0]}.') from error
  arrays = [field for field in dir(model) if isinstance(getattr(model, field, None), np.ndarray)]
  changed = [f for f in arrays if not np.array_equal(getattr(trial, f), getattr(model, f), equal_nan=True)]
  if lost := [field for field in changed if field not in CHANGED + DERIVED]:
    raise UserError(f'{what} changes {", ".join(lost)}; environments can differ in {", ".join(CHANGED)} alone.')
  if not any(field in CHANGED for field in changed):
    raise UserError(f'{what}: this robot has nothing of that kind that could vary.')


def varied_models(model: mujoco.MjModel, fields: Mapping[str, np.ndarray], count: int) -> list[mujoco.MjModel]:
  """One model for each of `count` environments, with its rows of these fields."""
  models = [copy.copy(model) for _ in range(count)] if fields else [model] * count
  for name, values in fields.items():
    for varied, value in zip(models, values, strict=True):
      getattr(varied, name)[:] = value
  return models


def of_the_model(strengths: Mapping[str, float]) -> dict[str, float]:
  """The entries with strength > 0 that vary the model; the others are in OF_THE_ENV."""
  return {name: strength for name, strength in strengths.items() if name not in OF_THE_ENV and strength}


def check(strengths: Mapping[str, float]) -> None:
  """Raises UserError for an unknown name, or a strength out of range, such as one that makes a factor negative."""
  for name, strength in strengths.items():
    if name not in RANDOMIZATIONS and name not in OF_THE_ENV and not user_objects.is_own(name):
      raise unknown('randomization', name, [*RANDOMIZATIONS, *OF_THE_ENV])
    if name == 'action_delay' and not (0 <= strength <= MAX_DELAY and float(strength).is_integer()):
      raise UserError(f'config.task.randomization.{name}={strength} must be a whole number, 0 to {MAX_DELAY}.')
    if name != 'action_delay' and not 0 <= strength < 1:
      raise UserError(f'config.task.randomization.{name}={strength} is out of range: at least 0 and less than 1.')
