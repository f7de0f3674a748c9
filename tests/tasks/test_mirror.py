"""Left and right exchanged: the maps are checked by physics itself, which does not know left from right."""

import mujoco
import numpy as np
import pytest
from mjx_humanoid.tasks.context.guide import make_guide, swing

from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.symmetry import action_map, joint_map, mirror_view, other_side
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.mirror import mirror_context, observation_map
from mjx_humanoid.tasks.observations import OBSERVATIONS, observe_all
from mjx_humanoid.tasks.rewards import TERMS


@pytest.fixture(scope='module')
def model():
  return build_model(robots()['humanoid'], converged=True)


@pytest.fixture(scope='module')
def body(model):
  return describe(robots()['humanoid'], model)


def view_of(data):
  """One world as a batch of one."""
  return View(*(np.array(getattr(data, name), np.float32)[None] for name in View._fields))


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
def worlds(model, body):
  """A falling, struggling world and its mirror image, 0.3 s later, by C MuJoCo."""
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


def test_a_mirrored_world_stays_the_mirror_image(worlds, body):
  """Positions, velocities, and every sensor but touch, which is a force and stiffer."""
  world, image = worlds
  mirrored = mirror_view(world, body)
  np.testing.assert_allclose(mirrored.qpos, image.qpos, atol=1e-5)
  np.testing.assert_allclose(mirrored.qvel, image.qvel, atol=1e-4)
  for name in body.sensors:
    atol = 0.05 if name.endswith('_touch') else 1e-4
    np.testing.assert_allclose(body.sensor(mirrored, name), body.sensor(image, name), atol=atol, err_msg=name)


def test_the_mirror_image_differs_from_the_world(worlds):
  world, image = worlds
  assert np.abs(world.qpos - image.qpos).max() > 0.05


def test_twice_mirrored_is_the_same(worlds, body):
  world, _ = worlds
  twice = mirror_view(mirror_view(world, body), body)
  for before, after in zip(world, twice, strict=True):
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_sides_are_exchanged_and_the_middle_stays(body):
  assert other_side('knee_left', body) == 'knee_right'
  assert other_side('foot_right_touch', body) == 'foot_left_touch'
  assert other_side('abdomen_x', body) == 'abdomen_x'


def test_only_the_spine_changes_signs(body):
  """The model's left joints have mirrored axes, so only bending and twisting sideways change their signs."""
  signs = dict(zip(body.joint_names, joint_map(body).signs, strict=True))
  assert {name for name, sign in signs.items() if sign < 0} == {'abdomen_x', 'abdomen_z'}


def test_actions_follow_their_joints(body):
  """Motors stand in another order than joints: abdomen_y, abdomen_z, abdomen_x, ..."""
  sources, signs = action_map(body)
  names = body.actuator_names
  assert [names[i] for i in sources[:6]] == [
    'abdomen_y', 'abdomen_z', 'abdomen_x', 'hip_x_left', 'hip_z_left', 'hip_y_left',
  ]  # fmt: skip
  assert signs[:6].tolist() == [1, -1, -1, 1, 1, 1]


@pytest.mark.parametrize('name', list(OBSERVATIONS))
def test_observation_maps_hold_in_a_real_world(name, worlds, body, context):
  world, image = worlds
  observe = observe_all([name])
  sources, signs = observation_map(observe, body)
  seen = observe(world, body, context)[..., sources] * signs
  expected = observe(image, body, mirror_context(context, body))
  np.testing.assert_allclose(seen, expected, atol=2e-3 if name == 'contact_forces' else 1e-4)


def test_commands_keep_forward_and_turn_the_rest(body, context):
  context = context._replace(command=np.array([1.0, 0.5, -0.25]))
  assert mirror_context(context, body).command.tolist() == [1.0, -0.5, 0.25]


def test_heading_and_place_are_reflected_and_the_stride_is_half_a_turn_away(body, context):
  image = mirror_context(context, body)
  np.testing.assert_allclose(image.heading, [[0.6, -0.8]], rtol=1e-6)
  np.testing.assert_allclose(image.place, [[0.25, 0.4]], rtol=1e-6)
  np.testing.assert_allclose(image.phase, [0.65], rtol=1e-6)
  np.testing.assert_allclose(image.duty, [0.6], rtol=1e-6)
  late = mirror_context(context._replace(phase=np.array([0.75])), body)
  np.testing.assert_allclose(late.phase, [0.25])


@pytest.mark.parametrize('phase', [0.0, 0.15, 0.39, 0.41, 0.6, 0.95])
def test_the_left_foot_swings_in_the_mirror_when_the_right_one_does_here(body, context, phase):
  here = context._replace(phase=np.array([phase]))
  there = mirror_context(here, body)
  np.testing.assert_allclose(swing(there, 0, 2), swing(here, 1, 2), atol=1e-6)
  np.testing.assert_allclose(swing(there, 1, 2), swing(here, 0, 2), atol=1e-6)


def test_a_mirrored_context_is_led_on_to_the_mirror_image(body, context):
  """Heading and place after twenty steps of turning and side steps, but for the clock, which counts steps."""
  guide = make_guide(TaskConfig(), 0.025, body.robot)
  here, there, standing = context, mirror_context(context, body), body.default_qpos[None]
  for _ in range(20):
    here, there = (
      guide.advance(c, View(None, standing, 0 * standing, c.last_action, None), np.zeros((1, 4))) for c in (here, there)
    )
  assert np.abs(here.place - context.place).max() > 0.1
  for a, b in zip(mirror_context(here, body)._replace(phase=0), there._replace(phase=0), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_context_mirrored_twice_is_the_same(body, context):
  for before, after in zip(context, mirror_context(mirror_context(context, body), body), strict=True):
    np.testing.assert_allclose(after, before, atol=1e-6)


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
def test_maps_of_what_guides_by_hand(body, name, sources, signs):
  found = observation_map(observe_all([name]), body)
  assert (found.sources.tolist(), found.signs.tolist()) == (sources, signs)


@pytest.mark.parametrize('asked', ['moving', 'resting'])
@pytest.mark.parametrize('name', list(TERMS))
def test_what_is_worth_a_reward_here_is_worth_it_in_the_mirror(name, asked, worlds, body, context):
  """Else a symmetric policy could not earn it on both sides."""
  world, _ = worlds
  context = context._replace(asked=0 * context.asked) if asked == 'resting' else context
  image, reflected = mirror_view(world, body), mirror_context(context, body)
  here, there = (
    TERMS[name](View(*(x[0] for x in v)), body, Context(*(x[0] for x in c)))
    for v, c in ((world, context), (image, reflected))
  )
  assert float(here) == pytest.approx(float(there), rel=1e-4, abs=1e-6)


def test_what_is_seen_twice_has_an_image_of_its_own_each_time(body):
  """The two may be scaled otherwise, so that the image of the first must not be taken from the second."""
  once = observation_map(observe_all(('joint_positions',)), body)
  twice = observation_map(observe_all(('joint_positions', 'posture')), body)
  np.testing.assert_array_equal(twice.sources, [*once.sources, *(len(once.sources) + once.sources)])
  np.testing.assert_array_equal(twice.signs, [*once.signs, *once.signs])


def test_an_observation_without_an_image_is_refused(body):
  def left_only(view, body, context):
    return view.qpos[..., 7 + body.joint_index('knee_left')][..., None]

  with pytest.raises(UserError, match='symmetric'):
    observation_map(left_only, body)
