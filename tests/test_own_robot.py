"""A user's own MJCF file on the command line: it is examined, and mistakes end in one line with exit status 2."""

import json
import math

import mujoco
import pytest
from tiny import TINY, as_arguments

from mjx_humanoid import doctor, train
from mjx_humanoid.core.config.files import apply_overrides, load_config
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.run import inspection
from mjx_humanoid.run.setup import prepare

# Four legs of one joint each, without a floor.
ROBOT = """
<mujoco>
  <compiler angle="radian"/>
  <option timestep="{timestep}" {option}/>
  {top}
  <worldbody>
    <body name="trunk" pos="0 0 0.5"><freejoint/><geom type="box" size="0.3 0.15 0.05" mass="8"/>
      {legs}
    </body>
  </worldbody>
  <actuator>{actuators}</actuator>
</mujoco>"""
LEG = """<body name="{name}" pos="{x} {y} 0"><joint name="hip_{name}" axis="0 1 0" damping="0.5"/>
  <geom type="capsule" fromto="0 0 0 0 0 -0.4" size="0.03" mass="0.5"/></body>"""
PLACES = {'fl': (0.25, 0.2), 'fr': (0.25, -0.2), 'bl': (-0.25, 0.2), 'br': (-0.25, -0.2)}
LEGS = ''.join(LEG.format(name=name, x=x, y=y) for name, (x, y) in PLACES.items())
MOTORS = ''.join(f'<motor joint="hip_{name}" gear="20"/>' for name in PLACES)


@pytest.fixture
def robot(tmp_path, monkeypatch):
  """Writes an MJCF file into the current folder, with some parts replaced."""
  monkeypatch.chdir(tmp_path)

  def write(timestep='0.004', option='', top='', legs=LEGS, actuators=MOTORS):
    text = ROBOT.format(timestep=timestep, option=option, top=top, legs=legs, actuators=actuators)
    (tmp_path / 'four.xml').write_text(text)

  return write


def line_of(capsys, command, *arguments):
  """The line on stderr of a command that ends with exit status 2."""
  with pytest.raises(SystemExit) as end:
    command(list(arguments))
  assert end.value.code == 2
  (line,) = capsys.readouterr().err.splitlines()
  return line


BAD = {
  'not XML': ({'top': '<geom'}, [], 'MuJoCo cannot read four.xml: XML'),
  'an unknown attribute, with its line': ({'option': 'gravitty="1"'}, [], "unrecognized attribute: 'gravitty'"),
  'no actuators': ({'actuators': ''}, [], 'four.xml has no actuators'),
  'a mesh that is missing': (
    {'top': '<asset><mesh name="m" file="gone.stl"/></asset>'},
    [],
    "robot 'four' does not compile: Error",
  ),
  'feet that do not exist': ({}, ['task.feet=paw'], "unknown foot in config.task.feet, a body or geom of robot 'four'"),
  'no feet': ({'legs': LEGS.replace('<geom', '<geom contype="0"').replace('-0.4"', '0.4"')}, [], 'name its feet by'),
  'a keyframe that does not exist': ({}, ['task.keyframe=home'], "robot 'four' has no keyframes"),
  'gains of the wrong length': (
    {},
    ['task.actuation=pd', 'task.pd.kp=1,2,3'],
    'config.task.pd.kp has 3 numbers for 4 motors',
  ),
  'gains of an unknown group': (
    {},
    ['task.actuation=pd', 'task.pd.kd.knee=1'],
    "unknown joint group in config.task.pd.kd: 'knee'",
  ),
  'a timestep that is unstable': (
    {'timestep': '0.02'},
    ['task.actuation=pd', 'task.pd.kp=20000', 'task.pd.kd=100', 'task.pd.torque_limit=1e6'],
    'physics is unstable at its timestep of 0.02 s',
  ),
  'files outside': (
    {'top': '<include file="../../outside.xml"/>'},
    [],
    'four.xml reads files outside its own folder',
  ),
}


@pytest.mark.parametrize('case', BAD)
def test_bad_input_ends_in_one_line_and_leaves_no_run(case, robot, tmp_path, capsys):
  changes, settings, message = BAD[case]
  (tmp_path.parent.parent / 'outside.xml').write_text('<mujoco><option/></mujoco>')
  robot(**changes)
  arguments = [f'--config.{setting}' for setting in ('task.robot=four.xml', *settings)]
  assert message in line_of(capsys, train.main, *as_arguments(TINY), *arguments)
  assert not (tmp_path / 'runs').exists()


ARM = """
<mujoco>
  <worldbody>
    <body name="base" pos="0 0 0.4"><geom size="0.05"/>
      <body name="arm"><joint name="elbow" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0.1 0 0 1" size="0.05"/></body>
    </body>
  </worldbody>
  <actuator><motor joint="elbow" gear="3"/></actuator>
</mujoco>"""


def test_a_fixed_arm_trains_to_stand_and_cannot_walk(tmp_path, monkeypatch, capsys):
  """No step of its two episodes of 20 s ends early."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'arm.xml').write_text(ARM)
  settings = {**TINY, 'total_timesteps': 64, 'name': 'arm', 'task.robot': 'arm.xml'}
  train.main(['--config=stand', *as_arguments(settings)])
  assert json.loads((tmp_path / 'runs' / 'arm' / 'report.json').read_text())['survival_rate'] == 1
  walk = as_arguments({**settings, 'name': 'walk', 'task.reward': 'walk'})
  assert "gait needs feet, and robot 'arm' has none; name them by config.task.feet" in line_of(
    capsys, train.main, *walk
  )


@pytest.mark.slow
def test_four_legs_without_a_datasheet_train_to_run(robot, tmp_path):
  """Feet, heights and the stride are guesses; the config `run`, made for a humanoid, takes them."""
  robot()
  settings = {**TINY, 'name': 'four', 'task.robot': 'four.xml', 'task.frame_skip': 0, 'task.command.value': '0.5,0,0'}
  train.main(['--config=run', *as_arguments(settings)])
  run = tmp_path / 'runs' / 'four'
  last = json.loads((run / 'metrics.jsonl').read_text().splitlines()[-1])
  terms = {name for name in last if name.startswith('term/')}
  assert {'term/velocity', 'term/gait', 'term/slip'} <= terms
  assert all(math.isfinite(last[name]) for name in terms)
  assert last['term/gait'] > 0
  assert json.loads((run / 'report.json').read_text())['card'] == 'run'


def test_a_policy_of_another_robot_is_refused(robot, capsys):
  """The policy `walk` of the humanoid has 21 actions."""
  robot()
  arguments = as_arguments({**TINY, 'task.robot': 'four.xml', 'init_from': 'walk'})
  assert 'walk is of humanoid_pd and sees' in line_of(capsys, train.main, *arguments)


def test_the_doctor_says_what_was_found_and_guessed(robot, capsys, opengl, tmp_path):
  robot()
  doctor.main(['--robot=four.xml', '--config.task.frame_skip=5'])
  out = capsys.readouterr().out
  for text in (
    'file: four.xml: 10 kg, nq 11, nv 10, 4 actuators',
    'root: trunk (free), of the file',
    'floor: none in the file: one at 0 m',
    'height: 0.43 m; fallen below 0.258 m (guessed)',
    'feet: fl, fr, bl, br (guessed)',
    'stride: phase offsets of the feet 0, 0.5, 0.5, 0 (guessed)',
    'actuator: torque motor, up to 20 N m: hip_fl, hip_fr, hip_bl, hip_br',
    'MJX: can simulate it',
    'timestep: 0.004 s is stable',
    'picture: the standing pose in four_standing.png',
    'next: python -m mjx_humanoid.train --config=stand --config.name=four --config.task.frame_skip=5'
    ' --config.task.robot=four.xml\n',
  ):
    assert text in out
  assert (tmp_path / 'four_standing.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
  ('joints', 'state', 'kind'),
  [
    (('slide" axis="1 0 0', 'slide" axis="0 1 0', 'hinge" axis="0 0 1'), 'warn', 'fixed'),
    (('slide" axis="1 0 0',), 'warn', 'fixed'),
    (('hinge" axis="0 0 1',), 'ok', 'fixed'),
    (('slide" axis="1 0 0', 'slide" axis="0 0 1', 'hinge" axis="0 1 0'), 'ok', 'planar'),
  ],
)
def test_the_doctor_warns_of_slides_of_a_root_that_counts_as_fixed(tmp_path, monkeypatch, joints, state, kind):
  """The first is as Gymnasium's swimmer has them."""
  monkeypatch.chdir(tmp_path)
  text = ROBOT.format(timestep='0.004', option='', top='', legs=LEGS, actuators=MOTORS)
  own = ''.join(f'<joint name="root_{i}" type="{joint}"/>' for i, joint in enumerate(joints))
  (tmp_path / 'four.xml').write_text(text.replace('<freejoint/>', own))
  report = inspection.report(inspection.build(TaskConfig(robot='four.xml')))
  root = next(line for line in report if line.name == 'root')
  assert root.state == state
  assert root.text.startswith(f'trunk ({kind}), of the file')
  if state == 'warn':
    slides = ', '.join(f'root_{i}' for i, joint in enumerate(joints) if 'slide' in joint)
    assert f'its slides move it ({slides}): its position, velocity and heading count as constant' in root.text


def test_the_doctor_says_what_is_wrong(robot, capsys):
  """MJX has no implicit integrator, and the gains are too stiff."""
  robot(timestep='0.02', option='integrator="implicit"')
  stiff = ['--config.task.actuation=pd', '--config.task.pd.kp=20000', '--config.task.pd.torque_limit=1e6']
  with pytest.raises(SystemExit) as end:
    doctor.main(['--robot=four.xml', *stiff])
  assert end.value.code == 1
  out = capsys.readouterr().out
  assert 'warn  MJX: MJX cannot simulate this robot: mjtIntegrator.mjINT_IMPLICIT; use the engine native' in out
  assert 'bad  timestep: 0.02 s is unstable' in out
  assert 'PD kp 2e+04 N m/rad' in out
  assert 'training refuses this robot' in out


def test_training_says_that_a_sparse_jacobian_is_compiled_as_dense(robot, capsys, monkeypatch, tmp_path):
  said = 'note: the Jacobian is compiled as dense: MuJoCo 4.0.0 computes a wrong Hessian for the sparse one'
  monkeypatch.setattr(mujoco, '__version__', '4.0.0')
  for option, times in (('jacobian="sparse"', 1), ('', 0)):
    robot(option=option)
    config = resolve(
      apply_overrides(load_config('stand'), {'config.task.robot': 'four.xml', 'config.engine': 'native'})
    )
    train.announce(prepare(config), tmp_path)
    assert capsys.readouterr().out.count(said) == times


def test_options_of_a_robot_need_one(capsys):
  assert '--out needs --robot=' in line_of(capsys, doctor.main, '--out=x.png')
  assert 'needs --robot=' in line_of(capsys, doctor.main, '--config.task.pd.kp=1')
