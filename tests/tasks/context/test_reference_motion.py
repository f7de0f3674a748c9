"""Protects the reference motion: it begins where the robot is, goes on with it, and is the same in NumPy and JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from clip_tools import swaying

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.motions import clips
from mjx_humanoid.physics.rotations import quaternion_about_z, quaternion_product
from mjx_humanoid.tasks.context import make_context
from mjx_humanoid.tasks.context.reference_motion import (
  ANGLES,
  FEET,
  FRAME,
  ORIENTATION,
  ORIGIN,
  PHASE,
  PLACE,
  VELOCITY,
  YAW,
  entry,
)

ROWS = 40  # of a loop of 1 s at 40 control steps per second
NONE = np.zeros((1, 0), np.float32)


def maker_for(body, **clip):
  reference = clips.carry(swaying(body, **clip), 'sway')
  return make_context(TaskConfig(context=('reference_motion',), clip=reference), body)


@pytest.fixture(scope='module')
def maker(body):
  return maker_for(body, count=41)


def state(part, frame, turned=0.0, at=(0.0, 0.0)):
  """A view [1, ...] in a frame of the clip, but turned to the left and moved."""
  qpos, qvel = part.table.qpos[frame : frame + 1].copy(), part.table.qvel[frame : frame + 1]
  place = complex(*qpos[0, :2]) * np.exp(1j * turned) + complex(*at)
  qpos[0, :2] = place.real, place.imag
  qpos[:, 3:7] = quaternion_product(quaternion_about_z(np.array([turned])), qpos[:, 3:7])
  zero = np.zeros((1, part.body.nu), np.float32)
  return View(np.zeros(1, np.float32), qpos.astype(np.float32), qvel, zero, zero)


@pytest.mark.parametrize(('frame', 'turned', 'at'), [(0, 0.0, (0, 0)), (7, 2.0, (3, -1)), (31, -3.0, (0.2, 0.1))])
def test_it_begins_in_the_frame_place_and_heading_of_the_robot(maker, frame, turned, at):
  part = maker.parts[0]
  context = maker.start(state(part, frame, turned, at), NONE)
  extra = {name: value[0] for name, value in context.extra.items()}
  assert extra[FRAME] == frame
  np.testing.assert_allclose(extra[YAW], [np.cos(turned), np.sin(turned)], atol=1e-5)
  np.testing.assert_allclose(extra[ORIGIN], at, atol=1e-5)
  # What is to be at the end of the coming control step is the next row, turned and moved alike.
  after = state(part, frame + 1, turned, at).qpos[0]
  np.testing.assert_allclose(extra[ANGLES], after[7:], atol=1e-5)
  np.testing.assert_allclose(extra[PLACE], after[:3], atol=1e-5)
  assert abs(extra[ORIENTATION] @ after[3:7]) == pytest.approx(1, abs=1e-5)
  np.testing.assert_allclose(context.target_position[0], state(part, frame, turned, at).qpos[0, :2], atol=1e-5)


def test_noise_does_not_change_the_frame(maker):
  part, rng = maker.parts[0], np.random.default_rng(0)
  view = state(part, 10)
  noisy = view._replace(qpos=view.qpos + rng.normal(size=view.qpos.shape).astype(np.float32) * 0.01)
  assert abs(maker.start(noisy, NONE).extra[FRAME][0] - 10) <= 2


def test_feet_and_velocity_turn_with_the_robot(maker):
  """Turned by a quarter to the left, x becomes y, and y becomes -x."""
  part = maker.parts[0]
  plain, turned = (maker.start(state(part, 5, angle), NONE).extra for angle in (0.0, np.pi / 2))
  for name in (FEET, VELOCITY):
    a, b = plain[name].reshape(-1, 3), turned[name].reshape(-1, 3)
    np.testing.assert_allclose(b, np.stack([-a[:, 1], a[:, 0], a[:, 2]], axis=1), atol=1e-5)


def test_a_loop_goes_on_where_it_ended(maker):
  """Over two loops of 0.5 m each, the place goes on evenly, and the phase is that of the frame."""
  part = maker.parts[0]
  context = maker.start(state(part, 0), NONE)
  places, frames = [], []
  for _ in range(2 * ROWS):
    places.append(context.extra[PLACE][0, 0])
    frames.append(float(context.extra[FRAME][0]))
    context = maker.advance(context, state(part, 0), NONE)
  np.testing.assert_allclose(np.diff(places), 0.5 / ROWS, atol=1e-5)
  assert frames == [*range(ROWS), *range(ROWS)]
  np.testing.assert_allclose(context.extra[PHASE][0], [0, 1], atol=1e-5)
  np.testing.assert_allclose(context.extra[ORIGIN][0], [1.0, 0], atol=1e-5)


def test_a_loop_that_turns_goes_on_around_the_corner(body):
  """Four loops that each lead 1 m ahead and turn to the left by 90 degrees lead around a square."""
  clip = swaying(body, count=41, ahead=1.0)
  heading = np.linspace(0, np.pi / 2, 41) / 2
  clip.qpos[:, 3:7] = np.stack([np.cos(heading), 0 * heading, 0 * heading, np.sin(heading)], axis=1)
  maker = make_context(TaskConfig(context=('reference_motion',), clip=clips.carry(clip, 'corner')), body)
  part, corners = maker.parts[0], []
  context = maker.start(state(part, 0), NONE)
  for _ in range(4):
    for _ in range(ROWS):
      context = maker.advance(context, state(part, 0), NONE)
    corners.append(context.extra[ORIGIN][0])
  np.testing.assert_allclose(corners, [[1, 0], [1, 1], [0, 1], [0, 0]], atol=1e-4)


def test_a_clip_that_is_over_stays_at_its_end(body):
  reference = clips.carry(swaying(body, count=41), 'sway')
  maker = make_context(TaskConfig(context=('reference_motion',), clip=reference, clip_once=True), body)
  part = maker.parts[0]
  last = len(part.table) - 1
  context = maker.start(state(part, 0), NONE)
  for _ in range(last + 5):
    context = maker.advance(context, state(part, 0), NONE)
  assert context.extra[FRAME][0] == last
  np.testing.assert_allclose(context.extra[ANGLES][0], body.relaxed_angles, atol=1e-5)
  assert context.command[0].tolist() == [0, 0, 0]


def test_command_and_heading_are_those_of_the_clip(maker):
  """0.5 m in 1 s."""
  context = maker.start(state(maker.parts[0], 3, 1.0), NONE)
  np.testing.assert_allclose(context.command[0], [0.5, 0, 0], atol=1e-5)
  np.testing.assert_allclose(context.requested, context.command)
  np.testing.assert_allclose(context.heading[0], [np.cos(1), np.sin(1)], atol=1e-5)


def test_numpy_and_jax_agree(maker):
  part = maker.parts[0]
  plain = maker.advance(maker.start(state(part, ROWS - 1, 0.7), NONE), state(part, 0), NONE)

  @jax.jit
  def both(first, second):
    return maker.advance(maker.start(first, NONE), second, NONE)

  traced = both(state(part, ROWS - 1, 0.7), state(part, 0))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), plain, jax.tree.map(np.asarray, traced))


def test_the_mirror_of_a_clip_that_is_not_symmetric_is_refused(maker):
  context = maker.start(state(maker.parts[0], 3), NONE)
  with pytest.raises(UserError, match=r'config.network.symmetric: this clip is not the same for left and right'):
    maker.mirror(context)


def test_without_a_clip_it_says_how_to_name_one(body):
  with pytest.raises(UserError, match=r"'reference_motion' needs a clip; name it by config.task.clip"):
    make_context(TaskConfig(context=('reference_motion',)), body)


def test_without_the_part_users_of_it_say_so(body):
  context = make_context(TaskConfig(), body).start(
    View(np.zeros(1), body.default_qpos[None], *np.zeros((3, 1, 27), np.float32)), np.zeros((1, 4))
  )
  with pytest.raises(
    UserError, match=r"observation clip_phase needs the part 'reference_motion' in config.task.context"
  ):
    entry(context, PHASE, 'observation clip_phase')
