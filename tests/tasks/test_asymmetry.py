"""Protects the warning of a reward that a symmetric policy cannot follow: start states against their mirror images."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import settle, view_states
from mjx_humanoid.robots import robots
from mjx_humanoid.run.setup import warn_of_asymmetry
from mjx_humanoid.tasks.asymmetry import one_sided
from mjx_humanoid.tasks.task import make_task


@pytest.fixture(scope='module')
def made():
  robot = robots()['humanoid']
  model = build_model(robot)
  task = make_task(TaskConfig(), describe(robot, model))
  starts = task.starts(np.random.default_rng(0), 32, lambda *x: settle(model, *x))
  return task, view_states(model, *starts)


def with_reward(task, reward):
  task = dataclasses.replace(task)
  vars(task)['reward'] = reward
  return task


def left_leg(view, body, context):
  height = body.height(view)
  return height, {'height': height, 'left': body.sensor(view, 'foot_left_pos')[..., 2]}


def sideways(view, body, context):
  return body.linear_velocity(view)[..., 1], {}


def both_feet(view, body, context):
  feet = [body.sensor(view, f'foot_{side}_pos')[..., 2] for side in ('left', 'right')]
  return jnp.maximum(*feet) - jnp.abs(body.linear_velocity(view)[..., 1]) - jnp.square(view.ctrl).sum(), {}


@pytest.mark.parametrize(('reward', 'found'), [(left_leg, ['left']), (sideways, ['the total']), (both_feet, [])])
def test_terms_that_know_left_from_right_are_named(made, reward, found):
  task, views = made
  assert one_sided(with_reward(task, reward), views) == found


def test_the_rewards_of_the_package_are_symmetric(made):
  task, views = made
  assert one_sided(task, views) == []


def test_it_is_said_with_the_setting_to_change(made, capsys):
  task, views = made
  warn_of_asymmetry(with_reward(task, left_leg), views)
  said = capsys.readouterr().out
  assert said.count('\n') == 1
  assert '(left)' in said
  assert 'network.symmetric=False' in said
