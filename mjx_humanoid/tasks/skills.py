"""Skills: rewards as weighted sums of shared terms, or a user's own functions.

To add a skill, add its weights to SKILLS. Positive weights of a skill sum to 1, so that the reward of a perfect step is
about 1. The exception is 'turning_over', a rate, which is 0 for an upright robot.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import jax.numpy as jnp

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.core.types import Array, Terms, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.curriculum_level import level_of
from mjx_humanoid.tasks.functions import RewardFn
from mjx_humanoid.tasks.human_rewards import TERMS  # and those of rewards.py, step_rewards.py and tracking.py

# Description and term weights of each skill.
SKILLS: dict[str, tuple[str, Mapping[str, float]]] = {
  'stand': (
    'Stand still and upright at full height, economically.',
    {
      'alive': 0.2,
      'height': 0.25,
      'upright': 0.15,
      'balance': 0.1,
      'velocity': 0.15,
      'relaxed': 0.15,
      'energy': -0.1,
      'action_rate': -0.02,
    },
  ),
  'walk': (
    'Walk as commanded, one foot after the other.',
    {
      'alive': 0.04,
      'velocity': 0.37,
      'heading': 0.08,
      'cross_track': 0.07,
      'gait': 0.15,
      'clearance': 0.04,
      'upright': 0.06,
      'height': 0.04,
      'arms': 0.08,
      'level_feet': 0.07,  # without it, one seed of two walked on the edges of its feet
      'slip': -0.04,
      'energy': -0.08,
      'action_rate': -0.02,
    },
  ),
  'run': (
    'Run as commanded, both feet in the air between steps.',
    {
      'velocity': 0.6,
      'heading': 0.1,
      'gait': 0.15,
      'upright': 0.05,
      'arms': 0.1,
      'slip': -0.02,
      'energy': -0.03,
      'action_rate': -0.02,
    },
  ),
  'follow': (
    'Follow commands on foot: forward, sideways and turning; stand still where none is given.',
    {
      'velocity': 0.5,
      'turning': 0.05,
      'heading': 0.12,
      'gait': 0.14,
      'clearance': 0.05,
      'upright': 0.05,
      'arms': 0.09,
      'slip': -0.05,
      'energy': -0.05,
      'action_rate': -0.02,
    },
  ),
  'kneel': (
    'Kneel on both shins, upright and quiet.',
    {
      'kneeling_height': 0.44,
      'shins_down': 0.17,
      'lower_legs_down': 0.13,
      'upright': 0.09,
      'velocity': 0.04,
      'quiet': 0.04,
      'arms': 0.09,
      'stray_contacts': -0.09,
      # With 'sinking' and 'energy' at -0.1, the policies of two seeds of three kept standing and never knelt.
      'sinking': -0.02,
      'energy': -0.04,
      'action_rate': -0.02,
    },
  ),
  # Gymnasium's locomotion tasks; their configs give the weights. Controls are in [-1, 1], and `effort` is a mean: the
  # weight is Gymnasium's times the number of motors and the square of their control range.
  'gym': ("Gymnasium's tasks: forward, fast, with little control.", {'progress': 1.0, 'effort': -0.006}),
  'imitate': (
    'Move as a clip of motion does.',
    {
      'clip_pose': 0.4,
      'clip_rates': 0.1,
      'clip_feet': 0.15,
      'clip_root': 0.15,
      'clip_place': 0.1,
      'clip_velocity': 0.1,
      'action_rate': -0.01,
    },
  ),
  'getup': (
    'Get up from the floor and stand.',
    {
      'rise': 0.1,
      'balanced_rise': 0.2,
      'on_feet': 0.1,
      'rise_on_feet': 0.2,
      'poise': 0.4,
      'turning_over': 0.3,
      'leaping': -0.02,
      'energy': -0.015,
      'action_rate': -0.015,
    },
  ),
}


def weighted(weights: Mapping[str, float], late: Collection[str] = ()) -> RewardFn:
  """The weighted sum of these terms; also returns each weighted term.

  Args:
    late: the terms whose weights grow with the level of the curriculum.

  Raises:
    UserError: an unknown term, or a late one that is not among them.
  """
  for name in late:
    if name not in weights:
      raise unknown('reward term in config.task.late_terms', name, weights)
  terms = {portable(name): (TERMS[name], weight, name in late) for name, weight in weights.items()}

  def reward(view: View, body: Body, context: Context) -> tuple[Array, Terms]:
    level = level_of(context, 'config.task.late_terms') if late else 1.0
    values = {
      name: (weight * level if is_late else weight) * term(view, body, context)
      for name, (term, weight, is_late) in terms.items()
    }
    return jnp.sum(jnp.stack(list(values.values()))), values

  return reward


def make_reward(name: str, weights: Mapping[str, float], late: Collection[str] = ()) -> RewardFn:
  """The reward of a skill, with some weights changed, or the user's own 'path/to/file.py:function'.

  A user's function takes (view, body, context) and returns a scalar, or a scalar and a dict of terms.

  Args:
    late: see weighted.

  Raises:
    UserError: an unknown skill or term, or weights for a user's function.
  """
  if not user_objects.is_own(name):
    if name not in SKILLS:
      raise unknown('reward', name, SKILLS, 'Your own: path/to/file.py:name.')
    return weighted({**SKILLS[name][1], **weights}, late)
  for setting, given in (('weights', weights), ('late_terms', late)):
    if given:
      raise UserError(f'config.task.{setting} belongs to rewards made of terms; {name} is a function of your own.')
  function = user_objects.find(name, 'reward')

  def reward(view: View, body: Body, context: Context) -> tuple[Array, Terms]:
    result = function(view, body, context)
    total, terms = result if isinstance(result, tuple) else (result, {})
    return jnp.asarray(total, jnp.float32), terms

  return reward


def describe() -> dict[str, str]:
  """One line for each built-in reward."""
  return {name: line for name, (line, _) in SKILLS.items()}
