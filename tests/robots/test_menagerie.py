"""Protects robots of MuJoCo Menagerie: ANYmal C as its folder has it is accepted, and PD control holds it.

The folder is written here, in the structure of `anybotics_anymal_c`: a scene that includes the robot, visual meshes and
a texture in assets/, collisions by cylinders and boxes, classes of defaults, position servos, an elliptic cone.
Masses, offsets, joints and servos are those of the published model.
"""

import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import mujoco
import numpy as np
import pytest
from pages import ROOT
from tiny import TINY, as_arguments

import mjx_humanoid as mh
from mjx_humanoid import doctor, train
from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.choice import make_engine
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.tasks.task import robot_of

SCENE = """
<mujoco model="anymal_c scene">
  <include file="anymal_c.xml"/>
  <asset>
    <texture type="2d" name="ground" builtin="checker" width="8" height="8"/>
    <material name="ground" texture="ground"/>
  </asset>
  <worldbody>
    <light pos="0 0 1.5" dir="0 0 -1" directional="true"/>
    <geom name="floor" size="0 0 0.05" type="plane" material="ground"/>
  </worldbody>
</mujoco>"""
ROBOT = """
<mujoco model="anymal_c">
  <compiler angle="radian" meshdir="assets" texturedir="assets" autolimits="true"/>
  <option cone="elliptic" impratio="100"/>
  <default>
    <default class="anymal_c">
      <joint damping="1" frictionloss="0.1"/>
      <default class="visual"><geom type="mesh" contype="0" conaffinity="0" group="2"/></default>
      <default class="collision">
        <geom group="3" type="cylinder"/>
        <default class="foot">
          <geom type="sphere" size="0.03" priority="1" condim="6" friction="0.8 0.02 0.01"/>
        </default>
      </default>
      <default class="affine"><position kp="100" ctrlrange="-6.28 6.28" forcerange="-80 80"/></default>
    </default>
  </default>
  <asset>
    <texture type="2d" name="base" file="base.png"/>
    <material name="base" texture="base"/>
    <mesh file="base.obj"/>
    <mesh file="drive.obj"/>
  </asset>
  <worldbody>
    <body name="base" pos="0 0 0.62" quat="0 0 0 1" childclass="anymal_c">
      <freejoint/>
      <inertial mass="19.2035" pos="0.0025 0 0.0502" diaginertia="0.217374 0.624031 0.639559"/>
      <geom mesh="base" material="base" class="visual"/>
      <geom class="collision" size="0.29 0.07 0.09" type="box"/>
      <geom class="collision" size="0.09 0.0725" pos="0.2175 0.07 0" quat="1 0 1 0"/>
      <geom class="collision" size="0.09 0.0725" pos="0.2175 -0.07 0" quat="1 0 1 0"/>
      {legs}
    </body>
  </worldbody>
  <contact>{excluded}</contact>
  <actuator>{servos}</actuator>
</mujoco>"""
LEG = """
<body name="{leg}_HIP" pos="{x}0.2999 {y}0.104 0">
  <inertial mass="2.781" pos="0 0 0" diaginertia="0.00585729 0.00491868 0.00329081"/>
  <joint name="{leg}_HAA" axis="1 0 0" range="{abduction}"/>
  <geom mesh="drive" class="visual"/>
  <body name="{leg}_THIGH" pos="{x}0.0599 {y}0.0838 0">
    <inertial mass="3.071" pos="0 0 -0.246" diaginertia="0.03025 0.0298943 0.00418465"/>
    <joint name="{leg}_HFE" axis="0 1 0" range="-9.42478 9.42478"/>
    <geom class="collision" size="0.03 0.0375 0.141314" pos="0 {y}0.03 -0.141314" type="box"/>
    <geom class="collision" size="0.05 0.07" pos="0 {y}0.03 -0.285" quat="1 1 0 0"/>
    <body name="{leg}_SHANK" pos="0 {y}0.1003 -0.285">
      <inertial mass="0.58842" pos="{x}0.06 0 -0.08" diaginertia="0.0101637 0.00923838 0.00111927"/>
      <joint name="{leg}_KFE" axis="0 1 0" range="-9.42478 9.42478"/>
      <geom class="collision" size="0.0575 0.019 0.03375" pos="{x}0.0575 0 0" type="box"/>
      <geom class="collision" size="0.0175 0.141252" pos="{x}0.088 {y}0.0131 -0.168985"/>
      <geom class="foot" pos="{x}0.088 {y}0.0131 -0.31547"/>
    </body>
  </body>
</body>"""
LEGS = {'LF': ('', ''), 'RF': ('', '-'), 'LH': ('-', ''), 'RH': ('-', '-')}  # signs of x and y
JOINTS = [f'{leg}_{joint}' for leg in LEGS for joint in ('HAA', 'HFE', 'KFE')]
MASS = 19.2035 + 4 * (2.781 + 3.071 + 0.58842)
HEIGHT = 0.285 + 0.31547 + 0.03  # m: thigh, shank and the radius of a foot, all straight down
TETRAHEDRON = 'v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nv 0 0 0.1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n'


def png():
  """A red pixel as a file."""

  def chunk(kind, data):
    body = kind + data
    return len(data).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)

  header = (1).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])  # 1 x 1, eight bits, RGB
  chunks = {b'IHDR': header, b'IDAT': zlib.compress(b'\0\xff\0\0'), b'IEND': b''}
  return b'\x89PNG\r\n\x1a\n' + b''.join(chunk(*each) for each in chunks.items())


@pytest.fixture
def scene(tmp_path):
  """Path of scene.xml in a folder like that of Menagerie."""
  folder = tmp_path / 'anybotics_anymal_c'
  (folder / 'assets').mkdir(parents=True)
  legs = ''.join(
    LEG.format(leg=leg, x=x, y=y, abduction='-0.49 0.72' if y else '-0.72 0.49') for leg, (x, y) in LEGS.items()
  )
  excluded = ''.join(f'<exclude body1="base" body2="{leg}_THIGH"/>' for leg in LEGS)
  servos = ''.join(f'<position class="affine" joint="{joint}" name="{joint}"/>' for joint in JOINTS)
  (folder / 'anymal_c.xml').write_text(ROBOT.format(legs=legs, excluded=excluded, servos=servos))
  (folder / 'scene.xml').write_text(SCENE)
  (folder / 'assets' / 'base.png').write_bytes(png())
  for mesh in ('base', 'drive'):
    (folder / 'assets' / f'{mesh}.obj').write_text(TETRAHEDRON)
  return folder / 'scene.xml'


@pytest.fixture
def built(scene):
  """built(**settings of the task) -> the robot's body and model, with a converged solver."""

  def build(**settings):
    robot = robot_of(replaced(TaskConfig(), {'robot': str(scene), **settings}, 'config.task'))
    model = build_model(robot, converged=True)
    return describe(robot, model), model

  return build


def test_root_feet_mass_and_height_are_found(built):
  body, model = built()
  robot = body.robot
  assert (robot.root, body.root.kind, robot.floor, robot.new_floor) == ('base', 'free', 'floor', None)
  assert robot.feet == tuple(f'{leg}_SHANK' for leg in LEGS)
  assert sorted(robot.legs) == sorted(JOINTS)
  assert body.total_mass == pytest.approx(MASS, abs=1e-3)
  assert robot.standing_height == pytest.approx(HEIGHT, abs=1e-3)
  assert model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC


def test_its_feet_trot(built):
  """A front foot and the hind foot of the other side swing together."""
  robot = built()[0].robot
  offset = dict(zip(robot.feet, robot.offsets, strict=True))
  assert offset['LF_SHANK'] == offset['RH_SHANK']
  assert offset['RF_SHANK'] == offset['LH_SHANK']
  assert {offset['LF_SHANK'], offset['RF_SHANK']} == {0.0, 0.5}


def test_without_pd_control_an_action_of_1_commands_the_end_of_the_range_of_its_servos(built):
  """By hand: an action of 0.1 commands 0.628 rad, which is 62.8 N m; one of 1 commands 6.28 rad, more than 80 N m."""
  body, model = built()
  assert not body.robot.pd
  data = mujoco.MjData(model)
  data.qpos[:] = body.default_qpos
  for action, torque in ((0.1, 62.8), (1.0, 80.0)):
    data.ctrl[:] = action
    mujoco.mj_forward(model, data)
    assert data.qfrc_actuator[6:] == pytest.approx([torque] * 12, abs=1e-3)


def test_pd_control_has_the_stiffness_and_limit_of_its_servos_and_holds_it(built):
  """For 2 s in C MuJoCo; an action of 0.5 commands half a radian, or half of the half range of abduction."""
  body, model = built(actuation='pd')
  gains = dict(body.robot.pd)
  assert set(gains) == set(JOINTS)
  assert {pd.kp for pd in gains.values()} == {100.0}
  assert all(pd.kd > 0 for pd in gains.values())
  assert body.torque_limit == pytest.approx([80.0] * 12)
  data = mujoco.MjData(model)
  data.qpos[:] = body.default_qpos
  data.ctrl[:] = 0.5
  mujoco.mj_forward(model, data)
  reach = [0.605 if joint.endswith('HAA') else 1.0 for joint in JOINTS]  # half of 0.72 + 0.49
  assert data.qfrc_actuator[6:] == pytest.approx([100 * 0.5 * x for x in reach], rel=1e-3)
  data.ctrl[:] = 0
  mujoco.mj_step(model, data, round(2 / model.opt.timestep))
  assert abs(data.qpos[2] - HEIGHT) < 0.03
  assert data.body('base').xmat[8] > 0.99
  assert np.linalg.norm(data.qpos[:2]) < 0.05


def test_the_doctor_accepts_it_and_says_what_mjx_refuses(scene, capsys, monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  doctor.main([f'--robot={scene}', '--config.task.actuation=pd'])
  out = capsys.readouterr().out
  refused = '(mjtGeom.mjGEOM_CYLINDER, mjtGeom.mjGEOM_BOX) collisions not implemented; use the engine native'
  for text in (
    'root: base (free), of the file',
    'feet: LF_SHANK, RF_SHANK, LH_SHANK, RH_SHANK (guessed)',
    f'warn  MJX: MJX cannot simulate this robot: {refused}',
    'timestep: 0.002 s is stable',
  ):
    assert text in out


def test_mjx_refuses_no_cylinder_that_meets_no_box(scene, built):
  """Without the boxes of legs and trunk: feet, cylinders and floor are within what MJX computes."""
  robot = scene.parent / 'anymal_c.xml'
  robot.write_text(re.sub(r'<geom class="collision"[^>]* type="box"/>', '', robot.read_text()))
  make_engine('mjx', built(actuation='pd')[1], 1, 1)


@pytest.mark.slow
def test_it_trains_under_pd_control_and_its_policy_is_played(scene, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  settings = {'name': 'anymal', 'task.robot': scene, 'task.actuation': 'pd', 'task.frame_skip': 0, 'task.card': 'none'}
  train.main(['--config=follow', *as_arguments({**TINY, **settings})])
  card = mh.evaluate('runs/anymal', card='stand', episodes=2)
  assert 0 < card['mean_torque'] <= 80
  for refused in (lambda: mh.trajectory('runs/anymal', seconds=0.1), lambda: mh.export('runs/anymal', 'anymal.onnx')):
    with pytest.raises(UserError, match='cannot be written as one file'):
      refused()


def test_the_command_of_the_docs_prints_its_path(scene):
  """With the package `mujoco-menagerie`, told to use this folder in place of a download."""
  pytest.importorskip('mujoco_menagerie')
  page = (ROOT / 'docs' / 'robots.md').read_text()
  (arguments,) = set(re.findall(r'mujoco-menagerie (path [a-z_ ]+)', page))
  environment = {**os.environ, 'MENAGERIE_ROOT': str(scene.parent.parent)}
  command = [sys.executable, '-m', 'mujoco_menagerie', *arguments.split()]
  printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
  assert Path(printed.strip()).samefile(scene)
