"""Commands, pushes, starts and parts of the context that cannot work are refused before training, in one line."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from check_tools import BODY, refusal

from mjx_humanoid.core.config.task import CommandConfig
from mjx_humanoid.tasks import checks
from mjx_humanoid.tasks.context import ContextMaker
from mjx_humanoid.tasks.starts import checked

# Commands and pushes


@pytest.mark.parametrize(
  ('line', 'message'),
  [
    ('return uniform[..., :3]', None),
    ('return uniform[..., :3] * config.value[0]', None),
    ('return uniform[:3]', 'has shape (3,) for one environment and (3, 4) for a batch of 16'),
    (
      'return uniform',
      "kind of command 'mine' has shape (4,); it must be forward, sideways and yaw velocity, shape (3,).",
    ),
    ('return uniform[..., :3] / 0', 'is inf on 16 of 16'),
    ('return config.speed', "(mine.py, line 4): AttributeError: 'CommandConfig' object has no attribute 'speed'."),
  ],
)
def test_commands(own, line, message):
  function = own(line, 'config, uniform')
  if message is None:
    checks.check_command(function, CommandConfig(value=(2.0, 0.0, 0.0)), 'mine')
  else:
    assert message in refusal(checks.check_command, function, CommandConfig(), 'mine')


@pytest.mark.parametrize(
  ('line', 'message'),
  [
    ('return force, None', None),
    ('return None, None', None),
    ('return 2 * force, force * first[..., None] * seconds / mass', None),
    ('return force', "kind of push 'mine' must return two values: a force or None, and a kick or None."),
    ('return force[..., :2], None', 'the force has shape (2,); it must be a vector, shape (3,).'),
    ('return None, force[0] * first', 'the kick works for one environment and not for a batch: ValueError: operands'),
    ('return None, force * (first and 1)', 'it uses an array as a truth value'),
    ('return force.size(), None', '(mine.py, line 4): TypeError'),
  ],
)
def test_pushes(own, line, message):
  function = own(line, 'force, seconds, mass, first')
  if message is None:
    checks.check_push(function, 40.0, 'mine')
  else:
    assert message in refusal(checks.check_push, function, 40.0, 'mine')


# Starts

WANTED = 'two arrays: qpos [n, 9] and qvel [n, 8], n = len(strength) = 4'


@pytest.mark.parametrize(
  ('line', 'message'),
  [
    ('return np.zeros((len(strength), 9)), rng.normal(size=(len(strength), 8))', None),
    ('pass', f"start 'mine' returns nothing; it must return {WANTED}."),
    ('return np.zeros((len(strength), 9))', f"start 'mine' must return {WANTED}; it returns a ndarray."),
    ('return 1, 2, 3', f"start 'mine' must return {WANTED}; it returns 3 values."),
    ('return np.zeros(9), np.zeros(8)', 'qpos has shape (9,) for n = 4; it must be (n, 9).'),
    (
      'return np.zeros((len(strength), 9)), np.zeros((len(strength), 9))',
      'qvel has shape (4, 9) for n = 4; it must be',
    ),
    ('return np.ones((len(strength), 9)), 0', 'qvel has shape () for n = 4; it must be (n, 8).'),
    (
      'return np.stack([np.where(strength > 0, 1.0, np.nan)] * 9, 1), np.zeros((len(strength), 8))',
      "start 'mine': qpos is not finite in 1 of 4 start states.",
    ),
    ('return np.zeros((len(strength), 9)), None', f"'mine' must return {WANTED}; its qvel is a NoneType."),
    ('return "a", "b"', f"start 'mine' must return {WANTED}; its qpos is a str."),
    ('return [[1], [1, 2]], 0', "start 'mine' fails on a start state: ValueError: "),
    ('return body.speed', '(mine.py, line 4): AttributeError'),
  ],
)
def test_starts_are_checked_whenever_they_are_drawn(own, line, message):
  start = checked(own(line, 'body, rng, strength, settle'), 'mine')
  arguments = (BODY, np.random.default_rng(0), np.linspace(0, 1, 4), None)
  if message is None:
    qpos, qvel = start(*arguments)
    assert (qpos.shape, qvel.shape, qpos.dtype) == ((4, 9), (4, 8), np.float64)
  else:
    assert message in refusal(start, *arguments)


# Parts of the context


@dataclasses.dataclass
class Part:
  """Counts steps in an entry of its own."""

  one: object = 1.0
  draws: int = 1

  def start(self, context, view, uniform, level):
    return context._replace(extra={**context.extra, 'count': uniform[..., 0]})

  def advance(self, context, before, view, uniform, level):
    return context._replace(extra={**context.extra, 'count': before.extra['count'] + self.one})

  def at_age(self, context):
    return context

  def mirror(self, context):
    return context


class Frame(SimpleNamespace):
  """A body that answers what the context asks."""

  def heading(self, view):
    return view.qpos[..., :2]

  def position(self, view):
    return view.qpos[..., :3]


def test_a_part_that_works_passes(views):
  checks.check_part(ContextMaker(Frame(nu=3), (Part(),)), 0, views, 'mine')


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'start': lambda context, view, uniform, level: context}, "KeyError: 'count'"),
    ({'start': lambda context, view, uniform, level: None}, 'AttributeError'),
    ({'one': np.ones((2, 1), np.float32)}, 'changes the shape or type of count'),
    ({'one': np.float64(1.0)}, None),
    ({'one': np.nan}, None),
    (
      {'advance': lambda *a: a[0]._replace(duty=a[0].duty > 0, extra=a[1].extra)},
      'changes the shape or type of duty from one',
    ),
    ({'start': lambda c, view, u, level: c._replace(extra={'count': u[..., 0] / 0})}, 'count is inf on 6 of 6'),
  ],
)
def test_parts_that_do_not_are_refused(views, change, message):
  part = Part()
  for name, value in change.items():
    setattr(part, name, value)
  if message is None:
    checks.check_part(ContextMaker(Frame(nu=3), (part,)), 0, views, 'mine')
  else:
    text = refusal(checks.check_part, ContextMaker(Frame(nu=3), (part,)), 0, views, 'mine')
    assert text.startswith("part of the context 'mine'")
    assert message in text


def test_a_part_must_have_all_members(views):
  part = SimpleNamespace(draws=0, start=print, advance=print)
  message = refusal(checks.check_part, ContextMaker(Frame(nu=3), (part,)), 0, views, 'mine')
  assert message.startswith("part of the context 'mine' lacks at_age, mirror")
