"""Report cards by name: settings of their episodes, and the criterion for passing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.registry import Registry, first_line
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.playback.card import Card, Conditions, checked
from mjx_humanoid.playback.conditions import (
  RUNNING,
  SLOWER,
  STROLL,
  WALKING,
  at_speed,
  below,
  fast,
  flies,
  follows,
  gets_up,
  kneeling,
  kneels,
  level,
  on_course,
  stays,
  still,
  survived,
  upright,
  walking_gait,
  walking_later,
  with_clip,
)

__all__ = ['CARDS', 'NONE', 'Card', 'Conditions', 'episode_of_card', 'find_card']

NONE = 'none'  # no report card
CARDS: Registry[Card] = Registry('report card', lambda thing: isinstance(thing, Card) or callable(thing))
OWN_SECONDS = 20.0  # length of episodes for a user's own card function
STANDING = {
  'start': 'standing',
  'start_strength': 1.0,
  'termination': 'fallen',
  'push.kind': 'none',
  'randomization': {},
}
STAYING = {  # also for policies that could walk away
  **STANDING,
  'command.kind': 'fixed',
  'command.value': (0.0, 0.0, 0.0),
}


def find_card(name: str) -> Card:
  """The report card of a name. A user's own is a Card, or a function that judges episodes of 20 s.

  Such a function takes one Episode and returns whether it passes, or (passes, figures); or it is like Card.judge.

  Raises:
    UserError: there is no such card. Its `judge` raises UserError if it fails or does not return bool [N].
  """
  thing: Any = CARDS[name]
  if not is_own(name):
    return thing
  card = thing if isinstance(thing, Card) else Card(first_line(thing) or name, OWN_SECONDS, thing)
  return dataclasses.replace(card, judge=checked(f'report card {name!r}', card.judge))


def episode_of_card(config: TaskConfig) -> dict[str, Any]:
  """Settings of a task, by dotted name, with which episodes start, are pushed and end as on its report card.

  Where the card is code of the trainer's own that this user has not allowed, they are those of the task itself.
  """
  if is_own(config.card) and saved_code.unavailable('report card', config.card):
    return {}
  return find_card(config.card).episode(config)


def _card(name: str, card: Card) -> None:
  CARDS.add(name, card, card.description)


def speed_in_words(command: Sequence[float]) -> str:
  """The speed of a command: '1.2 m/s', or '(0.5, -0.2) m/s' where it is not straight ahead."""
  forward, aside = command[:2]
  return f'({forward:g}, {aside:g}) m/s' if aside else f'{forward:g} m/s'


def walk_criteria(speed: str) -> str:
  """What the card `walk` asks for at some speed."""
  return (
    f'20 s, from 2 s on at {speed} +- 0.2 with duty factors of 0.5 to 0.75; heading, as means over 1 s, within 15'
    ' degrees, less than 1.5 m aside'
  )


def run_criteria(speed: str) -> str:
  """What the card `run` asks for at some speed."""
  return f'10 s at {speed} or more, after 2 s, with a flight phase in every stride'


# What each card shows of all figures
STRAIN = ('joint_at_limit', 'motor_saturated', 'peak_force', 'force_rate')
LASTING = ('survival_seconds',)
POSTURE = (
  *LASTING,
  'mean_height',
  'height_error',
  'tilt',
  'drift',
  'joint_speed',
  'mean_torque',
  'mean_power',
  *STRAIN,
)
EFFORT = ('mean_torque', 'mean_power', 'cost_of_transport', *STRAIN)
STRIDES = ('step_width', 'stride_length', 'cadence', 'vertical_movement', 'asymmetry')
NORMATIVE = (
  'hip_correlation',
  'hip_error',
  'knee_correlation',
  'knee_error',
  'ankle_correlation',
  'ankle_error',
)
GOING = (*LASTING, 'forward_speed', 'heading_error', 'sideways')
DUTY = ('least_duty', 'most_duty')
STANDS = Conditions({'fell': survived, 'at another height': level, 'drifted': stays})
WALKS = Conditions(
  {
    'fell': survived,
    'at another speed': at_speed,
    'turned away': below('heading_error', 15),
    'went aside': on_course,
    'no walking gait': walking_gait,
  }
)
RUNS = Conditions({'fell': survived, 'too slow': fast, 'strides without flight': flies})
KNEELS = Conditions({'fell': survived, 'not kneeling': kneels})
GETS_UP = Conditions({'diverged': survived, 'not standing': gets_up})
IMITATES = Conditions({'lost the clip': survived, 'joints elsewhere': with_clip})
FOLLOWS = Conditions(
  {'fell': survived, 'off the speed': follows('velocity_error', 0.15), 'off the turning': follows('turning_error', 0.2)}
)

_card(
  'stand',
  Card(
    '20 s on its feet, mean height within 5 cm of standing, drift below 0.5 m', 20.0, STANDS, STAYING, still, POSTURE
  ),
)
_card(
  'stand_robust',
  Card(
    'stand, pushed by 150 N for 0.2 s every 4 s, mass, friction and motors varied',
    20.0,
    STANDS,
    {
      **STAYING,
      'push.kind': 'force',
      'push.force': (150.0, 150.0),
      'push.duration': 0.2,
      'push.interval': 4.0,
      'randomization': {'mass': 0.1, 'friction': 0.3, 'motor_strength': 0.1},
    },
    upright,
    POSTURE,
  ),
)
_card(
  'kneel',
  Card(
    'on both knees within 3 s, upright, nothing else but feet on the floor, held to 20 s',
    20.0,
    KNEELS,
    {**STAYING, 'termination': 'collapsed'},
    kneeling,
    (*LASTING, 'mean_height', 'tilt', 'drift', 'joint_speed', 'mean_torque', 'mean_power', *STRAIN),
  ),
)
_card(
  'walk',
  Card(
    walk_criteria('the commanded speed'),
    20.0,
    WALKS,
    STANDING,
    figures=(*GOING, *DUTY, 'tilt', *EFFORT, *STRIDES, *NORMATIVE),
    command=WALKING,
    criteria=lambda command: walk_criteria(speed_in_words(command)),
  ),
)
_card(
  'run',
  Card(
    run_criteria('0.5 m/s less than commanded'),
    12.0,
    RUNS,
    STANDING,
    figures=(*GOING, *DUTY, 'strides_with_flight', *EFFORT, *STRIDES),
    command=RUNNING,
    criteria=lambda command: run_criteria(f'{math.hypot(*command[:2]) - SLOWER:g} m/s'),
  ),
)
_card(
  'getup',
  Card(
    'from any lying pose to standing height within 5 s, kept to 12 s',
    12.0,
    GETS_UP,
    {**STAYING, 'start': 'fallen', 'termination': 'never'},
    upright,
    ('mean_height', 'joint_speed', 'mean_torque', 'mean_power', *STRAIN),
  ),
)
_card(
  'walk_any_pose',
  Card(
    'from any pose on the floor: from 5 s to 10 s on its feet at the commanded speed +- 0.2 m/s',
    10.0,
    Conditions({'diverged': survived, 'not walking': walking_later}),
    {**STANDING, 'start': 'any_pose', 'termination': 'never', 'command.kind': 'fixed'},
    figures=('forward_speed', *EFFORT, *STRIDES, *NORMATIVE),
    command=STROLL,
    own_library=True,
  ),
)
for _name, _low, _high, _range in (
  ('follow', (-0.5, -0.4, -1.0), (1.5, 0.4, 1.0), ''),
  (
    'follow_wide',
    (-1.0, -0.5, -1.0),
    (1.5, 0.5, 1.0),
    ' of -1 to 1.5 m/s ahead, to 0.5 m/s sideways, turning at up to 1 rad/s,',
  ),
):
  _card(
    _name,
    Card(
      f'new commands{_range} every 5 s; mean error, of means over 1 s, at most 0.15 m/s and 0.2 rad/s over 20 s',
      20.0,
      FOLLOWS,
      {
        **STANDING,
        'command.kind': 'sampled',
        'command.low': _low,
        'command.high': _high,
        'command.interval': 5.0,
        'command.rest': 0.15,
      },
      figures=(*LASTING, 'speed', 'velocity_error', 'turning_error', 'tilt', *EFFORT, *STRIDES),
    ),
  )
_card(
  'imitate',
  Card(
    '20 s with its clip from its beginning: height and tilt near it, joints within 10 degrees on average',
    20.0,
    IMITATES,
    {**STANDING, 'start': 'clip_beginning', 'termination': 'off_clip'},
    figures=(*LASTING, 'speed', *EFFORT, *STRIDES),
  ),
)
_card(
  'return',
  Card(
    'mean return of episodes of 1000 control steps at least task.target_return',
    0.0,
    Conditions({}),
    {'push.kind': 'none', 'randomization': {}},
    figures=('episode_return', 'survival_seconds', 'forward_speed', 'mean_power', *STRAIN),
    steps=1000,
    by_return=True,
  ),
)
_card(NONE, Card('no report card: training judges nothing', 0.0, Conditions({})))
