"""Runs a command, or lists all commands, policies and choices: python -m mjx_humanoid [command] [arguments]"""

from __future__ import annotations

import ast
import importlib
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mjx_humanoid.core.errors import UserError, command, unknown

PACKAGE = Path(__file__).resolve().parent
USAGE = """usage: python -m mjx_humanoid                      lists everything that has a name
       python -m mjx_humanoid COMMAND [arguments]  runs a command; --help after it says more
       python -m mjx_humanoid --sensors=ROBOT      lists the sensors of a robot, with width and unit
       python -m mjx_humanoid --version
python -m mjx_humanoid.COMMAND and, once installed, mjx-humanoid COMMAND do the same."""


@command
def main(argv: Sequence[str]) -> None:
  """Runs the command in argv[0]; without one, lists commands, policies and all choices of settings.

  Raises:
    UserError: an unknown command, option or robot.
  """
  first, *rest = argv or ['list']
  option, _, value = first.partition('=')
  if first in commands():
    importlib.import_module(f'mjx_humanoid.{first}').main(rest)
  elif first in ('-V', '--version'):
    print(version())
  elif option == '--sensors':
    outside = '--allow-outside' in rest
    list_sensors(value or ' '.join(word for word in rest if word != '--allow-outside'), outside=outside)
  elif first in ('-h', '--help'):
    print(USAGE)
    list_commands()
  elif first == 'list':
    list_commands()
    list_choices()
    print('\nA path/to/file.py:function of yours stands in for most of these names: see own.md in the documentation.')
  elif first.startswith('-'):
    raise UserError(f'unknown option {first!r}: there are --help, --version and --sensors=ROBOT.')
  else:
    raise unknown('command', first, commands())


def version() -> str:
  """The versions of this package and of the main packages that results depend on."""
  import importlib.metadata

  from mjx_humanoid import __version__

  others = ', '.join(f'{name} {importlib.metadata.version(name)}' for name in ('mujoco', 'jax'))
  return f'mjx_humanoid {__version__} ({others}, Python {platform.python_version()})'


def commands() -> dict[str, str]:
  """The commands with the first lines of their docstrings. Imports none of them."""
  found = {}
  for path in sorted(PACKAGE.glob('*.py')):
    text = path.read_text(encoding='utf-8')
    if path.stem != '__main__' and "__name__ == '__main__'" in text:
      found[path.stem] = (ast.get_docstring(ast.parse(text)) or '').split('\n')[0].split(': python')[0]
  return found


def configs() -> dict[str, str]:
  """The built-in configs with the first lines of their docstrings."""
  from mjx_humanoid.core.config.files import config_names, find_config
  from mjx_humanoid.core.files import read_text

  texts = {name: read_text(find_config(name), 'config') for name in config_names()}
  return {name: (ast.get_docstring(ast.parse(text)) or '').split('\n')[0] for name, text in texts.items()}


def pages() -> dict[str, str]:
  """The pages of the documentation by path, with their titles."""
  folders = [folder for folder in (PACKAGE / 'docs', PACKAGE.parent / 'docs') if folder.is_dir()]
  files = [path for folder in folders[:1] for path in sorted(folder.glob('*.md'))]
  return {str(path): path.read_text(encoding='utf-8').partition('\n')[0].lstrip('# ') for path in files}


def list_commands() -> None:
  """Prints the pages of the documentation, the commands and the built-in configs. Imports nothing heavy."""
  section('documentation', pages())
  section('commands: python -m mjx_humanoid COMMAND', commands())
  section('configs, for train --config=NAME', configs())


def list_choices() -> None:
  """Prints the pretrained policies and, for each setting that is a name, its choices."""
  from mjx_humanoid.physics.choice import ENGINES
  from mjx_humanoid.physics.randomize import OF_THE_ENV, RANDOMIZATIONS
  from mjx_humanoid.playback.cards import CARDS
  from mjx_humanoid.playback.find import describe_pretrained
  from mjx_humanoid.rl.algorithm import algorithms
  from mjx_humanoid.robots import robots
  from mjx_humanoid.tasks import rewards, skills
  from mjx_humanoid.tasks.context import COMMANDS, PARTS
  from mjx_humanoid.tasks.curricula import CURRICULA
  from mjx_humanoid.tasks.observations import OBSERVATIONS
  from mjx_humanoid.tasks.pushes import PUSHES
  from mjx_humanoid.tasks.starts import STARTS
  from mjx_humanoid.tasks.terminations import TERMINATIONS

  section('pretrained policies, for play, evaluate, export and trajectory', describe_pretrained())
  section('robots, config.task.robot', robots().describe())
  section('rewards, config.task.reward', skills.describe())
  section('reward terms, config.task.weights', rewards.describe_terms())
  section('observations, config.task.observations', OBSERVATIONS.describe())
  section('terminations, config.task.termination', TERMINATIONS.describe())
  section('starts, config.task.start', STARTS.describe())
  section('parts of the context, config.task.context', PARTS.describe())
  section('kinds of commands, config.task.command.kind', COMMANDS.describe())
  section('kinds of pushes, config.task.push.kind', PUSHES.describe())
  section('randomizations, config.task.randomization', RANDOMIZATIONS.describe() | OF_THE_ENV)
  section('curricula, config.curriculum', CURRICULA.describe())
  section('report cards, config.task.card', CARDS.describe())
  section('engines, config.engine', ENGINES)
  section('algorithms, config.algorithm', algorithms())


def list_sensors(robot: str, *, outside: bool = False) -> None:
  """Prints every sensor of a robot's model, for `body.sensor(view, name)`.

  Args:
    outside: its MJCF file may read files outside its own folder.

  Raises:
    UserError: an unknown robot.
  """
  from mjx_humanoid.core import model_files, saved_code
  from mjx_humanoid.core.config.task import TaskConfig
  from mjx_humanoid.physics.model import build_model
  from mjx_humanoid.physics.sensors import describe_sensors
  from mjx_humanoid.robots import robots
  from mjx_humanoid.tasks.task import find_robot

  if not robot:
    raise UserError(f'--sensors needs a robot: --sensors=NAME, one of {", ".join(robots())}.')
  saved_code.allow(TaskConfig(robot=robot))  # the user typed its name
  model_files.allow_outside(outside)
  sensors = describe_sensors(build_model(find_robot(robot)))
  width = max(len(sensor.unit) for sensor in sensors.values())
  lines = {name: f'{s.width}  {s.unit:<{width}}  {s.meaning}' for name, s in sensors.items()}
  section(f'sensors of {robot}: name, width, unit, meaning', lines)


def section(title: str, lines: Mapping[str, str]) -> None:
  """Prints one block of the listing."""
  print(f'\n{title}')
  width = max((len(name) for name in lines), default=0)
  for name, line in lines.items():
    print(f'  {name:<{width}}  {line}'.rstrip())


if __name__ == '__main__':
  main(sys.argv[1:])
