"""The mirror image of observations and rewards, checked on a robot and its mirror image by C MuJoCo."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.symmetry import action_map, mirror_view
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import Context, make_context, swing
from mjx_humanoid.tasks.mirror import mirror_of, observation_map
from mjx_humanoid.tasks.observations import OBSERVATIONS, observe_all
from mjx_humanoid.tasks.rewards import TERMS


@pytest.fixture(scope='module')
def maker(body):
  """The context of the default task."""
  return make_context(TaskConfig(), body)


@pytest.fixture
def context(body):
  """A batch of one, in which nothing is symmetric."""
  rng = np.random.default_rng(1)
  numbers = (
    rng.normal(size=(1, body.nu)),
    [[0.7, -0.3, 0.4]],
    [[0.6, 0.8]],
    [[0.25, -0.4]],
    [0.15],
    [0.6],
    [[0.7, -0.3, 0.4]],
  )
  return Context(np.zeros(1, np.int32), *(np.asarray(x, np.float32) for x in numbers))


@pytest.fixture(scope='module')
def pair(body):
  """A falling, struggling robot and its mirror image 0.3 s later, each a batch of one."""
  model = build_model(robots()['humanoid'], converged=True)
  rng = np.random.default_rng(3)
  data, image = mujoco.MjData(model), mujoco.MjData(model)
  data.qpos[7:] += 0.1 * rng.normal(size=body.nq - 7)
  data.qvel[:] = 0.3 * rng.normal(size=body.nv)
  data.ctrl[:] = 0.3 * rng.normal(size=body.nu)
  start = mirror_view(view_of(data), body)
  image.qpos[:], image.qvel[:], image.ctrl[:] = start.qpos[0], start.qvel[0], start.ctrl[0]
  for _ in range(60):
    mujoco.mj_step(model, data)
    mujoco.mj_step(model, image)
  return view_of(data), view_of(image)


def view_of(data):
  return View(*(np.array(getattr(data, name), np.float32)[None] for name in View._fields))


@pytest.mark.parametrize('name', [name for name in OBSERVATIONS if 'clip' not in name])
def test_observation_maps_hold_for_a_real_robot(name, pair, body, maker, context):
  here, there = pair
  observe = observe_all([name])
  sources, signs = observation_map(observe, body, maker)
  found = observe(here, body, context)[..., sources] * signs
  expected = observe(there, body, maker.mirror(context))
  np.testing.assert_allclose(found, expected, atol=2e-3 if name == 'contact_forces' else 1e-4)


@pytest.mark.parametrize(
  ('name', 'sources', 'signs'),
  [
    ('gait_phase', [0, 1], [-1, -1]),  # half a stride later, sine and cosine are the negatives
    ('gait_clock', [0, 1], [-1, -1]),
    ('heading_error', [0, 1], [1, -1]),
    ('position_error', [0, 1], [1, -1]),
    ('cross_track_error', [0], [-1]),
    ('command', [0, 1, 2], [1, -1, -1]),
  ],
)
def test_maps_of_the_context_by_hand(body, maker, name, sources, signs):
  found = observation_map(observe_all([name]), body, maker)
  assert (found.sources.tolist(), found.signs.tolist()) == (sources, signs)


@pytest.mark.parametrize('phase', [0.0, 0.15, 0.39, 0.41, 0.6, 0.95])
def test_the_left_foot_swings_in_the_mirror_when_the_right_one_does_here(body, maker, context, phase):
  here = context._replace(phase=np.array([phase]))
  there = maker.mirror(here)
  left, right = body.robot.offsets
  np.testing.assert_allclose(swing(there, left), swing(here, right), atol=1e-6)
  np.testing.assert_allclose(swing(there, right), swing(here, left), atol=1e-6)


# These need parts of the context, or of the datasheet, of their own; their own tests have those.
OF_THE_STATE = [
  name for name in TERMS if 'clip' not in name and name not in ('progress', 'com_progress', 'impact', 'landing')
]


@pytest.mark.parametrize('requested', ['moving', 'standing'])
@pytest.mark.parametrize('name', OF_THE_STATE)
def test_a_reward_term_is_the_same_in_the_mirror(name, requested, pair, body, maker, context):
  """Else a symmetric policy could not earn it on both sides."""
  context = context._replace(requested=0 * context.requested) if requested == 'standing' else context
  here, there = (
    TERMS[name](View(*(x[0] for x in v)), body, Context(*(x[0] for x in c[:-1])))
    for v, c in ((pair[0], context), (mirror_view(pair[0], body), maker.mirror(context)))
  )
  assert float(here) == pytest.approx(float(there), rel=1e-4, abs=1e-6)


def test_an_element_that_occurs_twice_has_an_image_of_its_own_each_time(body, maker):
  """The two may be on different scales, so that the image of the first must not be taken from the second."""
  once = observation_map(observe_all(('joint_positions',)), body, maker)
  twice = observation_map(observe_all(('joint_positions', 'posture')), body, maker)
  np.testing.assert_array_equal(twice.sources, [*once.sources, *(len(once.sources) + once.sources)])
  np.testing.assert_array_equal(twice.signs, [*once.signs, *once.signs])


def test_the_mirror_of_a_task_has_observations_and_actions(body, maker):
  observe = observe_all(('command', 'joint_positions'))
  mirror = mirror_of(observe, body, maker)
  expected = [*observation_map(observe, body, maker), *action_map(body)]
  for found, wanted in zip(mirror, expected, strict=True):
    np.testing.assert_array_equal(found, wanted)


def test_a_robot_without_symmetry_has_no_mirror(body, maker):
  plain = dataclasses.replace(body, robot=dataclasses.replace(body.robot, symmetry=()))
  assert mirror_of(observe_all(('command',)), plain, maker) is None


def test_an_observation_without_an_image_is_refused(body, maker):
  def left_only(view, body, context):
    return view.qpos[..., 7 + body.joint_index('knee_left')][..., None]

  with pytest.raises(UserError, match='symmetric'):
    observation_map(left_only, body, maker)
