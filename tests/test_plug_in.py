"""All that a task is made of can come from a folder of the user's own: no file of the package is touched."""

import json

import numpy as np
import pytest
from tiny import TINY, as_arguments

from mjx_humanoid import evaluate, train

LEG = """
        <body name="{name}" pos="{x} {y} 0">
          <joint name="hip_{name}" axis="0 1 0" range="-40 40"/>
          <geom name="{name}" type="capsule" fromto="0 0 0 0 0 -0.3" size="0.04"/>
        </body>"""
BODY = """
<mujoco>
  <compiler angle="degree"/>
  <default><joint damping="1" armature="0.02" limited="true"/><geom contype="1" conaffinity="0"/></default>
  <worldbody>
    <geom name="ground" type="plane" size="20 20 1" conaffinity="1"/>
    <body name="trunk" pos="0 0 {height}">{joints}
      <geom type="box" size="0.3 0.2 0.05"/>{legs}
    </body>
  </worldbody>
  <actuator>{motors}</actuator>
</mujoco>
"""
FREE = '<freejoint/>'
PLANAR = """
      <joint name="along" type="slide" axis="1 0 0" limited="false" damping="0" armature="0"/>
      <joint name="up" type="slide" axis="0 0 1" limited="false" damping="0" armature="0"/>
      <joint name="tip" axis="0 1 0" limited="false" damping="0" armature="0"/>"""
PLACES = {
  'four_legged': {'fl_left': (0.25, 0.2), 'fr_right': (0.25, -0.2), 'bl_left': (-0.25, 0.2), 'br_right': (-0.25, -0.2)},
  'planar': {'front': (0.25, 0.0), 'back': (-0.25, 0.0)},
}
SYMMETRY = {'four_legged': (('fl_left', 'fr_right'), ('bl_left', 'br_right')), 'planar': ()}
OFFSETS = {'four_legged': (0.0, 0.5, 0.5, 0.0), 'planar': (0.0, 0.5)}

ROBOT = """
from mjx_humanoid.core.robot import PD, Robot

ROBOT = Robot(
  name={name!r}, description='of a test', file={file!r}, root='trunk', floor='ground', feet={feet!r},
  standing_height=0.34, fallen_height=0.15, symmetry={symmetry!r}, stride_offsets={offsets!r},
  pd=(('hip', PD(kp=30.0, kd=1.5, action_scale=0.7)),), timestep=0.004,
)
"""

OWN = """
import numpy as np
import jax.numpy as jnp
from mjx_humanoid.playback.cards import Card

class Countdown:
  \"\"\"A part of the context: seconds left, commanded as a slower and slower walk.\"\"\"
  draws = 1

  def __init__(self, config, body):
    self.seconds, self.step = config.episode_length, body.control_step

  def start(self, context, view, uniform, level):
    return context._replace(extra={**context.extra, 'left': self.seconds + 0 * uniform[..., 0]})

  def advance(self, context, before, view, uniform, level):
    left = before.extra['left'] - self.step
    return context._replace(extra={**context.extra, 'left': left}, command=context.command * (left > 0)[..., None])

  def at_age(self, context):
    return context._replace(extra={**context.extra, 'left': self.seconds - context.step * self.step})

  def mirror(self, context):
    return context

def reward(view, body, context):
  \"\"\"Upright, moving as commanded.\"\"\"
  terms = {'up': body.up(view)[2], 'speed': -jnp.abs(body.linear_velocity(view)[0] - context.command[0])}
  return sum(terms.values()), terms

def time_left(view, body, context):
  \"\"\"Seconds left [1].\"\"\"
  return context.extra['left'][..., None]

def low(view, body, context):
  \"\"\"The trunk is low.\"\"\"
  return body.height(view) < 0.2

def crouched(body, rng, strength, settle):
  \"\"\"The standing pose, a little lower.\"\"\"
  qpos = np.repeat(body.default_qpos[None].astype(float), len(strength), axis=0)
  height = body.root.height(qpos) - 0.01 * strength
  return body.root.placed(qpos, body.root.quaternion(qpos), height), np.zeros((len(strength), body.nv))

def judge(figures, paths, body):
  figures['height'] = body.height(paths.views).mean(axis=1)
  return figures['height'] > 0.1

HIGH = Card('mean height above 10 cm', 0.4, judge, {'start_strength': 0.5})
"""

ALGORITHM = """
from dataclasses import dataclass
from typing import NamedTuple
import jax, jax.numpy as jnp
from mjx_humanoid.core.config.settings import setting
from mjx_humanoid.core.network import Actor
from mjx_humanoid.rl.algorithm import Algorithm

@dataclass(frozen=True)
class Settings:
  unroll_length: int = setting(3, 'control steps between updates', low=1)
  step_size: float = setting(0.1, 'of the update', above=0)

class Learner(NamedTuple):
  kernel: jax.Array
  count: jax.Array

class Noise(Algorithm):
  \"\"\"Moves a linear policy towards the actions that were rewarded.\"\"\"
  def __init__(self, spec, settings):
    self.spec, self.settings = spec, settings

  @property
  def unroll_length(self):
    return self.settings.unroll_length

  def init(self, key):
    return Learner(jnp.zeros((self.spec.observation_size, self.spec.action_size)), jnp.zeros(()))

  def act(self, learner, obs, key):
    return obs @ learner.kernel + 0.3 * jax.random.normal(key, (len(obs), self.spec.action_size)), {}

  def update(self, learner, batch, key):
    change = jnp.einsum('tbo,tba,tb->oa', batch.obs, batch.action, batch.reward - batch.reward.mean())
    kernel = learner.kernel + self.settings.step_size * change / batch.reward.size
    return Learner(kernel, learner.count + 1), {'moved': jnp.abs(change).mean()}

  def actor(self, learner):
    size, actions = self.spec.observation_size, self.spec.action_size
    return Actor([learner.kernel], [jnp.zeros(actions)], jnp.full(actions, -1.2), jnp.zeros(size), jnp.ones(size), None)

  def adopt(self, learner, actor):
    return learner._replace(kernel=actor.kernels[0])

def make(config, spec, settings):
  return Noise(spec, settings)
"""


CASES = [
  ('four_legged', 'native'),
  ('planar', 'native'),
  # Compiling MJX takes most of a minute.
  pytest.param('four_legged', 'mjx', marks=pytest.mark.slow),
  pytest.param('planar', 'mjx', marks=pytest.mark.slow),
]


def write_robot(folder, name):
  legs = ''.join(LEG.format(name=leg, x=x, y=y) for leg, (x, y) in PLACES[name].items())
  motors = ''.join(f'<motor joint="hip_{leg}" gear="15" ctrlrange="-1 1"/>' for leg in PLACES[name])
  joints = FREE if name == 'four_legged' else PLANAR
  (folder / f'{name}.xml').write_text(BODY.format(height=0.34, joints=joints, legs=legs, motors=motors))
  sheet = ROBOT.format(
    name=name, file=f'{name}.xml', feet=tuple(PLACES[name]), symmetry=SYMMETRY[name], offsets=OFFSETS[name]
  )
  (folder / 'robot.py').write_text(sheet)


@pytest.mark.parametrize(('name', 'engine'), CASES)
def test_everything_of_a_task_and_the_algorithm_come_from_a_folder(tmp_path, monkeypatch, name, engine):
  monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'data'))
  monkeypatch.chdir(tmp_path)
  write_robot(tmp_path, name)
  (tmp_path / 'mine.py').write_text(OWN)
  (tmp_path / 'algorithm.py').write_text(ALGORITHM)
  settings = {
    **{key: value for key, value in TINY.items() if not key.startswith(('ppo.', 'network.'))},
    'name': 'own',
    'run_dir': 'runs',
    'engine': engine,
    'total_timesteps': 96,
    'checkpoint_interval': 0,
    'algorithm': 'algorithm.py',
    'custom.unroll_length': 3,
    'task.robot': 'robot.py:ROBOT',
    'task.reward': 'mine.py:reward',
    'task.observations': 'joint_positions,joint_velocities,command,gait_phase,mine.py:time_left',
    'task.termination': 'mine.py:low',
    'task.start': 'mine.py:crouched',
    'task.context': 'velocity_command,station_keeping,gait_clock,mine.py:Countdown',
    'task.command.value': '0.5,0,0',
    'task.gait.frequency': 1.5,
    'task.card': 'mine.py:HIGH',
  }
  train.main(as_arguments(settings))
  run = tmp_path / 'runs' / 'own'
  metrics = [json.loads(line) for line in (run / 'metrics.jsonl').read_text().splitlines()]
  assert len(metrics) == 2  # 96 steps of 16 environments, 3 at a time
  assert all(np.isfinite([m['moved'], m['term/up'], m['term/speed']]).all() for m in metrics)
  assert metrics[0]['term/up'] > 0.9
  card = json.loads((run / 'report.json').read_text())
  assert card['criteria'] == 'mean height above 10 cm'
  assert 0.1 < card['height'] < 0.4
  (tmp_path / 'elsewhere').mkdir()
  monkeypatch.chdir(tmp_path / 'elsewhere')  # the run has copies of all that it needs
  evaluate.main([str(run), '--episodes=2', f'--json={tmp_path / "card.json"}'])
  assert json.loads((tmp_path / 'card.json').read_text())['episodes'] == 2
