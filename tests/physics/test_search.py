"""Finding motions, judged by a mass of 1 kg on a rail under up to 1 N, of which all is known by hand."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.physics import search
from mjx_humanoid.physics.search import between_knots, find_motion

RAIL = """
<mujoco>
  <option timestep="0.01" gravity="0 0 0"/>
  <worldbody><body name="mass"><joint name="x" type="slide" axis="1 0 0"/><geom size="0.1" mass="1"/></body></worldbody>
  <actuator><motor joint="x" ctrlrange="-1 1" gear="1"/></actuator>
  <sensor><jointpos joint="x"/></sensor>
</mujoco>"""
STEP = 0.02  # s, of two physics steps


def nothing(qpos, qvel):
  return np.zeros(len(qpos))


def find(end, along=nothing, seconds=1.0, seed=0, basis=((1.0,),)):
  model = mujoco.MjModel.from_xml_string(RAIL)
  rng = np.random.default_rng(seed)
  return find_motion(model, np.zeros(1), seconds, 2, end, along, np.array(basis), rng)


def to(goal):
  """The cost of being away from a place, or not at rest there."""
  return lambda qpos, qvel: np.abs(qpos[:, 0] - goal) + np.abs(qvel[:, 0])


def test_it_comes_to_rest_where_it_should():
  """At 1 m/s^2, half a second ahead and half a second back, it gets 0.25 m far; 0.15 m is in reach."""
  qpos, qvel = find(to(0.15))
  assert (qpos.shape, qvel.shape) == ((51, 1), (51, 1))
  assert qpos[0] == 0
  assert qvel[0] == 0
  np.testing.assert_allclose(qpos[-8:, 0], 0.15, atol=0.02)
  np.testing.assert_allclose(qvel[-8:, 0], 0.0, atol=0.04)


def test_it_gets_nearly_as_far_as_can_be():
  """Under 1 N all the time, 1 kg comes 0.5 m far in 1 s; the plan may not ask for more."""
  qpos, _ = find(lambda qpos, qvel: -qpos[:, 0])
  assert 0.49 < qpos[-1, 0] < 0.5 + 1.1 * STEP


def test_motion_is_that_of_the_model():
  """Places follow from speeds: the step of MuJoCo is x += v dt with the new v, twice a control step."""
  qpos, qvel = find(to(-0.1))
  moved, mean = np.diff(qpos[:, 0]), (qvel[1:, 0] + qvel[:-1, 0]) / 2
  np.testing.assert_allclose(moved, mean * STEP, atol=0.25 * STEP**2 + 1e-6)
  assert np.abs(np.diff(qvel[:, 0])).max() <= STEP + 1e-6  # 1 N for 0.02 s on 1 kg


def test_what_costs_on_the_way_is_avoided():
  """Faster than 0.2 m/s costs: without that, 0.15 m in 1 s takes 0.3 m/s at least, two thirds of the way at it."""
  fast = find(to(0.15))[1].max()
  slow = find(to(0.15), lambda qpos, qvel: 10 * np.maximum(np.abs(qvel[:, 0]) - 0.2, 0))[1].max()
  assert slow < 0.22 < 0.24 < fast


def test_a_seed_gives_the_same_motion_and_another_seed_another():
  first, again, other = (find(to(0.1), seconds=0.5, seed=seed)[0] for seed in (1, 1, 2))
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)


def test_what_the_basis_leaves_out_stays_still():
  qpos, _ = find(to(0.1), basis=((0.0,),))
  np.testing.assert_array_equal(qpos, np.zeros_like(qpos))


def test_knots_are_joined_by_straight_lines():
  """Five steps between three knots: at the first, half-way, at the second, half-way, at the third."""
  expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]]
  np.testing.assert_allclose(between_knots(5, 3), expected)


@pytest.mark.parametrize(('steps', 'knots'), [(50, 8), (7, 2), (2, 2)])
def test_shares_of_knots_sum_to_one(steps, knots):
  np.testing.assert_allclose(between_knots(steps, knots).sum(axis=1), 1)


def test_diverging_plans_are_never_the_best(monkeypatch):
  """Whoever pushes ends nowhere; the best is what is left: hardly to push at all."""
  monkeypatch.setattr(search, 'EFFORT', 0.0)

  def end(qpos, qvel):
    return np.where(qpos[:, 0] > 0.01, np.nan, -qpos[:, 0])

  qpos, _ = find(end, seconds=0.5)
  assert np.isfinite(end(qpos[-8:], qpos[-8:])).all()
