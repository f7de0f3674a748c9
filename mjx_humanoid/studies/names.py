"""The names in a config, such as those of its algorithm and its reward: checked before the first of many trainings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config import schema
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.motions.given_states import is_of_policies, policies_of
from mjx_humanoid.physics import randomize
from mjx_humanoid.playback.cards import find_card
from mjx_humanoid.playback.find import find_policy
from mjx_humanoid.studies.space import Space, text
from mjx_humanoid.tasks.context import COMMANDS, PARTS
from mjx_humanoid.tasks.observations import OBSERVATIONS
from mjx_humanoid.tasks.pushes import PUSHES
from mjx_humanoid.tasks.starts import make_start
from mjx_humanoid.tasks.task import find_robot
from mjx_humanoid.tasks.terminations import TERMINATIONS

POLICY = 'config.init_from'  # the setting that names a policy


def check_space(space: Space, changed: Callable[[Mapping[str, str]], Config]) -> None:
  """Checks the names in a config, and those that a space can put in their place.

  Args:
    changed: the config with some settings, as on the command line.

  Raises:
    UserError: a name is unknown; says in which setting, and what the choices are.
  """
  check_names(changed({}))
  for setting, entry in space.items():
    for value in entry.get('values', [entry.get('low')]):  # a range may be that of config.task.weights.height
      check_names(changed({setting: text(value)}))


def check_names(config: Config) -> None:
  """Finds what each name in a config stands for. The user typed them: their own code is allowed to run.

  Raises:
    UserError: a name is unknown.
  """
  saved_code.allow(config, remember=True)
  known = schema.settings()
  finders = finders_by_kind()
  for setting, value in values_of(schema.to_dict(config)):
    kind = 'policy' if setting == POLICY else known[setting][1].metadata['own']
    if kind not in finders:  # no name; or a clip, which depends on the robot
      continue
    for name in [value] if isinstance(value, str) else value:
      try:
        finders[kind](name)
      except UserError as error:
        raise UserError(f'{setting}: {error}') from None


def values_of(section: Mapping[str, Any], path: str = 'config') -> Iterator[tuple[str, Any]]:
  """The values of all settings, with their dotted names."""
  for name, value in section.items():
    place = f'{path}.{name}'
    if place in schema.settings():
      yield place, value
    else:
      yield from values_of(value, place)


def finders_by_kind() -> dict[str, Callable[[str], object]]:
  """Functions that find what a name stands for, or raise UserError, by the kinds of objects that settings name."""
  from mjx_humanoid.tasks.curricula import CURRICULA
  from mjx_humanoid.tasks.skills import TERMS, make_reward

  return {
    'policy': lambda name: name and find_policy(name),
    'algorithm': find_algorithm,
    'robot': find_robot,
    'reward': lambda name: make_reward(name, {}),
    'reward term': lambda name: TERMS[name],
    'observation': lambda name: OBSERVATIONS[name],
    'termination': lambda name: TERMINATIONS[name],
    'start': find_start,
    'context part': lambda name: PARTS[name],
    'kind of command': lambda name: COMMANDS[name],
    'kind of push': lambda name: PUSHES[name],
    'randomization': lambda name: randomize.check({name: 0.0}),
    'report card': find_card,
    'curriculum': lambda name: CURRICULA[name],
  }


def find_algorithm(name: str) -> None:
  """Raises UserError if there is no such algorithm; one of the user's own is loaded when it is made."""
  from mjx_humanoid.rl.algorithm import algorithms

  if not is_own(name) and name not in (names := algorithms()):
    raise unknown('algorithm', name, [*names, 'path/to/file.py'])


def find_start(name: str) -> None:
  """Raises UserError if there is no such start, or no such policy whose states it takes."""
  for policy in policies_of(name) if is_of_policies(name) else ():
    find_policy(policy)
  make_start(name)
