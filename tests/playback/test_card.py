"""Protects report cards: figures of hand-made trajectories by hand arithmetic, and where passing begins."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mjx_humanoid.errors import UserError
from mjx_humanoid.playback import card
from mjx_humanoid.playback.card import CARDS, PASS_RATE, Card, judge, judge_policy, measure
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.types import View

DT = 0.025  # s, a control step of the humanoid


def still(obs):
  return np.zeros((len(obs), 21))


@pytest.fixture
def paths(scene):
  """Two episodes of four steps: all zero but for an upright torso at standing height."""
  body, shape = scene.body, (2, 4)
  sensors = np.zeros((*shape, max(part.stop for part in body.sensors.values())), np.float32)
  sensors[..., body.sensors['torso_up']] = (0, 0, 1)
  sensors[..., body.sensors['torso_pos']] = (0, 0, body.robot.standing_height)
  arrays = (np.zeros(shape), np.zeros((*shape, 28)), np.zeros((*shape, 27)), np.zeros((*shape, 21)), sensors)
  views = View(*(array.astype(np.float32) for array in arrays))
  start = View(*(array[:, 0].copy() for array in views))
  return Trajectories(views, start, np.zeros(shape, bool))


def ended(paths, world, step):
  paths.terminated[world, step:] = True
  return paths


def test_standing_still_for_the_whole_episode(paths, scene):
  figures = {name: values.tolist() for name, values in measure(paths, scene.body).items()}
  assert figures['survived'] == [1, 1]
  assert figures['survival_seconds'] == pytest.approx([4 * DT] * 2)
  assert figures['mean_height'] == pytest.approx([scene.body.robot.standing_height] * 2)
  for name in ('height_error', 'tilt', 'drift', 'speed', 'mean_torque', 'mean_power'):
    assert figures[name] == pytest.approx([0, 0], abs=1e-5), name


def test_survival_ends_at_the_first_terminal_step_for_good(paths, scene):
  paths.terminated[1] = [False, False, True, False]  # a body that bounces back up has fallen all the same
  figures = measure(paths, scene.body)
  assert figures['survived'].tolist() == [1, 0]
  assert figures['survival_seconds'] == pytest.approx([4 * DT, 2 * DT])


def test_heights_are_means_over_the_steps_alive(paths, scene):
  top = scene.body.robot.standing_height
  height = paths.views.sensordata[..., scene.body.sensors['torso_pos']][..., 2]
  height[0] = [top + 0.1, top - 0.1, top + 0.2, top]
  height[1] = [top, top - 0.4, 0.1, 0.1]
  figures = measure(ended(paths, 1, 2), scene.body)
  assert figures['mean_height'] == pytest.approx([top + 0.05, top - 0.2], rel=1e-5)
  assert figures['height_error'] == pytest.approx([0.1, 0.2], rel=1e-4)


def test_tilt_is_the_angle_of_the_torso_axis_in_degrees(paths, scene):
  up = paths.views.sensordata[..., scene.body.sensors['torso_up']]
  up[0] = [[0, 0, 1], [0.5, 0, np.sqrt(0.75)], [0, 1, 0], [0, 0, 1]]  # 0, 30, 90 and 0 degrees
  up[1] = [0, 0, 1.0001]  # rounding of a unit vector
  assert measure(paths, scene.body)['tilt'] == pytest.approx([30, 0], abs=1e-3)


def test_drift_is_the_farthest_from_the_start_over_the_ground(paths, scene):
  paths.start.qpos[:, :2] = [[1, 1], [0, 0]]
  paths.views.qpos[0, :, :3] = [
    [1, 1, 9],
    [4, 5, 0],
    [1, 1, 0],
    [1, 2, 0],
  ]  # 5 m away at most; height counts for nothing
  paths.views.qpos[1, :, 0] = [0.1, 0.2, 50, 50]
  assert measure(ended(paths, 1, 2), scene.body)['drift'] == pytest.approx([5.0, 0.2])


def test_speed_is_horizontal_and_of_the_centre_of_mass(paths, scene):
  paths.views.sensordata[..., scene.body.sensors['com_vel']][0] = [[3, 4, 9], [0, 0, 9], [0, 1, 0], [2, 0, 0]]
  assert measure(paths, scene.body)['speed'] == pytest.approx([2.0, 0.0])


def test_torque_and_power_by_hand(paths, scene):
  """Half control on one motor: half its limit; power is torque times the speed of the joint it drives."""
  body, motor = scene.body, 4
  limit, dof = float(body.torque_limit[motor]), int(body.actuator_dofs[motor])
  paths.views.ctrl[0, :, motor] = [0.5, -0.5, 0, 0]
  paths.views.qvel[0, :, dof] = [2, 2, 2, 2]
  figures = measure(paths, body)
  assert figures['mean_torque'][0] == pytest.approx((0.5 * limit + 0.5 * limit) / 4 / 21, rel=1e-5)
  assert figures['mean_power'][0] == pytest.approx((limit + limit) / 4, rel=1e-5)


def test_what_comes_after_the_end_counts_for_nothing_even_where_it_is_not_finite(paths, scene):
  paths.views.qpos[1, 2:] = np.nan
  paths.views.sensordata[1, 2:] = np.nan
  paths.views.ctrl[1, 2:] = np.inf
  figures = measure(ended(paths, 1, 2), scene.body)
  assert all(np.isfinite(values).all() for values in figures.values())
  assert figures['mean_height'][1] == pytest.approx(scene.body.robot.standing_height)


def test_an_episode_that_ends_at_once_divides_by_no_zero(paths, scene):
  figures = measure(ended(paths, 1, 0), scene.body)
  assert figures['survival_seconds'][1] == 0
  assert all(np.isfinite(values).all() for values in figures.values())


@pytest.mark.parametrize(
  ('survived', 'above', 'drift', 'passes'),
  [
    (1, 0.0, 0.0, True),
    (0, 0.0, 0.0, False),
    (1, 0.049, 0.0, True),
    (1, -0.049, 0.0, True),
    (1, 0.051, 0.0, False),
    (1, -0.051, 0.0, False),
    (1, 0.0, 0.49, True),
    (1, 0.0, 0.5, False),
  ],
)
def test_what_counts_as_standing(scene, survived, above, drift, passes):
  figures = {'survived': survived, 'mean_height': scene.body.robot.standing_height + above, 'drift': drift}
  arrays = {name: np.array([float(value)]) for name, value in figures.items()}
  assert CARDS['stand'].judge(arrays, scene.body).tolist() == [passes]


def test_standing_lasts_twenty_seconds_and_ninety_five_per_cent_must_do_it():
  assert CARDS['stand'].seconds == 20.0
  assert PASS_RATE == 0.95


@pytest.mark.parametrize(('good', 'passed'), [(20, True), (19, True), (18, False), (0, False)])
def test_the_pass_rate_is_reached_by_exactly_19_of_20(scene, monkeypatch, good, passed):
  short = Card('two steps', 2 * DT, lambda figures, body: np.arange(20) < good)
  monkeypatch.setattr(card, 'CARDS', {'stand': short})
  summary, _ = judge(scene, still, 20, 0)
  assert (summary['passed'], summary['success_rate']) == (passed, pytest.approx(good / 20))


def test_a_card_is_json_with_means_and_extremes(scene, monkeypatch):
  monkeypatch.setattr(card, 'CARDS', {'stand': Card('four steps', 4 * DT, lambda figures, body: np.ones(3, bool))})
  summary, paths = judge(scene, still, 3, 5)
  assert json.loads(json.dumps(summary)) == summary
  assert (summary['episodes'], summary['seed'], summary['criteria']) == (3, 5, 'four steps')
  assert summary['survival_seconds'] == pytest.approx(4 * DT)
  heights = paths.views.sensordata[..., scene.body.sensors['torso_pos']][..., 2].mean(axis=1)
  assert summary['mean_height'] == pytest.approx(heights.mean(), rel=1e-5)
  assert summary['worst']['mean_height'] == pytest.approx([heights.min(), heights.max()], rel=1e-5)


def test_all_having_fallen_early_is_no_survival(scene, monkeypatch):
  """Limp, every humanoid falls within two seconds; the rest of the 20 s is not played, and not survived."""
  summary, paths = judge(scene, still, 2, 0)
  assert paths.terminated.shape[1] < 20 / DT
  assert (summary['survival_rate'], summary['success_rate'], summary['passed']) == (0.0, 0.0, False)
  assert 0 < summary['survival_seconds'] < 4


def test_the_seed_decides_the_starts(scene, monkeypatch):
  monkeypatch.setattr(card, 'CARDS', {'stand': Card('', DT, lambda figures, body: np.ones(2, bool))})
  first, again, other = (judge(scene, still, 2, seed)[1].start.qpos for seed in (1, 1, 2))
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)


def test_a_policy_is_judged_by_its_mean_actions(scene, make_policy, monkeypatch):
  monkeypatch.setattr(card, 'CARDS', {'stand': Card('', DT, lambda figures, body: np.ones(2, bool))})
  policy = make_policy()
  assert judge_policy(policy, scene, 2, 1) == judge_policy(policy, scene, 2, 1)


def test_an_unknown_card_lists_the_choices():
  with pytest.raises(UserError, match=r"unknown report card 'nope'.*stand"):
    CARDS['nope']
