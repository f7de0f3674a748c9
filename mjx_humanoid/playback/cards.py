"""Report cards by name: settings of their episodes, and the criterion for passing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.registry import Registry, first_line
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.physics.body import Body
from mjx_humanoid.playback.figures import Figures, after, mean, tilt, touching
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.tasks.trials import attempt


@dataclass(frozen=True)
class Card:
  """One kind of report card."""

  description: str
  seconds: float
  judge: Callable[[Figures, Trajectories, Body], np.ndarray]  # which episodes pass, bool [N]
  task: Mapping[str, Any] = field(default_factory=dict)  # settings of the task that the card fixes, by dotted name
  goal: Callable[[Trajectories, Body], np.ndarray] | None = (
    None  # steps at which the goal is reached, bool [N, T]; None: the skill has no end
  )


CARDS: Registry[Card] = Registry('report card', lambda thing: isinstance(thing, Card) or callable(thing))
OWN_SECONDS = 20.0  # length of episodes for a user's own card function
STANDING = {
  'start': 'standing',
  'start_strength': 1.0,
  'termination': 'fallen',
  'push.kind': 'none',
  'randomization': {},
}
FIXED = {'command.kind': 'fixed'}
STAYING = {**STANDING, **FIXED, 'command.value': (0.0, 0.0, 0.0)}  # also for policies that follow commands
# Shares of standing height; the metres are those of a humanoid of 1.282 m.
LEVEL, DRIFT = 0.05 / 1.282, 0.5 / 1.282  # for standing: error of the mean height, and distance from the start
ASIDE = 1.5 / 1.282  # for walking: distance from the line ahead
UPRIGHT = 0.1 / 1.282  # error of the height of an upright robot


def find_card(name: str) -> Card:
  """The report card of a name. A user's own is a Card, or a function like Card.judge for episodes of 20 s.

  Raises:
    UserError: there is no such card. Its `judge` raises UserError if it fails or does not return bool [N].
  """
  thing: Any = CARDS[name]
  if not is_own(name):
    return thing
  card = thing if isinstance(thing, Card) else Card(first_line(thing) or name, OWN_SECONDS, thing)
  what = f'report card {name!r}'

  def judge(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
    passed = np.asarray(attempt(what, card.judge, card.judge, figures, paths, body))
    if passed.dtype != bool or passed.shape != (len(paths.terminated),):
      raise UserError(f'{what} returns {passed.dtype} {passed.shape}; it must be bool [N], one for each episode.')
    return passed

  return dataclasses.replace(card, judge=judge)


def _card(name: str, card: Card) -> None:
  CARDS.add(name, card, card.description)


def stands(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """On its feet to the end, mean height within 5 cm of standing, drift below 0.5 m."""
  size = body.robot.standing_height
  level = np.abs(figures['mean_height'] - size) < LEVEL * size
  return (figures['survived'] == 1) & level & (figures['drift'] < DRIFT * size)


def walks(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """1.2 +- 0.2 m/s, heading within 15 degrees, less than 1.5 m off the line, duty factors 0.5 to 0.75."""
  steady = (np.abs(figures['forward_speed'] - 1.2) <= 0.2) & (figures['heading_error'] < 15)
  duty = (figures['least_duty'] >= 0.5) & (figures['most_duty'] <= 0.75)
  return (figures['survived'] == 1) & steady & (figures['sideways'] < ASIDE * body.robot.standing_height) & duty


def runs(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """At least 3 m/s after the first two seconds, with a flight phase in every stride."""
  fast = figures['forward_speed'] >= 3.0
  return (figures['survived'] == 1) & fast & (figures['strides_with_flight'] == 1)


def kneeling(paths: Trajectories, body: Body) -> np.ndarray:
  """Both shins on the floor, nothing above them, tilt below 25 degrees; bool [N, T]."""
  shins = body.robot.body_parts("report card 'kneel'").shins
  may_touch = {*shins, *body.robot.feet}
  others = [name for name in body.touch_names if name not in may_touch]
  down = np.logical_and.reduce([touching(paths, body, name) for name in shins])
  other_contact = np.logical_or.reduce([touching(paths, body, name) for name in others])
  return np.asarray(down & ~other_contact & (tilt(paths, body) < 25))


def upright(paths: Trajectories, body: Body) -> np.ndarray:
  """The root within 10 cm of standing height; bool [N, T]."""
  size = body.robot.standing_height
  return np.asarray(np.abs(body.root_sensor(paths.views, 'pos')[..., 2] - size) < UPRIGHT * size)


def still(paths: Trajectories, body: Body) -> np.ndarray:
  """Upright, and at rest: the root mean square of all velocities, in m/s and rad/s, below 0.3; bool [N, T]."""
  return upright(paths, body) & (np.square(paths.views.qvel).mean(axis=-1) < 0.3**2)


def kneels(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Kneeling at every step from 3 s on."""
  figures['kneeling'] = share_after(kneeling(paths, body), 3.0, body)
  return (figures['survived'] == 1) & (figures['kneeling'] == 1)


def gets_up(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """At standing height at every step from 5 s on."""
  level = upright(paths, body)
  figures['standing'] = share_after(level, 5.0, body)
  # The time after which the root was never lower again.
  last = level.shape[1] - np.argmax(~level[:, ::-1], axis=1)
  figures['seconds_to_stand'] = np.where((~level).any(axis=1), last, 0) * body.control_step
  return (figures['survived'] == 1) & (figures['standing'] == 1)


def share_after(held: np.ndarray, seconds: float, body: Body) -> np.ndarray:
  """Share [N] of the steps after `seconds` at which `held` [N, T] is True."""
  return mean(held, after(np.ones_like(held), seconds, body))


def follows(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Mean error at most 0.15 m/s and 0.2 rad/s."""
  close = (figures['velocity_error'] <= 0.15) & (figures['turning_error'] <= 0.2)
  return (figures['survived'] == 1) & close


_card(
  'stand',
  Card('20 s on its feet, mean height within 5 cm of standing, drift below 0.5 m', 20.0, stands, STAYING, still),
)
_card(
  'stand_robust',
  Card(
    'stand, pushed by 150 N for 0.2 s every 4 s, mass, friction and motors varied',
    20.0,
    stands,
    {
      **STAYING,
      'push.kind': 'force',
      'push.force': (150.0, 150.0),
      'push.duration': 0.2,
      'push.interval': 4.0,
      'randomization': {'mass': 0.1, 'friction': 0.3, 'motor_strength': 0.1},
    },
    upright,
  ),
)
_card(
  'kneel',
  Card(
    'on both knees within 3 s, upright, nothing else but feet on the floor, held to 20 s',
    20.0,
    kneels,
    {**STAYING, 'termination': 'collapsed'},
    kneeling,
  ),
)
_card(
  'walk',
  Card(
    '20 s, from 2 s on at 1.2 m/s +- 0.2 with duty factors of 0.5 to 0.75; heading, as means over 1 s, within 15'
    ' degrees, less than 1.5 m aside',
    20.0,
    walks,
    {**STANDING, **FIXED, 'command.value': (1.2, 0.0, 0.0)},
  ),
)
_card('run', Card('10 s at 3 m/s or more, after 2 s, with a flight phase in every stride', 12.0, runs, STANDING))
_card(
  'getup',
  Card(
    'from any lying pose to standing height within 5 s, kept to 12 s',
    12.0,
    gets_up,
    {**STAYING, 'start': 'fallen', 'termination': 'never'},
    upright,
  ),
)
_card(
  'follow',
  Card(
    'new commands every 5 s; mean error, of means over 1 s, at most 0.15 m/s and 0.2 rad/s over 20 s',
    20.0,
    follows,
    {
      **STANDING,
      'command.kind': 'sampled',
      'command.low': (-0.5, -0.4, -1.0),
      'command.high': (1.5, 0.4, 1.0),
      'command.interval': 5.0,
      'command.rest': 0.15,
    },
  ),
)
