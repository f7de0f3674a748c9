"""Protects placement: on the floor, soles flat, nothing inside the floor or the robot itself, balanced if asked."""

from __future__ import annotations

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from people import angle, posed, randomly_posed

from mjx_humanoid.motions.contacts import grounded, lowest, nearest_in_hull, overlaps, own_pairs, support
from mjx_humanoid.motions.placement import off_balance, place
from mjx_humanoid.motions.skeleton import Rig
from mjx_humanoid.physics.find_root import find_root


def sole_heights(rig, qpos, foot):
  """Heights in m of both ends of both capsules of a sole above the floor, by hand from the MJCF file."""
  rig.move(qpos)
  body = rig.model.body(foot).id
  ends = np.array([[x, y, 0] for x, width in ((-0.07, 0.01), (0.14, 0.03)) for y in (-width, width)])
  return (rig.data.xpos[body] + ends @ rig.data.xmat[body].reshape(3, 3).T)[:, 2] - 0.027


def test_a_standing_pose_stays_as_it_is(rig):
  found = place(rig, posed(rig))
  assert found.moved < 0.01
  assert set(found.standing) == {'foot_left', 'foot_right'}
  assert found.off_balance == found.overlap == 0
  np.testing.assert_allclose(found.qpos[:3], posed(rig)[:3], atol=2e-3)


@pytest.mark.parametrize('seed', range(6))
def test_any_pose_touches_the_floor_and_nothing_is_inside_it(rig, seed):
  qpos, _ = randomly_posed(rig, np.random.default_rng(seed))
  found = place(rig, qpos)
  assert lowest(rig, found.qpos) == pytest.approx(0, abs=1e-4)
  low, high = rig.body.joint_range.T
  assert ((found.qpos[7:] >= low - 1e-6) & (found.qpos[7:] <= high + 1e-6)).all()


def test_soles_that_nearly_stand_are_laid_flat(rig):
  """The ankles at 10 and -15 degrees: the sole's heel or toes would be 4 to 5 cm above the floor."""
  qpos = posed(rig, ankle_y_left=10, ankle_y_right=-15, hip_y_right=-5)
  assert np.ptp(sole_heights(rig, qpos, 'foot_left')) > 0.03
  found = place(rig, qpos)
  for foot in ('foot_left', 'foot_right'):
    np.testing.assert_allclose(sole_heights(rig, found.qpos, foot), 0, atol=0.005)
  assert set(found.standing) == {'foot_left', 'foot_right'}


def test_a_foot_on_its_toes_far_above_the_floor_is_left_alone(rig):
  """One leg raised in front: only the other stands."""
  found = place(rig, posed(rig, hip_y_left=-80, knee_left=-80))
  assert found.standing == ('foot_right',)
  assert angle(rig, found.qpos, 'knee_left') == pytest.approx(-80, abs=3)


@pytest.mark.parametrize('arm', [(59, -39, -73), (-21, 59, 29), (-28, 59, 39)])
def test_an_arm_inside_trunk_leg_or_head_is_moved_out(rig, arm):
  """The file lets parts of the robot pass through each other, so it is measured here. The other arm stays."""
  qpos = posed(rig, **dict(zip(('shoulder1_left', 'shoulder2_left', 'elbow_left'), arm, strict=True)))
  assert overlaps(rig, qpos) > 0.05
  found = place(rig, qpos)
  assert found.overlap < 0.003
  assert lowest(rig, found.qpos) == pytest.approx(0, abs=1e-4)


def test_parts_that_belong_together_may_touch(rig):
  names = {tuple(sorted((rig.model.geom(a).name, rig.model.geom(b).name))) for a, b in own_pairs(rig)}
  assert ('head', 'torso') not in names
  assert ('shin_left', 'thigh_left') not in names
  assert ('hand_left', 'torso') in names
  assert ('thigh_left', 'thigh_right') in names


def test_balance_moves_the_centre_of_mass_over_the_feet(rig):
  """Bent forward by 50 degrees at the hips: the centre of mass is ahead of the toes, by C MuJoCo."""
  qpos = posed(rig, hip_y_left=-70, hip_y_right=-70)
  quaternion = np.array([np.cos(np.radians(35)), 0, np.sin(np.radians(35)), 0])
  qpos = rig.body.root.placed(qpos[None], quaternion, 1.2)[0]
  before = place(rig, qpos)
  assert before.off_balance > 0.02
  after = place(rig, qpos, balance=True)
  assert after.off_balance < 0.005
  data = mujoco.MjData(rig.model)
  data.qpos[:] = after.qpos
  mujoco.mj_forward(rig.model, data)
  mass = data.subtree_com[rig.body.root.body][:2]
  rig.move(after.qpos)
  places, _ = support(rig)
  np.testing.assert_allclose(nearest_in_hull(places, mass), mass, atol=0.005)
  assert off_balance(rig, after.qpos) == after.off_balance


ONE_GEOM = """<mujoco><worldbody><geom name="floor" type="plane" size="5 5 1" pos="0 0 0.1"/>
<body name="trunk" pos="0 0 1"><freejoint/><geom {}/></body></worldbody></mujoco>"""


@pytest.mark.parametrize(
  ('geom', 'corner'),
  [
    ('type="box" size="0.05 0.1 0.3"', (0.05, 0.1)),  # its middle is far above the floor
    ('type="box" size="0.3 0.1 0.02"', (0.3, 0.1)),
    ('type="cylinder" size="0.05 0.3"', None),
    ('type="ellipsoid" size="0.05 0.05 0.3"', (0, 0)),
    ('type="sphere" size="0.2"', (0, 0)),
    ('type="capsule" size="0.1 0.3" euler="0 90 0"', (0.3, 0)),
  ],
)
def test_what_is_on_the_floor_supports_whatever_its_shape(geom, corner):
  model = mujoco.MjModel.from_xml_string(ONE_GEOM.format(geom))
  body = SimpleNamespace(robot=SimpleNamespace(floor='floor'), root=find_root(model))
  rig = Rig(body, model, np.zeros(0, int), np.zeros((0, 3)), {}, mujoco.MjData(model))
  qpos = grounded(rig, model.qpos0)
  assert off_balance(rig, qpos) <= (0 if corner else 0.05) + 1e-6
  if corner:
    np.testing.assert_allclose(np.abs(support(rig)[0]).max(axis=0), corner, atol=1e-6)


SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0]])


@pytest.mark.parametrize(
  ('points', 'place', 'nearest'),
  [
    (SQUARE, (1.5, 0.5), (1.5, 0.5)),
    (SQUARE, (3.0, 1.0), (2.0, 1.0)),
    (SQUARE, (-1.0, -1.0), (0.0, 0.0)),
    (SQUARE[:2], (1.0, 5.0), (1.0, 0.0)),
    (SQUARE[:1], (1.0, 5.0), (0.0, 0.0)),
  ],
)
def test_the_nearest_point_of_a_hull(points, place, nearest):
  np.testing.assert_allclose(nearest_in_hull(points, np.array(place)), nearest)
