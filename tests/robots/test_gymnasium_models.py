"""Models of others, as they are in Gymnasium's package, train from a datasheet of about 20 lines or without one."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY

from mjx_humanoid import train

SHEETS = {
  'ant': """
from mjx_humanoid.core.robot import Robot

ROBOT = Robot(
  name='ant',
  description="Gymnasium's ant: four legs, 8 torque motors.",
  package='gymnasium',
  file='envs/mujoco/assets/ant.xml',
  root='torso',
  feet=('body_4', 'body_7', 'body_10', 'body_13'),
  pose=(('ankle_1', 0.9), ('ankle_4', 0.9), ('ankle_2', -0.9), ('ankle_3', -0.9)),
  standing_height=0.52,
  fallen_height=0.3,
  stride_offsets=(0.0, 0.5, 0.0, 0.5),
  timestep=0.005,
  frame_skip=4,
)
""",
  'half_cheetah': """
from mjx_humanoid.core.robot import Robot

ROBOT = Robot(
  name='half_cheetah',
  description="Gymnasium's half-cheetah: two legs in a plane, 6 torque motors.",
  package='gymnasium',
  file='envs/mujoco/assets/half_cheetah.xml',
  root='torso',
  feet=('bfoot', 'ffoot'),
  standing_height=0.7,
  fallen_height=0.35,
  timestep=0.005,
  frame_skip=4,
)
""",
}


def first_update(folder, robot):
  """Metrics of the first update of `stand`, and its report card."""
  settings = {**TINY, 'name': 'own', 'run_dir': folder / 'runs', 'total_timesteps': 64, 'task.robot': robot}
  train.main([f'--config.{key}={value}' for key, value in settings.items()])
  run = folder / 'runs' / 'own'
  return json.loads((run / 'metrics.jsonl').read_text().splitlines()[0]), json.loads((run / 'report.json').read_text())


@pytest.mark.parametrize('name', ['ant', pytest.param('half_cheetah', marks=pytest.mark.slow)])
def test_it_trains_to_stand_from_a_datasheet(tmp_path, name):
  pytest.importorskip('gymnasium')
  (tmp_path / f'{name}.py').write_text(SHEETS[name])
  metrics, report = first_update(tmp_path, tmp_path / f'{name}.py:ROBOT')
  # At the start it stands: near full height and upright, of the weights 0.25 and 0.15.
  assert metrics['term/height'] > 0.7 * 0.25
  assert metrics['term/upright'] > 0.7 * 0.15
  assert np.isfinite(metrics['loss'])
  assert report['episodes'] == TINY['evaluation_episodes']


@pytest.mark.parametrize('name', [pytest.param('ant', marks=pytest.mark.slow), 'half_cheetah'])
def test_it_trains_to_stand_without_a_datasheet(tmp_path, name):
  gymnasium = pytest.importorskip('gymnasium')
  model = Path(gymnasium.__file__).parent / 'envs' / 'mujoco' / 'assets' / f'{name}.xml'
  metrics, _ = first_update(tmp_path, model)
  assert metrics['term/upright'] > 0.7 * 0.15
  assert np.isfinite(metrics['loss'])
