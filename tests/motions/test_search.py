"""Finding motions, judged by a mass of 1 kg on a rail under up to 1 N, of which all is known by hand."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.motions import search
from mjx_humanoid.motions.search import between_knots, find_motion, follow
from mjx_humanoid.physics.native import NativeEngine

RAIL = """
<mujoco>
  <option timestep="0.01" gravity="0 0 0"/>
  <worldbody><body name="mass"><joint name="x" type="slide" axis="1 0 0"/><geom size="0.1" mass="1"/></body></worldbody>
  <actuator><motor joint="x" ctrlrange="-1 1" gear="1"/></actuator>
  <sensor><jointpos joint="x"/></sensor>
</mujoco>"""
STEP = 0.02  # s, of two physics steps


def nothing(view):
  return np.zeros(len(view.qpos))


def find(end, along=nothing, seconds=1.0, seed=0, basis=((1.0,),), noise=0.0):
  model = mujoco.MjModel.from_xml_string(RAIL)
  rng = np.random.default_rng(seed)
  return find_motion(model, np.zeros(1), seconds, 2, end, along, np.array(basis), noise, rng)


def to(goal):
  """The cost of being away from a place, or not at rest there."""
  return lambda view: np.abs(view.qpos[:, 0] - goal) + np.abs(view.qvel[:, 0])


def test_it_comes_to_rest_where_it_should():
  """At 1 m/s^2, half a second ahead and half a second back, it gets 0.25 m far; 0.15 m is in reach."""
  qpos, qvel, *_ = find(to(0.15))
  assert (qpos.shape, qvel.shape) == ((51, 1), (51, 1))
  assert qpos[0] == 0
  assert qvel[0] == 0
  np.testing.assert_allclose(qpos[-12:, 0], 0.15, atol=0.02)
  np.testing.assert_allclose(qvel[-12:, 0], 0.0, atol=0.04)


def test_it_gets_nearly_as_far_as_can_be():
  """Under 1 N all the time, 1 kg comes 0.5 m far in 1 s; the plan may not ask for more."""
  qpos = find(lambda view: -view.qpos[:, 0]).qpos
  assert 0.49 < qpos[-1, 0] < 0.5 + 1.1 * STEP


def test_motion_is_that_of_the_model():
  """Places follow from speeds: the step of MuJoCo is x += v dt with the new v, twice a control step."""
  qpos, qvel, *_ = find(to(-0.1))
  moved, mean = np.diff(qpos[:, 0]), (qvel[1:, 0] + qvel[:-1, 0]) / 2
  np.testing.assert_allclose(moved, mean * STEP, atol=0.25 * STEP**2 + 1e-6)
  assert np.abs(np.diff(qvel[:, 0])).max() <= STEP + 1e-6  # 1 N for 0.02 s on 1 kg


def test_what_costs_on_the_way_is_avoided():
  """Faster than 0.2 m/s costs: without that, 0.15 m in 1 s takes 0.3 m/s at least, two thirds of the way at it."""
  fast = find(to(0.15)).qvel.max()
  slow = find(to(0.15), lambda view: 10 * np.maximum(np.abs(view.qvel[:, 0]) - 0.2, 0)).qvel.max()
  assert slow < 0.22 < 0.24 < fast


def test_a_seed_gives_the_same_motion_and_another_seed_another():
  first, again, other = (find(to(0.1), seconds=0.5, seed=seed).qpos for seed in (1, 1, 2))
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)


def test_the_cost_is_that_of_its_last_state():
  motion = find(to(0.15))
  assert motion.cost == pytest.approx(abs(motion.qpos[-1, 0] - 0.15) + abs(motion.qvel[-1, 0]), abs=1e-6)


def test_its_controls_lead_there_again():
  """In C MuJoCo, step by step."""
  motion = find(to(0.15))
  model = mujoco.MjModel.from_xml_string(RAIL)
  data = mujoco.MjData(model)
  assert motion.ctrl.shape == (50, 1)
  assert np.abs(motion.ctrl).max() <= 1
  for ctrl, qpos, qvel in zip(motion.ctrl, motion.qpos[1:], motion.qvel[1:], strict=True):
    data.ctrl[:] = ctrl
    mujoco.mj_step(model, data, 2)
    np.testing.assert_allclose([data.qpos, data.qvel], [qpos, qvel], atol=1e-5)


def test_plans_are_tried_under_noise():
  """Controls are those of the plan, 0.5 at its knots, and beside it by as much as asked for; within their range."""
  engine = NativeEngine(mujoco.MjModel.from_xml_string(RAIL), 4000, 2)
  rest, plans = (np.zeros(1), np.zeros(1)), np.full((4000, 2, 1), 0.5)

  def controls(noise):
    views = follow(engine, rest, between_knots(3, 2), plans, noise, np.random.default_rng(0))
    return np.array([view.ctrl[:, 0] for view in views])

  exact, noisy, wild = (controls(noise) for noise in (0.0, 0.1, 3.0))
  np.testing.assert_allclose(exact, 0.5)
  assert noisy.shape == (3, 4000)
  assert noisy.mean() == pytest.approx(0.5, abs=0.005)
  assert noisy.std(axis=1) == pytest.approx([0.1] * 3, rel=0.05)
  assert np.abs(wild).max() == 1


def test_what_the_basis_leaves_out_stays_still():
  qpos = find(to(0.1), basis=((0.0,),)).qpos
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

  def end(view):
    return np.where(view.qpos[:, 0] > 0.01, np.nan, -view.qpos[:, 0])

  motion = find(end, seconds=0.5)
  assert np.isfinite(motion.cost)
  assert (motion.qpos[-12:] <= 0.01).all()
