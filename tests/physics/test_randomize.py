"""Worlds that differ: what each randomization changes, by how much, and that all which follows from it is right."""

import copy

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.randomize import (
  CHANGED,
  DERIVED,
  OF_THE_ENV,
  RANDOMIZATIONS,
  check,
  of_the_model,
  randomized_fields,
  varied_models,
)
from mjx_humanoid.robots import robots

ROOT = 1  # the torso, the first body after the world
COUNT = 40
OWN = {
  'mass': {'body_mass', 'body_inertia'},
  'center_of_mass': {'body_ipos'},
  'friction': {'pair_friction'},
  'damping': {'dof_damping'},
  'motor_strength': {'actuator_gear'},
}
# What follows: inertia decides on how the joints and motors accelerate, a motor's strength on that motor alone.
FOLLOWS = {
  'mass': {'body_subtreemass', 'body_invweight0', 'dof_invweight0', 'dof_M0', 'actuator_acc0'},
  'center_of_mass': {'body_invweight0', 'dof_invweight0', 'dof_M0', 'actuator_acc0'},
  'friction': set(),
  'damping': set(),
  'motor_strength': {'actuator_acc0'},
}


def fields(model, count=COUNT, seed=0, **strengths):
  return randomized_fields(model, strengths, np.random.default_rng(seed), count)


@pytest.mark.parametrize('name', list(RANDOMIZATIONS))
def test_exactly_what_changes_is_returned_with_a_row_for_each_world(name, model):
  found = fields(model, **{name: 0.1})
  assert set(found) == OWN[name] | FOLLOWS[name]
  for field, values in found.items():
    assert values.shape == (COUNT, *getattr(model, field).shape), field


def test_nothing_is_returned_where_nothing_varies(model):
  assert fields(model) == {}
  assert fields(model, mass=0.0, friction=0.0) == {}


@pytest.mark.parametrize('name', list(RANDOMIZATIONS))
def test_the_model_itself_stays_as_it_is(name, model):
  before = {field: getattr(model, field).copy() for field in (*CHANGED, *DERIVED)}
  fields(model, 3, **{name: 0.5})
  for field, values in before.items():
    np.testing.assert_array_equal(getattr(model, field), values)


def factors(model, field, found):
  """Ratios to the model's own values, where those are not zero: [COUNT, n]."""
  own = getattr(model, field).reshape(-1)
  return (found[field].reshape(COUNT, -1) / np.where(own == 0, 1, own))[:, own != 0]


def uniform(ratios, strength):
  """Asserts that ratios are spread evenly over 1 +- strength; their standard deviation is strength / sqrt(3)."""
  assert ratios.min() >= 1 - strength
  assert ratios.max() <= 1 + strength
  assert ratios.mean() == pytest.approx(1, abs=5 * strength / np.sqrt(3 * ratios.size))
  assert ratios.std() == pytest.approx(strength / np.sqrt(3), rel=0.15)


def test_mass_and_inertia_of_a_body_change_by_one_factor(model):
  found = fields(model, mass=0.3)
  mass = factors(model, 'body_mass', found)
  uniform(mass, 0.3)
  assert mass.shape == (COUNT, 16)
  np.testing.assert_allclose(factors(model, 'body_inertia', found), np.repeat(mass, 3, axis=1), rtol=1e-12)
  assert len(np.unique(mass)) == mass.size  # each body and each world by itself


def test_the_torsos_centre_of_mass_moves_by_up_to_the_strength(model):
  moved = fields(model, center_of_mass=0.02)['body_ipos'] - model.body_ipos
  assert not np.delete(moved, ROOT, axis=1).any()
  torso = moved[:, ROOT]
  assert np.abs(torso).max() <= 0.02
  assert torso.std() == pytest.approx(0.02 / np.sqrt(3), rel=0.15)
  assert (torso.min(axis=0) < 0).all()
  assert (torso.max(axis=0) > 0).all()


def test_the_floor_of_a_world_has_one_friction(model):
  found = fields(model, friction=0.4)
  change = found['pair_friction'] / model.pair_friction
  sliding = change[:, :, :2].reshape(COUNT, -1)
  np.testing.assert_allclose(sliding, np.repeat(sliding[:, :1], sliding.shape[1], axis=1), rtol=1e-12)
  np.testing.assert_array_equal(change[:, :, 2:], 1)  # torsion and rolling stay
  assert 0.6 <= sliding.min() < 0.75
  assert 1.25 < sliding.max() <= 1.4


FLOORS = """
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 1" friction="0.5 0.1 0.1"/>
    <body name="a" pos="0 0 1"><freejoint/><geom name="a" size="0.1" friction="0.8"/></body>
    <body name="b" pos="1 0 1"><freejoint/><geom name="b" size="0.1" contype="0" conaffinity="0"/></body>
  </worldbody>
  <contact>
    <pair geom1="floor" geom2="b" friction="1 1 0.1 0.1 0.1"/>
    <pair geom1="b" geom2="a" friction="1 1 0.1 0.1 0.1"/>
  </contact>
</mujoco>"""


def test_only_contacts_with_the_floor_change_whether_they_are_pairs_or_not():
  """Of two pairs that with the floor; of a ball that touches it without a pair, the friction of both."""
  model = mujoco.MjModel.from_xml_string(FLOORS)
  found = fields(model, friction=0.4)
  assert set(found) == {'pair_friction', 'geom_friction'}
  factor = found['pair_friction'][:, 0, 0]
  assert factor.std() > 0.1
  np.testing.assert_array_equal(found['pair_friction'][:, 1], np.tile(model.pair_friction[1], (COUNT, 1)))
  sliding = found['geom_friction'][..., 0]
  np.testing.assert_allclose(sliding / model.geom_friction[:, 0], np.stack([factor, factor, 1 + 0 * factor], axis=1))
  np.testing.assert_array_equal(found['geom_friction'][..., 1:], np.tile(model.geom_friction[:, 1:], (COUNT, 1, 1)))


def test_the_friction_of_a_contact_with_the_floor_is_that_of_mujoco_times_the_factor():
  """The ball lies in the floor: MuJoCo takes the larger friction, 0.8, whatever the factor."""
  model = mujoco.MjModel.from_xml_string(FLOORS)
  found = fields(model, count=8, friction=0.4)
  for varied, row in zip(varied_models(model, found, 8), found['pair_friction'], strict=True):
    data = mujoco.MjData(varied)
    data.qpos[2] = 0.05
    mujoco.mj_forward(varied, data)
    assert data.ncon == 1
    assert data.contact.friction[0, 0] == pytest.approx(0.8 * row[0, 0])


def test_damping_of_each_joint(model):
  ratios = factors(model, 'dof_damping', fields(model, damping=0.5))
  uniform(ratios, 0.5)
  assert ratios.shape == (COUNT, 21)  # the free joint has none
  assert len(np.unique(ratios)) == ratios.size


def test_strength_of_each_motor(model):
  found = fields(model, motor_strength=0.2)
  ratios = factors(model, 'actuator_gear', found)
  uniform(ratios, 0.2)
  assert ratios.shape == (COUNT, 21)
  np.testing.assert_array_equal(found['actuator_gear'][:, :, 1:], np.tile(model.actuator_gear[:, 1:], (COUNT, 1, 1)))


def test_a_stronger_servo_gives_that_much_more_torque_and_no_other_angle():
  """With weaker and stronger motors, of the same state and controls: the torques differ by the factor alone."""
  model = build_model(robots()['humanoid_pd'])
  varied = varied_models(model, fields(model, 5, motor_strength=0.3), 5)
  rng = np.random.default_rng(1)
  qpos, ctrl = rng.uniform(*model.jnt_range[1:].T), rng.uniform(-1, 1, model.nu)
  torques = []
  for each in (model, *varied):
    data = mujoco.MjData(each)
    data.qpos[7:], data.qvel[:], data.ctrl[:] = qpos, 0.3, ctrl
    mujoco.mj_forward(each, data)
    torques.append(data.qfrc_actuator[6:].copy())
  dofs = model.jnt_dofadr[model.actuator_trnid[:, 0]] - 6
  for each, torque in zip(varied, torques[1:], strict=True):
    factor = each.actuator_gear[:, 0] / model.actuator_gear[:, 0]
    assert np.ptp(factor) > 0.1
    np.testing.assert_allclose(torque[dofs], factor * torques[0][dofs], rtol=1e-9)


def test_several_at_once_are_each_as_alone(model):
  found = fields(model, mass=0.1, friction=0.2, motor_strength=0.3)
  assert set(found) == set().union(*(OWN[n] | FOLLOWS[n] for n in ('mass', 'friction', 'motor_strength')))
  uniform(factors(model, 'body_mass', found), 0.1)
  uniform(factors(model, 'actuator_gear', found), 0.3)


# What follows from a change, by other means than mj_setConst


@pytest.fixture(scope='module')
def everything(model):
  """Three worlds in which all varies, and their models."""
  found = fields(model, 3, **dict.fromkeys(RANDOMIZATIONS, 0.15))
  return found, varied_models(model, found, 3)


def test_masses_of_subtrees_are_sums(everything, model):
  found, _ = everything
  for mass, below in zip(found['body_mass'], found['body_subtreemass'], strict=True):
    expected = mass.copy()
    for i in range(model.nbody - 1, 0, -1):
      expected[model.body_parentid[i]] += expected[i]
    np.testing.assert_allclose(below, expected)


def test_inertias_of_joints_and_accelerations_by_motors_are_those_of_the_mass_matrix(everything):
  """dof_M0 is its diagonal in the standing pose, dof_invweight0 that of its inverse, averaged over each triple."""
  found, models = everything
  for i, model in enumerate(models):
    data, full = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    mujoco.mj_forward(model, data)
    mujoco.mj_fullM(model, data, full)
    inverse = np.linalg.inv(full)
    np.testing.assert_allclose(found['dof_M0'][i], np.diag(full), rtol=1e-9)
    weight = np.diag(inverse).copy()
    weight[:3], weight[3:6] = weight[:3].mean(), weight[3:6].mean()
    np.testing.assert_allclose(found['dof_invweight0'][i], weight, rtol=1e-6)
    moments = np.zeros((model.nu, model.nv))
    moments[np.arange(model.nu), model.jnt_dofadr[model.actuator_trnid[:, 0]]] = found['actuator_gear'][i, :, 0]
    np.testing.assert_allclose(found['actuator_acc0'][i], np.linalg.norm(moments @ inverse, axis=1), rtol=1e-6)


def test_all_fields_that_mujoco_derives_are_among_them(everything, model):
  """Every number of a varied model is the given model's, but for the fields that are returned.

  And but for where cameras and lights follow the robot, and a length by which MuJoCo decides what may sleep.
  """
  found, models = everything
  renewed = copy.copy(models[0])
  mujoco.mj_setConst(renewed, mujoco.MjData(renewed))
  names = [n for n in dir(model) if not n.startswith('_') and isinstance(getattr(model, n), np.ndarray)]
  changed = {n for n in names if not np.array_equal(getattr(renewed, n), getattr(model, n), equal_nan=True)}
  assert changed - {'cam_poscom0', 'light_poscom0', 'dof_length'} == set(found)


def test_a_model_for_each_world_has_its_own_rows(everything, model):
  found, models = everything
  for i, varied in enumerate(models):
    for name, values in found.items():
      np.testing.assert_array_equal(getattr(varied, name), values[i])
  assert len({id(m) for m in (model, *models)}) == 4


def test_worlds_that_do_not_vary_share_the_model(model):
  assert varied_models(model, {}, 3) == [model] * 3


# Chance


def test_a_seed_gives_the_same_worlds_and_another_seed_others(model):
  first, again, other = (fields(model, 3, seed, mass=0.1)['body_mass'] for seed in (1, 1, 2))
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)


# Mistakes


@pytest.mark.parametrize('name', ['masss', '', 'gravity'])
def test_an_unknown_randomization_is_refused_with_the_choices(model, name):
  with pytest.raises(UserError, match='unknown randomization') as error:
    fields(model, 2, **{name: 0.1})
  message = str(error.value)
  assert '\n' not in message
  for choice in (*RANDOMIZATIONS, 'sensor_noise', 'action_delay'):
    assert choice in message


@pytest.mark.parametrize('strength', [1.0, 1.5, -0.1, float('nan'), float('inf')])
def test_a_strength_that_would_turn_a_factor_around_is_refused(model, strength):
  with pytest.raises(UserError, match=r'config\.task\.randomization\.mass=.* at least 0 and less than 1') as error:
    fields(model, 2, mass=strength)
  assert '\n' not in str(error.value)


def test_even_beside_others_that_are_right(model):
  with pytest.raises(UserError, match='friction'):
    fields(model, 2, mass=0.1, friction=2.0)


def test_of_the_model_are_those_that_change_it():
  assert of_the_model({'mass': 0.1, 'friction': 0.0, 'sensor_noise': 0.02, 'action_delay': 2.0}) == {'mass': 0.1}


@pytest.mark.parametrize('steps', [0.5, -1.0, 51.0, 1e9, float('nan'), float('inf')])
def test_a_delay_is_a_whole_number_of_control_steps_of_which_a_second_holds_fifty(steps):
  check({'action_delay': 50.0})
  with pytest.raises(UserError, match=r'config\.task\.randomization\.action_delay=.* must be a whole number, 0 to 50'):
    check({'action_delay': steps})


@pytest.mark.parametrize(
  ('name', 'field'), [('friction', 'pair_friction'), ('damping', 'dof_damping'), ('motor_strength', 'actuator_gear')]
)
def test_what_a_model_has_nothing_of_cannot_vary(model, name, field):
  lacking = copy.copy(model)
  getattr(lacking, field)[:] = 0.0
  with pytest.raises(UserError, match=f'randomization.{name}: this robot has nothing of that kind') as error:
    fields(lacking, 2, **{name: 0.1})
  assert '\n' not in str(error.value)


def test_every_randomization_describes_itself():
  assert set(RANDOMIZATIONS) == set(OWN)
  assert all([*RANDOMIZATIONS.describe().values(), *OF_THE_ENV.values()])
  assert not set(RANDOMIZATIONS) & set(OF_THE_ENV)
