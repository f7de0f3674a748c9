"""Rewards: terms that any skill may use, and skills as weights on them. Pure JAX, one world each.

To add a term, write a function here under `@TERMS.register()`. To add a skill, add its weights to
SKILLS. Positive weights of a skill sum to 1, so that a perfect step earns about 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp

from mjx_humanoid.errors import UserError, unknown
from mjx_humanoid.physics.body import Body
from mjx_humanoid.registry import Registry, first_line, load_function
from mjx_humanoid.tasks.shaping import gaussian
from mjx_humanoid.types import Array, Context, RewardFn, Terms, View

TermFn = Callable[[View, Body, Context], Array]
TERMS: Registry[TermFn] = Registry('reward term')

# What the sums below are divided by, to make them numbers near 1.
POWER_SCALE = 1000.0  # W
GRAVITY = 9.81  # m/s^2


@TERMS.register()
def alive(view: View, body: Body, context: Context) -> Array:
  """1 for every step."""
  return jnp.ones(())


@TERMS.register()
def height(view: View, body: Body, context: Context) -> Array:
  """Torso at standing height, within about 0.15 m."""
  return gaussian(body.sensor(view, 'torso_pos')[2] - body.robot.standing_height, 0.15)


@TERMS.register()
def upright(view: View, body: Body, context: Context) -> Array:
  """Torso axis vertical, within about 25 degrees."""
  return gaussian(body.sensor(view, 'torso_up')[:2], 0.42)


@TERMS.register()
def balance(view: View, body: Body, context: Context) -> Array:
  """Extrapolated centre of mass above the middle of the feet, within about 0.25 m.

  Where a falling inverted pendulum would come to rest: x + v / sqrt(g / h) (Hof et al., 2005).
  """
  feet = jnp.stack([body.sensor(view, f'{foot}_pos') for foot in body.robot.feet]).mean(axis=0)
  com = body.sensor(view, 'com_pos')
  lead = jnp.sqrt(jnp.maximum(com[2] - feet[2], 0.1) / GRAVITY)
  return gaussian((com + lead * body.sensor(view, 'com_vel') - feet)[:2], 0.25)


@TERMS.register()
def velocity(view: View, body: Body, context: Context) -> Array:
  """Centre of mass moving as commanded, forward and sideways, within about 0.3 m/s."""
  return gaussian(heading_velocity(view, body) - context.command[:2], 0.3)


@TERMS.register()
def turning(view: View, body: Body, context: Context) -> Array:
  """Torso turning about the vertical as commanded, within about 0.5 rad/s."""
  return gaussian(body.sensor(view, 'torso_angvel')[2] - context.command[2], 0.5)


@TERMS.register()
def posture(view: View, body: Body, context: Context) -> Array:
  """Joints near the standing pose: 0.37 at a root mean square of 0.5 rad."""
  error = view.qpos[7:] - body.default_qpos[7:]
  return gaussian(jnp.sqrt(jnp.mean(jnp.square(error)) + 1e-8), 0.5)


@TERMS.register()
def quiet(view: View, body: Body, context: Context) -> Array:
  """Joints at rest: 0.37 at a root mean square of 2 rad/s."""
  return gaussian(jnp.sqrt(jnp.mean(jnp.square(view.qvel[6:])) + 1e-8), 2.0)


@TERMS.register()
def energy(view: View, body: Body, context: Context) -> Array:
  """Mechanical power of all motors, in kW; a cost."""
  return jnp.sum(jnp.abs(torque(view, body) * view.qvel[body.actuator_dofs])) / POWER_SCALE


@TERMS.register()
def effort(view: View, body: Body, context: Context) -> Array:
  """Mean square of the motor commands; a cost."""
  return jnp.mean(jnp.square(view.ctrl))


@TERMS.register()
def action_rate(view: View, body: Body, context: Context) -> Array:
  """Mean square change of the motor commands since the last step; a cost."""
  return jnp.mean(jnp.square(view.ctrl - context.last_action))


def torque(view: View, body: Body) -> Array:
  """Motor torques [nu] in N m."""
  return view.ctrl * body.torque_limit


def heading_velocity(view: View, body: Body) -> Array:
  """Velocity of the centre of mass [2] in m/s: forward and to the left, seen along the torso's heading."""
  forward = body.sensor(view, 'torso_forward')[:2]
  forward = forward / (jnp.linalg.norm(forward) + 1e-6)
  moving = body.sensor(view, 'com_vel')[:2]
  return jnp.stack([jnp.dot(moving, forward), forward[0] * moving[1] - forward[1] * moving[0]])


# Each skill: what it is, and the weight of each term.
SKILLS: dict[str, tuple[str, Mapping[str, float]]] = {
  'stand': (
    'Stand still and upright at full height, economically.',
    {
      'alive': 0.2,
      'height': 0.25,
      'upright': 0.15,
      'balance': 0.1,
      'velocity': 0.15,
      'posture': 0.15,
      'energy': -0.1,
      'action_rate': -0.02,
    },
  ),
}


def weighted(weights: Mapping[str, float]) -> RewardFn:
  """The reward that sums these terms with these weights, and reports each weighted term.

  Raises:
    UserError: a term that does not exist.
  """
  terms = {name: (TERMS[name], weight) for name, weight in weights.items()}

  def reward(view: View, body: Body, context: Context) -> tuple[Array, Terms]:
    values = {name: weight * term(view, body, context) for name, (term, weight) in terms.items()}
    return jnp.sum(jnp.stack(list(values.values()))), values

  return reward


def make_reward(name: str, weights: Mapping[str, float]) -> RewardFn:
  """The reward of a skill, with some weights changed; or a user's 'path/to/file.py:function'.

  A user's function takes (view, body, context) and returns a scalar, or a scalar and a dict of terms.

  Raises:
    UserError: an unknown skill or term, or weights for a user's function.
  """
  if '.py:' not in name:
    if name not in SKILLS:
      raise unknown('reward', name, SKILLS)
    return weighted({**SKILLS[name][1], **weights})
  if weights:
    raise UserError(f'config.task.weights belongs to rewards made of terms; {name} is a function of your own.')
  function = load_function(name, 'reward')

  def reward(view: View, body: Body, context: Context) -> tuple[Array, Terms]:
    result = function(view, body, context)
    total, terms = result if isinstance(result, tuple) else (result, {})
    return jnp.asarray(total, jnp.float32), terms

  return reward


def describe() -> dict[str, str]:
  """One line for each ready reward."""
  return {name: line for name, (line, _) in SKILLS.items()}


def describe_terms() -> dict[str, str]:
  """One line for each term."""
  return {name: first_line(TERMS[name]) for name in TERMS}
