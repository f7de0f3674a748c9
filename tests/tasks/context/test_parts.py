"""The context as a chain of parts: order, random numbers, batches, NumPy and JAX, and parts of a user's own."""

import jax
import numpy as np
import pytest
from stepping import DT, NU, NV, SAMPLED, advanced, begin, facing, later, maker_of, seen

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.tasks.context import PARTS, Context, ContextMaker, make_context
from mjx_humanoid.tasks.context.velocity import DRAWS

EVERYTHING = {
  'command': {**SAMPLED, 'interval': 0.2, 'rest': 0.5},
  'station': {'gain': 1.5},
  'gait': {'frequency': 1.1, 'speedup': 0.4},
}


class Dice:
  """A part of a user's own: keeps what was drawn for it, and asks what the parts before made of the command."""

  draws = 2

  def start(self, context, view, uniform, level):
    return context._replace(extra={'drawn': uniform, 'saw': context.command})

  def advance(self, context, before, view, uniform, level):
    return context._replace(extra={'drawn': uniform + before.extra['drawn'], 'saw': context.command})

  def at_age(self, context):
    return context._replace(extra={**context.extra, 'drawn': 0 * context.extra['drawn'] + context.step[..., None]})

  def mirror(self, context):
    return context._replace(extra={**context.extra, 'drawn': -context.extra['drawn']})


def test_each_part_gets_its_own_random_numbers_and_what_the_parts_before_made(body):
  """Four for the command, two for the user's part behind it, in this order."""
  velocity = maker_of(body, {'kind': 'sampled', 'low': (0, 0, 0), 'high': (1, 1, 1), 'interval': DT, 'rest': 0}).parts[
    0
  ]
  maker = ContextMaker(body, (velocity, Dice()))
  assert maker.draws == DRAWS + 2 == 6
  uniform = np.asarray([[0.1, 0.2, 0.3, 0.9, 0.5, 0.6]])
  context = maker.start(seen(), uniform)
  np.testing.assert_allclose(context.command, [[0.1, 0.2, 0.3]], rtol=1e-6)
  np.testing.assert_allclose(context.extra['drawn'], [[0.5, 0.6]], rtol=1e-6)
  context = maker.advance(context, seen(), uniform + 0.05)
  np.testing.assert_allclose(context.extra['saw'], [[0.15, 0.25, 0.35]], rtol=1e-6)
  np.testing.assert_allclose(context.extra['drawn'], [[1.05, 1.25]], rtol=1e-6)
  aged = maker.at_age(context._replace(step=np.asarray([7])))
  np.testing.assert_allclose(aged.extra['drawn'], [[7, 7]])


def test_the_mirror_goes_through_all_parts(body):
  maker = ContextMaker(body, (*maker_of(body).parts, Dice()))
  context = begin(maker)
  np.testing.assert_allclose(maker.mirror(context).extra['drawn'], [[-0.5, -0.5]])


def test_without_parts_a_robot_is_asked_for_nothing(body):
  """Heading and position are those of the start; step and last action go on."""
  maker, qpos = maker_of(body, {'value': (1, 0, 0)}, gait={'frequency': 1.0}, context=()), facing(0.3)
  qpos[:, :2] = [3, 4]
  context = advanced(maker, maker.start(seen(qpos), np.zeros((1, 0))), seen())
  assert maker.draws == 0
  np.testing.assert_array_equal(context.step, [1])
  np.testing.assert_array_equal(context.command, [[0, 0, 0]])
  np.testing.assert_allclose(context.target_position, [[3, 4]])
  np.testing.assert_allclose(context.heading, [[np.cos(0.3), np.sin(0.3)]], atol=1e-6)
  np.testing.assert_array_equal([context.phase, context.duty], [[0], [1]])
  assert context.extra == {}


def test_the_action_is_remembered(body):
  maker, action = maker_of(body), np.linspace(-1, 1, NU, dtype=np.float32)[None]
  start = begin(maker)
  np.testing.assert_array_equal(start.last_action, np.zeros((1, NU)))
  np.testing.assert_array_equal(advanced(maker, start, seen(ctrl=action)).last_action, action)


def test_numpy_and_jax_agree(body):
  """Sixty steps of sampled commands and rests, with all parts, from the same random numbers; half of the robots lie."""
  maker, rng = maker_of(body, **EVERYTHING), np.random.default_rng(0)
  uniform = rng.random((61, 8, maker.draws)).astype(np.float32)
  actions, level = rng.normal(size=(60, 8, NU)).astype(np.float32), rng.uniform(0.1, 1, 8).astype(np.float32)
  qpos, qvel = facing(*rng.uniform(-3, 3, 8)), rng.normal(size=(8, NV)).astype(np.float32)
  qpos[:4, 2] = 0.3
  host = maker.start(seen(qpos, qvel), uniform[0], level)
  device = jax.jit(maker.start)(seen(qpos, qvel), uniform[0], level)
  advance = jax.jit(lambda context, view, draws: maker.advance(context, view, draws, level))
  for action, draws in zip(actions, uniform[1:], strict=True):
    view = seen(qpos, qvel, action)
    host, device = maker.advance(host, view, draws, level), advance(device, view, draws)
    for name, a, b in zip(Context._fields[:-1], host, device, strict=False):
      assert (a.shape, a.dtype) == (b.shape, b.dtype), name
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=3e-6, err_msg=name)
  np.testing.assert_allclose(jax.jit(maker.at_age)(device).phase, maker.at_age(host).phase, atol=1e-5)


def test_any_leading_axes(body):
  maker, rng = maker_of(body, {**SAMPLED, 'interval': DT}), np.random.default_rng(0)
  qpos, uniform = facing(*rng.uniform(-3, 3, 6)), rng.random((6, maker.draws))
  flat = maker.advance(maker.start(seen(qpos), uniform), seen(qpos), uniform[::-1])
  view = seen(qpos.reshape(2, 3, -1))
  folded = maker.start(view, uniform.reshape(2, 3, -1))
  folded = maker.advance(folded, view, uniform[::-1].reshape(2, 3, -1))
  for a, b in zip(flat[:-1], folded[:-1], strict=True):
    np.testing.assert_array_equal(a, b.reshape(a.shape))


# Left and right exchanged


@pytest.fixture
def uneven(body):
  """A context of one robot in which nothing is symmetric."""
  maker = maker_of(body, **EVERYTHING)
  context = begin(maker)._replace(
    last_action=np.random.default_rng(1).normal(size=(1, NU)).astype(np.float32),
    command=np.array([[0.7, -0.3, 0.4]], np.float32),
    heading=np.array([[0.6, 0.8]], np.float32),
    target_position=np.array([[0.25, -0.4]], np.float32),
    phase=np.array([0.15], np.float32),
    duty=np.array([0.6], np.float32),
    requested=np.array([[1.0, 0.5, -0.25]], np.float32),
  )
  return maker, context


def test_the_mirror_image_of_each_entry(body, uneven):
  maker, context = uneven
  image = maker.mirror(context)
  np.testing.assert_allclose(image.command, [[0.7, 0.3, -0.4]])
  np.testing.assert_allclose(image.requested, [[1.0, -0.5, 0.25]])
  np.testing.assert_allclose(image.heading, [[0.6, -0.8]])
  np.testing.assert_allclose(image.target_position, [[0.25, 0.4]])
  np.testing.assert_allclose(image.phase, [0.65])  # half a stride away
  np.testing.assert_allclose(maker.mirror(context._replace(phase=np.array([0.75]))).phase, [0.25])
  np.testing.assert_array_equal(image.duty, context.duty)
  left, right, twist = (body.actuator_names.index(name) for name in ('knee_left', 'knee_right', 'abdomen_z'))
  assert image.last_action[0, left] == context.last_action[0, right]
  assert image.last_action[0, twist] == -context.last_action[0, twist]


def test_mirrored_twice_is_the_same(uneven):
  maker, context = uneven
  for before, after in zip(context[:-1], maker.mirror(maker.mirror(context))[:-1], strict=True):
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_a_mirrored_context_advances_to_the_mirror_image(body, uneven):
  """Target heading and position after twenty steps of turning and side steps; and the clock."""
  maker, here = uneven
  there, standing = maker.mirror(here), facing(0.0)
  for _ in range(20):
    here, there = (advanced(maker, c, seen(standing, ctrl=c.last_action)) for c in (here, there))
  assert np.abs(here.target_position - [[0.25, -0.4]]).max() > 0.1
  image = maker.mirror(here)
  for name in Context._fields[:-1]:
    np.testing.assert_allclose(getattr(image, name), getattr(there, name), atol=1e-5, err_msg=name)


# Mistakes


@pytest.mark.parametrize('name', ['gait', '', 'velocity_comand'])
def test_an_unknown_part_is_refused_with_the_choices(body, name):
  expected = r'unknown part of the context .*Choices: curriculum_level, gait_clock, last_force, last_position, '
  with pytest.raises(UserError, match=expected) as error:
    make_context(TaskConfig(context=(name,)), body)
  assert '\n' not in str(error.value)


def test_every_part_describes_itself_and_those_of_commands_are_there_by_default():
  assert set(PARTS) == {*TaskConfig().context, 'curriculum_level', 'last_force', 'last_position', 'reference_motion'}
  assert all(PARTS.describe().values())


def test_the_order_is_that_of_the_config(body):
  """Station keeping before the command has no effect: the command is made behind it."""
  behind = maker_of(body, station={'gain': 1.5})
  before = maker_of(body, station={'gain': 1.5}, context=('station_keeping', 'velocity_command', 'gait_clock'))
  qpos = facing(0.0)
  qpos[:, 0] = 1.0
  commands = [advanced(maker, later(maker, begin(maker), 1), seen(qpos)).command for maker in (behind, before)]
  np.testing.assert_allclose(commands, [[[-0.5, 0, 0]], [[0, 0, 0]]])
