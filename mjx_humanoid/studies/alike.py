"""Whether configs are judged alike: the same robot, report card and episodes, so that their scores compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.config.settings import replaced, to_dict
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.saved_code import portable
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.playback.card import EPISODE, Card
from mjx_humanoid.playback.cards import NONE, find_card
from mjx_humanoid.tasks.starts import OF_CLIPS

ROBOT = ('robot', 'feet', 'keyframe')  # settings of a task that say what is judged
CLIP = ('clip', 'clip_once')
RETURN = ('target_return', 'reward', 'weights', 'frame_skip')  # what a return is: a sum over control steps


def check_judged_alike(configs: Mapping[str, Config]) -> None:
  """Raises UserError if these configs, by name, are not judged alike, or if one has no report card."""
  for name, config in configs.items():
    if config.task.card == NONE:
      raise UserError(f'{name} has no report card (config.task.card=none), so there is nothing to compare it by.')
  (first, config), *others = configs.items()
  here = judged_by(config)
  for name, other in others:
    there = judged_by(other)
    for setting in {**here, **there}:  # in this order: the card says which of the later settings matter
      one, two = here.get(setting), there.get(setting)
      if one != two:
        raise UserError(
          f'{first} and {name} are not judged alike: {setting} is {one!r} and {two!r}; set it with'
          f' --{setting}=... for both, or leave one out.'
        )


def judged_by(config: Config) -> dict[str, Any]:
  """What determines the report cards of a config: values by the dotted names of settings, as in the card's episodes."""
  card = find_card(config.task.card)
  task = replaced(config.task, card.settings(config.task), 'config.task')
  names = [*ROBOT, 'card', *(RETURN * card.by_return), *(CLIP * reads_clip(task, card)), *EPISODE, *randomness(task)]
  values = flat(to_dict(task))
  found = {f'config.task.{name}': of_user(values[name]) for name in names}
  return {**found, 'config.evaluation_episodes': config.evaluation_episodes}


def randomness(task: TaskConfig) -> list[str]:
  """The settings of commands, pushes and randomisation that have an effect in the episodes of a card."""
  command = ['value'] if task.command.kind == 'fixed' else ['value', 'low', 'high', 'interval', 'rest']
  push = [] if task.push.kind == 'none' else ['force', 'duration', 'interval']
  named = [f'command.{name}' for name in ('kind', *command)] + [f'push.{name}' for name in ('kind', *push)]
  return [*named, 'randomization']


def reads_clip(task: TaskConfig, card: Card) -> bool:
  """Whether a card's judgement depends on the clip; in other tasks a clip may be there for the sake of its style."""
  if task.start in OF_CLIPS or task.termination == 'off_clip':
    return True
  return 'reference_motion' in task.context and (card.by_return or is_own(task.card))


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
  """Settings of a task and of its sections, by dotted name."""
  found = dict(values)
  for section in ('command', 'push'):
    found |= {f'{section}.{name}': value for name, value in values[section].items()}
  return found


def of_user(value: Any) -> Any:
  """A value with references to code as the user typed them."""
  return portable(value) if isinstance(value, str) else value
