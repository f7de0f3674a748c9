"""What the tests of motions share: the humanoid with servos at 50 control steps a second, which learns to get up."""

import pytest

from mjx_humanoid.motions.skeleton import rig_of
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.robots import robots


@pytest.fixture(scope='session')
def robot():
  return robots()['humanoid_pd']


@pytest.fixture(scope='session')
def model(robot):
  return build_model(robot)


@pytest.fixture(scope='session')
def body(robot, model):
  return describe(robot, model, 4)


@pytest.fixture(scope='session')
def rig():
  """The humanoid with the landmarks of a person."""
  return rig_of(robots()['humanoid'])
