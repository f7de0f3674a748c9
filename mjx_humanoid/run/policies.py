"""Makes a portable policy from a learner, and starts a training from a policy."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import platform
from typing import Any

import numpy as np

from mjx_humanoid import __version__
from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import Actor, Mirror
from mjx_humanoid.core.precision import single_precision
from mjx_humanoid.motions.around import kind_of
from mjx_humanoid.motions.gait import Reference
from mjx_humanoid.playback.policy import OWN_CODE, Policy
from mjx_humanoid.run import hosts
from mjx_humanoid.run.setup import Setup

PACKAGES = ('mujoco', 'mujoco-mjx', 'jax', 'flax', 'optax', 'brax')


@functools.cache
def versions() -> dict[str, str]:
  """Versions of this package and of packages that results depend on."""
  installed = {name: importlib.metadata.version(name) for name in PACKAGES}
  return {'mjx_humanoid': __version__, 'python': platform.python_version(), **installed}


def from_policy(policy: Policy, config: Config) -> Actor:
  """The actor of a policy, for a training of `config` that starts from it.

  The task of this config may have more observations than the policy, after those of the policy.

  Raises:
    UserError: the observations or the activation of the policy do not fit this config.
  """
  digests = policy.info.get(OWN_CODE, {})
  has = [saved_code.identity(name, digests) for name in (policy.task.robot, *policy.task.observations)]
  wanted = [saved_code.identity(name) for name in (config.task.robot, *config.task.observations)]
  if has != wanted[: len(has)]:
    robot, *observations = map(saved_code.portable, (policy.task.robot, *policy.task.observations))
    changed = ', '.join(name for name in digests if name in (config.task.robot, *config.task.observations))
    raise UserError(
      f'config.init_from: {policy.name} is of {robot} and sees {", ".join(observations)};'
      f' this training is of {config.task.robot} with {", ".join(config.task.observations)}.'
      + (f' {changed} must be as it was then: name the copy that its run keeps.' if changed else '')
    )
  if policy.task.actuation != config.task.actuation:
    actuation = policy.task.actuation
    raise UserError(f'config.init_from: set config.task.actuation={actuation}, which {policy.name} was trained with.')
  if policy.activation != config.network.activation:
    raise UserError(f'config.init_from: set config.network.activation={policy.activation}, as {policy.name} has it.')
  if (has_base := kind_of(policy.base)) != config.network.residual:
    residual = f'network.residual={has_base}'
    raise UserError(f'config.init_from: set config.{residual}, as {policy.name} has it.')
  return policy.actor


@single_precision()
def to_policy(setup: Setup, learner: Any, timesteps: int) -> Policy:
  """The policy of a learner, with a description of its training."""
  actor = setup.algorithm.actor(hosts.local(learner))

  def array(x: Any) -> np.ndarray:
    return np.asarray(x, np.float32)

  return Policy(
    kernels=tuple(map(array, actor.kernels)),
    biases=tuple(map(array, actor.biases)),
    log_std=array(actor.log_std),
    mean=array(actor.mean),
    std=array(actor.std),
    mirror=None if actor.mirror is None else Mirror(*map(np.asarray, actor.mirror)),
    squash=actor.squash,
    base=setup.base,
    activation=setup.config.network.activation,
    task=setup.config.task,
    info=describe(setup, timesteps),
  )


def describe(setup: Setup, timesteps: int) -> dict[str, Any]:
  """A description of how a policy was trained, as JSON types; with a task, also what its actions mean."""
  config, body = setup.config, setup.task.body if setup.task else None
  robot = (
    {
      'joints': list(body.joint_names),
      'actuators': list(body.actuator_names),
      'control_step': body.control_step,
    }
    if body
    else {}
  )
  return {
    'name': config.name,
    **({'init_from': config.init_from} if config.init_from else {}),
    'algorithm': config.algorithm,
    'engine': setup.env.engine.name,
    'seed': config.seed,
    'timesteps': timesteps,
    'num_envs': setup.total_envs,
    **robot,
    **({'out_of_reach': setup.out_of_reach} if isinstance(setup.base, Reference) else {}),
    'date': datetime.date.today().isoformat(),
    'versions': dict(versions()),
  }
