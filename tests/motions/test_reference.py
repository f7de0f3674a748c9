"""Reference gaits: their cycle by hand arithmetic, feet where they should be, corrections, and what they refuse."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.gait import from_lists, to_lists
from mjx_humanoid.motions.kinematics import place
from mjx_humanoid.playback.reference import in_range, reference_of, reference_policy
from mjx_humanoid.playback.rollout import observation_of_start, task_and_model


def task_config(name, **changes):
  return replaced(
    schema.resolve(files.load_config(name)).task, {k.replace('__', '.'): v for k, v in changes.items()}, ''
  )


@pytest.fixture(scope='module')
def biped():
  """The reference of biped_pd at a duty factor of 0.6, and an observation in which it stands still."""
  task, model = task_and_model(task_config('biped_pd', gait__step_height=0.05))
  return reference_of(task, model), observation_of_start(task, model)[0]


@pytest.fixture(scope='module')
def quadruped():
  task, model = task_and_model(task_config('anymal_c', gait__duty=0.5))
  return reference_of(task, model), observation_of_start(task, model)[0]


def at(reference, obs, phase, velocity=None, command=None, tilt=0.0):
  """The observation in this phase of the stride, moving as commanded."""
  obs, places = obs.copy(), reference.places
  obs[places.phase : places.phase + 2] = np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)
  asked = reference.gait.command if command is None else np.array(command, np.float32)
  if places.command >= 0:
    obs[places.command : places.command + 3] = asked
  obs[places.velocity : places.velocity + 2] = asked[:2] if velocity is None else velocity
  obs[places.up : places.up + 3] = -np.sin(tilt), 0, np.cos(tilt)
  return obs


def feet(reference, obs):
  """Positions of the feet [L] ahead of and below the hips, from the angles that the gait asks for."""
  (hip, knee, _, _), _ = reference.turns(obs)
  legs = reference.legs
  thigh = legs.angles[:, 0] - hip
  return place(thigh, legs.angles[:, 1] - hip - knee, legs.thigh, legs.shank)


def test_feet_swing_one_after_the_other_and_are_carried_as_far_as_the_speed_asks(biped):
  reference, obs = biped
  swing, sweep, lifted = reference.cycle(np.array([0.0, 1.0]))  # phase 0: the left foot leaves the floor
  assert swing.tolist() == [1, 0]
  assert sweep == pytest.approx([-1, 1 - 2 * 0.1 / 0.6], abs=1e-3)  # the right one has stood for 0.1 of 0.6
  middle = np.array([np.sin(0.4 * np.pi), np.cos(0.4 * np.pi)])  # phase 0.2: in the middle of its swing of 0.4
  swing, sweep, lifted = reference.cycle(middle)
  assert (swing[0], lifted[0], sweep[0]) == pytest.approx((1, 1, 0), abs=1e-3)
  # 0.7 m/s for the 0.4 s of a stance at 1.5 Hz: 0.28 m from front to back.
  front, back = (feet(reference, at(reference, obs, phase))[0][0] for phase in (0.4001, 0.9999))
  assert front - back == pytest.approx(0.28, abs=2e-3)


def test_a_foot_in_stance_keeps_its_height_and_one_in_swing_is_lifted_as_asked(biped):
  reference, obs = biped
  stance = [feet(reference, at(reference, obs, phase))[1][0] for phase in (0.45, 0.7, 0.95)]
  assert stance == pytest.approx([reference.legs.foot[0, 1]] * 3, abs=1e-5)
  assert feet(reference, at(reference, obs, 0.2))[1][0] - stance[0] == pytest.approx(0.05, abs=1e-4)


def test_it_stands_still_while_the_clock_does(biped, quadruped):
  for reference, obs in (biped, quadruped):
    still = at(reference, obs, 0.3, velocity=(0, 0), command=(0, 0, 0))
    still[reference.places.phase : reference.places.phase + 2] = 0
    gait = reference.gait._replace(command=np.zeros(3, np.float32))
    assert np.abs(reference._replace(gait=gait).action(still)).max() < 1e-5


def test_soles_stay_level_as_the_leg_moves(biped):
  """Hip, knee and ankle all turn about y: the turns of an upright robot's leg add up to none."""
  reference, obs = biped
  for phase in np.linspace(0, 0.95, 20):
    hip, knee, ankle, _ = reference.turns(at(reference, obs, phase))[0]
    assert hip + knee + ankle == pytest.approx([0, 0], abs=1e-6)


def test_a_robot_that_leans_ahead_pushes_its_stance_leg_and_its_soles_back(biped):
  reference, obs = biped
  upright, leaning = (reference.turns(at(reference, obs, 0.2, tilt=tilt))[0] for tilt in (0.0, 0.1))
  hip, ankle = leaning[0] - upright[0], leaning[2] - upright[2]
  assert hip == pytest.approx([0, 0.57 * np.sin(0.1)], abs=1e-4)  # the left leg swings
  assert ankle == pytest.approx([0.57 * np.sin(0.1)] * 2, abs=1e-4)


def test_a_quadruped_trots_and_turns_with_longer_steps_on_the_outer_side(quadruped):
  reference, obs = quadruped
  swing, _, _ = reference.cycle(np.array([np.sin(0.2 * np.pi), np.cos(0.2 * np.pi)]))
  assert swing.tolist() == [1, 0, 0, 1]  # LF and RH
  ahead = [at(reference, obs, phase, command=(0.4, 0, 0.6)) for phase in (0.001, 0.999)]
  left, right = (abs(feet(reference, ahead[0])[0][i] - feet(reference, ahead[1])[0][i]) for i in (0, 1))
  assert right == pytest.approx(left, abs=0.5)  # one swings while the other stands
  start, end = (feet(reference, at(reference, obs, p, command=(0.0, 0, 0.6)))[0] for p in (0.5001, 0.9999))
  # Standing through half a stride at 1.8 Hz: 0.278 s at 0.6 rad/s, 0.3012 m beside the middle: 0.0502 m.
  assert (start - end)[[0, 3]] == pytest.approx([-0.0502, 0.0502], abs=1e-3)


def test_it_is_the_same_in_jax(biped, quadruped):
  for reference, obs in (biped, quadruped):
    rows = np.stack(
      [at(reference, obs, phase, velocity=(0.3, 0.1), tilt=0.05) for phase in np.linspace(0.01, 0.97, 13)]
    )
    assert np.allclose(reference.action(rows), np.asarray(reference.action(jnp.asarray(rows))), atol=2e-3)


def test_joints_turn_as_far_as_the_gait_asks(quadruped):
  reference, obs = quadruped
  obs = at(reference, obs, 0.2)
  (hip, knee, _, turned), _ = reference.turns(obs)
  action = reference.action(obs).reshape(4, 3)  # HAA, HFE, KFE of each leg; 1 rad per action
  assert np.allclose(action, np.stack([turned, hip, knee], axis=1), atol=1e-6)


def test_its_numbers_survive_json(biped):
  reference, obs = biped
  again = from_lists(to_lists(reference))
  obs = at(reference, obs, 0.3)
  assert (again.action(obs) == reference.action(obs)).all()


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'gait__frequency': 0.0}, 'the reference gait needs a gait clock: set config.task.gait.frequency above 0'),
    (
      {'observations': ('joint_positions', 'gait_phase')},
      'this task does not have: joint_velocities',
    ),
    ({'observations': ('joint_positions', 'joint_velocities')}, 'does not have: gait_phase'),
  ],
)
def test_a_task_without_what_it_needs_is_refused(changes, message):
  with pytest.raises(UserError, match=message):
    reference_policy(task_config('biped_pd', **changes))


def test_steps_out_of_reach_are_reported():
  """Steps of 0.9 m at a leg of 0.66 m: the ends of the stance are out of reach, even of a body that is lowered."""
  assert reference_policy(task_config('biped_pd')).info['out_of_reach'] == 0
  long = reference_policy(task_config('biped_pd', gait__step_length=0.9))
  assert 0.05 < long.info['out_of_reach'] < 0.6
  assert np.isfinite(long(np.zeros((1, long.observation_size), np.float32))).all()


def test_the_body_of_a_robot_with_straight_legs_is_lowered_until_its_steps_are_in_reach():
  """walk: 1.2 m/s at 0.9 Hz with a duty of 0.6 takes the feet 0.4 m behind and ahead of where they stand."""
  policy = reference_policy(task_config('walk'))
  legs, lowered = policy.base.legs, float(policy.base.gait.lowered)
  furthest = np.hypot(abs(legs.foot[:, 0]) + 1.2 * 0.6 / 0.9 / 2, legs.foot[:, 1] + lowered).max()
  assert furthest == pytest.approx(0.999 * (legs.thigh + legs.shank)[0], abs=1e-4)  # nearly straight, not folded
  assert reference_policy(task_config('biped_pd')).base.gait.lowered == 0  # it stands with bent knees


def test_a_foot_too_near_to_its_abduction_axis_is_out_of_reach(quadruped):
  """Lifted to 0.03 m below the axis and 0.05 m inwards, a foot is nearer than the plane of its leg, at 0.197 m."""
  reference, obs = quadruped
  obs = at(reference, obs, 0.25, velocity=(0, -0.05), command=(0, 0, 0))  # LF and RH are in the middle of their swing
  gait = reference.gait._replace(lift=np.float32(-reference.legs.foot[0, 1] - 0.03), step_gain=np.float32(1.0))
  assert abs(reference.legs.lateral) == pytest.approx([0.1972] * 4, abs=1e-4)
  assert reference.turns(obs)[1].all()
  assert reference._replace(gait=gait).turns(obs)[1].tolist() == [False, True, True, True]


def test_angles_outside_the_ranges_of_joints_are_out_of_reach():
  """Each leg by itself: the left knee of biped_pd may bend by 2.3 rad and not the other way."""
  task, model = task_and_model(task_config('biped_pd'))
  legs, body = reference_of(task, model).legs, task.body
  low, high = body.joint_range[legs.joints[0, 1]]
  still = np.zeros((2, 2))
  assert in_range(legs, [still] * 4, body).all()
  for bound, out in ((low, -0.01), (high, 0.01)):
    turn = legs.signs[0, 1] * (bound - body.default_angles[legs.joints[0, 1]] + np.array([-out, out]))
    knees = np.stack([turn, np.zeros(2)], axis=1)
    assert in_range(legs, [still, knees, still, still], body).tolist() == [[True, True], [False, True]]


def test_the_settings_of_the_gait_arrive():
  config = task_config('biped_pd', gait__step_length=0.2, gait__step_height=0.03, gait__body_height=0.6)
  gait = reference_policy(config).base.gait
  assert gait.command[0] == pytest.approx(2 * 0.2 * 1.5)  # two steps a stride
  assert (gait.lift, gait.lowered) == pytest.approx((0.03, 0.658 - 0.6))
  assert gait.stance == pytest.approx(0.6 / 1.5)
  assert dataclasses.asdict(config)['gait']['duty'] == pytest.approx(gait.duty)
