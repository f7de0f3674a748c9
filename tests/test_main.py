"""Protects the listing and every command's --help: quick, complete, and without starting JAX."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

import mjx_humanoid
from mjx_humanoid import __main__ as listing
from mjx_humanoid.core.config.files import config_names
from mjx_humanoid.core.config.schema import settings

HELP = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
try:
  module.main(['--help'])
except SystemExit as end:
  assert not end.code, end.code
heavy = {'jax', 'flax', 'brax', 'orbax', 'mujoco'} & set(sys.modules)
print('\\nHEAVY', sorted(heavy))
"""


@pytest.mark.parametrize('command', [*listing.commands(), '__main__'])
def test_help_ends_with_status_0_and_starts_neither_jax_nor_mujoco(command, run_python):
  result = run_python('-c', HELP, f'mjx_humanoid.{command}')
  assert result.returncode == 0, result.stderr
  assert result.stderr == ''
  assert result.stdout.strip().endswith('HEAVY []')
  assert f'python -m mjx_humanoid.{command}'.removesuffix('.__main__') in result.stdout


def test_commands_are_the_modules_that_can_be_run():
  found = listing.commands()
  assert {'train', 'play', 'evaluate', 'doctor'} <= set(found)
  assert not {'config', 'errors', 'registry', 'types'} & set(found)
  assert found['doctor'] == 'Checks the installation and says how to fix it'


def test_configs_are_listed_with_their_first_lines():
  assert listing.configs()['stand'] == 'Stands still and upright at full height, with little power.'


def test_the_listing_names_everything_that_can_be_chosen(capsys):
  from mjx_humanoid.physics.choice import ENGINES
  from mjx_humanoid.physics.randomize import OF_THE_ENV, RANDOMIZATIONS
  from mjx_humanoid.playback.cards import CARDS
  from mjx_humanoid.playback.find import pretrained_policies
  from mjx_humanoid.rl.algorithm import algorithms
  from mjx_humanoid.robots import robots
  from mjx_humanoid.tasks import rewards, skills
  from mjx_humanoid.tasks.context import COMMANDS, PARTS
  from mjx_humanoid.tasks.curricula import CURRICULA
  from mjx_humanoid.tasks.observations import OBSERVATIONS
  from mjx_humanoid.tasks.pushes import PUSHES
  from mjx_humanoid.tasks.starts import STARTS
  from mjx_humanoid.tasks.terminations import TERMINATIONS

  listing.main([])
  listed = sections(capsys.readouterr().out)
  expected = {
    'documentation': list(listing.pages()),
    'commands: python -m mjx_humanoid COMMAND': listing.commands(),
    'configs': config_names(),
    'pretrained policies': pretrained_policies(),
    'robots': robots(),
    'rewards': skills.describe(),
    'reward terms': rewards.describe_terms(),
    'observations': OBSERVATIONS,
    'terminations': TERMINATIONS,
    'starts': STARTS,
    'parts of the context': PARTS,
    'kinds of commands': COMMANDS,
    'kinds of pushes': PUSHES,
    'randomizations': [*RANDOMIZATIONS, *OF_THE_ENV],
    'curricula': CURRICULA,
    'report cards': CARDS,
    'engines': ENGINES,
    'algorithms': algorithms(),
  }
  assert listed == {title: list(names) for title, names in expected.items()}


def sections(text):
  """The names under each title of the listing, in order."""
  found = {}
  for block in text.strip('\n').split('\n\n'):
    title, *lines = block.split('\n')
    if lines:
      found[title.partition(',')[0]] = [line.split()[0] for line in lines]
  return found


def test_the_settings_that_the_listing_names_exist(capsys):
  listing.main([])
  named = set(re.findall(r'config\.[a-z_.]+', ' '.join(titles(capsys.readouterr().out))))
  assert {'config.task.reward', 'config.task.command.kind', 'config.curriculum'} <= named
  assert named <= set(settings())


def titles(text):
  return [line for line in text.splitlines() if line and not line.startswith('  ')]


def test_every_line_of_the_listing_has_a_description(capsys):
  listing.main([])
  for line in capsys.readouterr().out.splitlines():
    if line.startswith('  '):
      assert len(line.split()) > 1, line


def test_a_misspelt_command_is_answered_with_the_closest_one(user_error):
  message = user_error(listing.main, ['trian'])
  assert "unknown command 'trian'. Did you mean 'train'?" in message


def test_an_unknown_option_names_those_there_are(user_error):
  assert '--version' in user_error(listing.main, ['--verion'])


def test_the_listing_runs_as_a_module(run_python):
  result = run_python('-m', 'mjx_humanoid', '--help')
  assert result.returncode == 0, result.stderr
  assert result.stdout.startswith('usage: python -m mjx_humanoid')


@pytest.mark.parametrize('command', listing.commands())
def test_a_command_as_an_argument_works_like_its_module(command, capsys):
  """python -m mjx_humanoid train --help prints what python -m mjx_humanoid.train --help prints."""
  printed = []
  for main, argv in ((listing.main, [command, '--help']), (module(command).main, ['--help'])):
    with pytest.raises(SystemExit) as end:
      main(argv)
    assert not end.value.code
    printed.append(capsys.readouterr().out)
  assert printed[0] == printed[1]
  assert printed[0].startswith(f'usage: python -m mjx_humanoid.{command}')


def module(command):
  return importlib.import_module(f'mjx_humanoid.{command}')


def test_a_mistake_in_a_command_is_one_line_and_status_2(user_error):
  assert 'see python -m mjx_humanoid.export --help' in user_error(listing.main, ['export', 'walk', '--format=pdf'])


def test_the_console_script_is_this_command():
  project = tomllib.loads((listing.PACKAGE.parent / 'pyproject.toml').read_text())['project']
  assert project['scripts'] == {'mjx-humanoid': 'mjx_humanoid.__main__:main'}


def test_the_version(capsys):
  listing.main(['--version'])
  shown = capsys.readouterr().out.split()
  assert shown[:2] == ['mjx_humanoid', mjx_humanoid.__version__]
  assert importlib.metadata.version('mujoco') in ' '.join(shown)


def test_the_documentation_is_named_with_paths_that_exist():
  pages = listing.pages()
  assert {Path(path).stem for path in pages} >= {'skills', 'settings', 'own', 'metrics', 'troubleshooting'}
  assert all(Path(path).is_file() and title for path, title in pages.items())


@pytest.mark.parametrize('argv', [['--sensors=humanoid'], ['--sensors', 'humanoid']])
def test_sensors_are_listed_with_width_and_unit(argv, capsys):
  """Every name that a task's body knows is there, with the width of its reading."""
  from mjx_humanoid.physics.model import build_model
  from mjx_humanoid.robots import robots

  listing.main(argv)
  lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith('  ')]
  model = build_model(robots()['humanoid'])
  expected = {model.sensor(i).name: int(model.sensor_dim[i]) for i in range(model.nsensor)}
  assert {line[0]: int(line[1]) for line in lines} == expected
  units = {line[0]: line[2] for line in lines}
  assert (units['torso_pos'], units['torso_linvel'], units['foot_left_touch']) == ('m', 'm/s', 'N')


@pytest.mark.parametrize(('argv', 'part'), [(['--sensors'], 'humanoid_pd'), (['--sensors=humanid'], "'humanoid'?")])
def test_sensors_of_no_robot_are_refused(argv, part, user_error):
  assert part in user_error(listing.main, argv)


def test_a_reader_that_goes_away_is_no_traceback():
  import subprocess

  command = f'{sys.executable} -m mjx_humanoid.train --help | head -1'
  result = subprocess.run(['bash', '-c', command], capture_output=True, text=True, timeout=120)
  assert result.stdout.startswith('usage: python -m mjx_humanoid.train')
  assert 'Traceback' not in result.stderr
