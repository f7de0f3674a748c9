"""Lists what there is: python -m mjx_humanoid"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

from mjx_humanoid.core.errors import UserError, command

PACKAGE = Path(__file__).resolve().parent


@command
def main(argv: Sequence[str]) -> None:
  """Prints commands, configs, policies and, for each setting that is a name, the names that there are."""
  if argv and argv[0] not in ('-h', '--help', 'list'):
    raise UserError(
      f'unknown command {argv[0]!r}; write python -m mjx_humanoid.<command>, one of {", ".join(commands())}.'
    )
  print('python -m mjx_humanoid.<command>')
  section('commands', {name: line for name, line in commands().items()})
  section('configs, for train --config=<name>', configs())
  if argv[:1] == ['-h'] or argv[:1] == ['--help']:
    print('\npython -m mjx_humanoid, without --help, also lists robots, rewards, observations and all else by name')
    return
  from mjx_humanoid.physics.choice import ENGINES
  from mjx_humanoid.physics.randomize import OF_THE_ENV, RANDOMIZATIONS
  from mjx_humanoid.playback.cards import CARDS
  from mjx_humanoid.playback.find import describe_ready
  from mjx_humanoid.rl.algorithm import algorithms
  from mjx_humanoid.robots import robots
  from mjx_humanoid.tasks import rewards, skills
  from mjx_humanoid.tasks.context import COMMANDS, PARTS
  from mjx_humanoid.tasks.curricula import CURRICULA
  from mjx_humanoid.tasks.observations import OBSERVATIONS
  from mjx_humanoid.tasks.pushes import PUSHES
  from mjx_humanoid.tasks.starts import STARTS
  from mjx_humanoid.tasks.terminations import TERMINATIONS

  section('ready policies, for play, evaluate and export', describe_ready())
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


def commands() -> dict[str, str]:
  """The commands: modules of the package that can be run, with their first lines. Imports none of them."""
  found = {}
  for path in sorted(PACKAGE.glob('*.py')):
    text = path.read_text(encoding='utf-8')
    if path.stem != '__main__' and "__name__ == '__main__'" in text:
      found[path.stem] = (ast.get_docstring(ast.parse(text)) or '').split('\n')[0].split(': python')[0]
  return found


def configs() -> dict[str, str]:
  """The ready configs, with their first lines."""
  from mjx_humanoid.core.config.files import config_names, find_config
  from mjx_humanoid.core.files import read_text

  return {
    n: (ast.get_docstring(ast.parse(read_text(find_config(n), 'config'))) or '').split('\n')[0] for n in config_names()
  }


def section(title: str, lines: dict[str, str]) -> None:
  """One block of the listing."""
  print(f'\n{title}')
  width = max((len(name) for name in lines), default=0)
  for name, line in lines.items():
    print(f'  {name:<{width}}  {line}'.rstrip())


if __name__ == '__main__':
  main(sys.argv[1:])
