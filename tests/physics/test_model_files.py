"""Models from files that were not written for this package: what they lack is added, what cannot work is refused."""

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import PD, Anatomy, Robot
from mjx_humanoid.physics.model import build_model, build_spec, sparse_replaced

# Files that were not written for this package

HOPPER = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1" contype="1" conaffinity="2"/>
    <body name="trunk" pos="0 0 1">
      <freejoint/>
      <camera name="track" pos="9 9 9"/><camera name="mine" pos="1 0 0"/>
      <geom name="chest" size="0.1" contype="4" conaffinity="4"/>
      <geom size="0.1" pos="0 0 .3" contype="4" conaffinity="4"/>
      <body pos="0 0 -0.3">
        <joint name="hip" axis="0 1 0" range="-2 2"/>
        <geom size="0.1" contype="4" conaffinity="4"/>
        <body name="foot" pos="0 0 -0.3">
          <joint axis="0 1 0" range="-2 2"/>
          <geom name="sole" size="0.1" contype="2" conaffinity="2"/>
        </body>
      </body>
    </body>
  </worldbody>
  <contact><pair geom1="floor" geom2="chest" friction="0.3 0.3 0.01 0.01 0.01"/></contact>
  <actuator>{actuators}</actuator>
  <sensor>{sensors}</sensor>
</mujoco>"""
MOTORS = '<motor name="m" joint="hip" gear="3" ctrllimited="true" ctrlrange="-0.4 0.4"/>'


@pytest.fixture
def hopper(tmp_path):
  """hopper(**changes of the datasheet) -> a robot of one leg."""

  def make(actuators=MOTORS, sensors='', text=HOPPER, **changes):
    path = tmp_path / 'hopper.xml'
    path.write_text(text.format(actuators=actuators, sensors=sensors))
    return Robot(**{**SHEET, 'file': str(path), **changes})

  return make


SHEET = {
  'name': 'hopper', 'description': '', 'root': 'trunk', 'feet': ('foot',), 'standing_height': 1.0, 'fallen_height': 0.5,
}  # fmt: skip


def test_what_has_no_name_gets_one(hopper):
  """By its number in the file: body 0 is the world, geom 0 the floor."""
  model = build_model(hopper())
  assert [model.body(i).name for i in range(model.nbody)] == ['world', 'trunk', 'body_2', 'foot']
  assert [model.geom(i).name for i in range(model.ngeom)] == ['floor', 'chest', 'geom_2', 'geom_3', 'sole']
  assert [model.joint(i).name for i in range(model.njnt)] == ['joint_0', 'hip', 'joint_2']
  assert 'body_2_touch' in {model.sensor(i).name for i in range(model.nsensor)}


def test_a_name_that_is_taken_is_not_given_again(hopper):
  model = build_model(hopper(text=HOPPER.replace('"chest"', '"geom_2"')))
  assert [model.geom(i).name for i in range(model.ngeom)] == ['floor', 'geom_2', 'geom_2_', 'geom_3', 'sole']


def test_cameras_of_the_files_own_are_replaced_only_where_their_name_is_needed(hopper):
  model = build_model(hopper())
  assert sorted(model.cam(i).name for i in range(model.ncam)) == ['front', 'mine', 'track']
  np.testing.assert_allclose(model.cam('track').pos, [1.9, -2.1, 0.15])


def test_only_geoms_that_do_not_meet_the_floor_yet_get_a_contact_with_it(hopper):
  """The chest has a pair of its own, which stays; the sole collides with the floor by its masks."""
  model = build_model(hopper())
  floor = model.geom('floor').id
  pairs = {
    next(model.geom(g).name for g in (model.pair_geom1[i], model.pair_geom2[i]) if g != floor): i
    for i in range(model.npair)
  }
  assert set(pairs) == {'chest', 'geom_2', 'geom_3'}
  assert model.pair_friction[pairs['chest'], 0] == 0.3


@pytest.mark.parametrize(
  ('actuator', 'low', 'high'),
  [
    ('<motor joint="hip" gear="3" ctrllimited="true" ctrlrange="-0.4 0.4"/>', -0.4, 0.4),
    ('<motor joint="hip" gear="3" ctrllimited="true" ctrlrange="-1 1"/>', -1, 1),
    ('<motor joint="hip" gear="3" ctrllimited="true" ctrlrange="0 5"/>', 0, 5),
    ('<motor joint="hip" gear="3"/>', -1, 1),  # no range: as it is
    ('<position joint="hip" kp="20" ctrllimited="true" ctrlrange="-0.5 1.5"/>', -0.5, 1.5),
    ('<position joint="hip" kp="20" kv="2" ctrllimited="true" ctrlrange="-0.5 1.5"/>', -0.5, 1.5),
    ('<velocity joint="hip" kv="4" ctrllimited="true" ctrlrange="-3 3"/>', -3, 3),
    ('<general joint="hip" gear="2" gainprm="7" ctrllimited="true" ctrlrange="-2 6"/>', -2, 6),
  ],
)
def test_controls_from_minus_one_to_one_mean_the_files_own_range(hopper, actuator, low, high):
  """Equal joint forces, by C MuJoCo, from the file as it is and from the completed model."""
  robot = hopper(actuators=actuator)
  stock, model = mujoco.MjModel.from_xml_path(robot.file), build_model(robot)
  np.testing.assert_array_equal(model.actuator_ctrlrange, [[-1, 1]])
  for share in (-1.0, -0.3, 0.0, 0.7, 1.0):
    forces = []
    for each, ctrl in ((stock, (low + high) / 2 + share * (high - low) / 2), (model, share)):
      data = mujoco.MjData(each)
      data.qpos[7:], data.qvel[6:], data.ctrl[:] = (0.3, 0.0), (0.5, 0.0), ctrl
      mujoco.mj_forward(each, data)
      forces.append(data.qfrc_actuator.copy())
    np.testing.assert_allclose(forces[1], forces[0], atol=1e-12)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'root': 'trunc'}, "unknown body in the datasheet of robot 'hopper': 'trunc'. Did you mean 'trunk'? Choices: "),
    ({'feet': ('feet',)}, "unknown body in the datasheet of robot 'hopper': 'feet'. Choices: body_2, foot, trunk."),
    ({'floor': 'ground'}, "unknown floor geom in the datasheet of robot 'hopper': 'ground'. Choices: chest, floor, "),
    ({'pd': (('knee', PD(1, 1, 1)),)}, "joint group of PD control in the datasheet of robot 'hopper': 'knee'."),
    ({'anatomy': Anatomy('head', (), 0.5)}, "'hopper': 'head'"),
    ({'anatomy': Anatomy('trunk', ('shin',), 0.5)}, "'hopper': 'shin'"),
  ],
)  # fmt: skip
def test_names_that_the_file_lacks_are_refused_with_the_choices(hopper, change, message):
  with pytest.raises(UserError) as error:
    build_model(hopper(**change))
  assert message in str(error.value)
  assert 'Choices: ' in str(error.value)
  assert '\n' not in str(error.value)


def test_actuators_with_a_state_are_refused(hopper):
  """Their activation is in no reset and no checkpoint: an episode would begin with that of the one before."""
  text = '<general name="m" joint="hip" dyntype="{}" dynprm="0.1" ctrllimited="true" ctrlrange="-1 1"/>'
  for kind in ('integrator', 'filter', 'filterexact'):
    with pytest.raises(UserError, match=rf"^robot 'hopper': the actuator 'm' has a state .*dyntype {kind}\)"):
      build_model(hopper(text.format(kind)))
  assert build_model(hopper(text.format('none'))).na == 0


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('<mujoco>', 'MuJoCo cannot read .*hopper.xml: .*XML'),
    (HOPPER.replace('size="0.1" pos', 'sise="0.1" pos'), "MuJoCo cannot read .*unrecognized attribute: 'sise'"),
    (HOPPER.replace('<freejoint/>', '<joint type="ball"/><freejoint/>'), 'does not compile: .*more than 6 dofs'),
    (HOPPER.replace('{actuators}', ''), 'has no actuators, so there is nothing to control'),
  ],
)
def test_a_file_that_does_not_work_is_refused_with_mujocos_message_in_one_line(hopper, text, message):
  with pytest.raises(UserError, match=message) as error:
    build_model(hopper(text=text))
  assert str(error.value).startswith("robot 'hopper'")
  assert '\n' not in str(error.value)


def test_a_foot_may_be_the_root_or_the_head(hopper):
  names = [s.name for s in build_spec(hopper(feet=('trunk',), anatomy=Anatomy('trunk', (), 0.5))).sensors]
  assert len(names) == len(set(names))


def test_a_sensor_of_the_files_own_that_is_the_same_serves(hopper):
  sensor = '<framepos name="foot_pos" objtype="xbody" objname="foot"/>'
  model = build_model(hopper(sensors=sensor))
  assert [model.sensor(i).name for i in range(model.nsensor)].count('foot_pos') == 1


def test_a_sensor_of_the_files_own_that_is_another_is_refused(hopper):
  """Else tasks would read something else by that name, without a word."""
  sensor = '<framepos name="foot_pos" objtype="xbody" objname="trunk"/>'
  with pytest.raises(
    UserError, match=r"'hopper': its sensor 'foot_pos' is not what tasks read by that name; rename it"
  ):
    build_model(hopper(sensors=sensor))


@pytest.mark.parametrize(
  ('option', 'version', 'dense'),
  [
    ('jacobian="sparse"', '4.0.0', True),
    ('jacobian="sparse"', '4.0.1', False),
    ('jacobian="sparse" solver="CG"', '4.0.0', False),
    ('', '4.0.0', False),
  ],
)
def test_a_sparse_jacobian_is_replaced_where_it_is_wrong(hopper, monkeypatch, option, version, dense):
  """MuJoCo 4.0.0 computes a wrong Hessian with it in Newton's method."""
  monkeypatch.setattr(mujoco, '__version__', version)
  robot = hopper(text=HOPPER.replace('<mujoco>', f'<mujoco><option {option}/>'))
  assert (build_model(robot).opt.jacobian == mujoco.mjtJacobian.mjJAC_DENSE) == dense
  assert sparse_replaced(robot) == dense


def test_a_large_model_is_compiled_as_dense_too(tmp_path, monkeypatch):
  """MuJoCo itself chooses a sparse Jacobian from 60 degrees of freedom: 6 and 54 hinges."""
  monkeypatch.setattr(mujoco, '__version__', '4.0.0')
  for hinges, dense in ((53, False), (54, True)):
    links = ''.join(f'<body><joint name="j{i}"/><geom size="0.1"/>' for i in range(hinges)) + '</body>' * hinges
    path = tmp_path / f'chain_{hinges}.xml'
    path.write_text(
      '<mujoco><worldbody><geom name="floor" type="plane" size="1 1 1"/><body name="head" pos="0 0 1"><freejoint/>'
      f'<geom size="0.1"/>{links}</body></worldbody><actuator><motor joint="j0"/></actuator></mujoco>'
    )
    spec = build_spec(Robot('chain', '', str(path), 'head', (), 1.0, 0.5))
    assert (spec.option.jacobian == mujoco.mjtJacobian.mjJAC_DENSE) == dense
