"""Protects the rewards of tracking a clip: 1 on it, and at hand-made errors what the Gaussians say."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.types import View
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.context import reference_motion as motion
from mjx_humanoid.tasks.terminations import TERMINATIONS
from mjx_humanoid.tasks.tracking import TERMS

SIZE = 1.282  # m, standing height of the humanoid: the scales in m below are for it


@pytest.fixture
def exact(body):
  """A robot and a context whose reference motion is exactly what the robot does."""
  rng = np.random.default_rng(0)
  turn = np.array([0.8, 0.0, 0.0, 0.6])
  qpos = np.concatenate([[1, 2, 1.2], turn, rng.normal(size=21) * 0.3])
  qvel, sensors = rng.normal(size=27), np.zeros(max(place.stop for place in body.sensors.values()))
  for i, foot in enumerate(body.robot.feet):
    sensors[body.sensors[f'{foot}_pos']] = (1, 2 + i, 0)
  sensors[body.sensors['torso_pos']] = (1, 2, 1.2)
  sensors[body.sensors['com_vel']] = (0.5, 0.1, 0)
  view = View(jnp.zeros(()), *map(jnp.asarray, (qpos, qvel, np.zeros(21), sensors)))
  extra = {
    motion.ANGLES: qpos[7:],
    motion.RATES: qvel[6:],
    motion.PLACE: qpos[:3],
    motion.ORIENTATION: turn,
    motion.FEET: np.array([0, 0, -1.2, 0, 1, -1.2]),
    motion.VELOCITY: np.array([0.5, 0.1, 0]),
  }
  return view, {name: jnp.asarray(value) for name, value in extra.items()}


def context_of(extra):
  zero = jnp.zeros(3)
  return Context(zero[0], zero, zero, zero[:2], zero[:2], zero[0], zero[0], zero, extra)


def value(term, exact, body, **changed):
  view, extra = exact
  extra = {**extra, **{getattr(motion, name): extra[getattr(motion, name)] + by for name, by in changed.items()}}
  return float(TERMS[term](view, body, context_of(extra)))


@pytest.mark.parametrize('term', ['clip_pose', 'clip_rates', 'clip_feet', 'clip_root', 'clip_place', 'clip_velocity'])
def test_on_the_clip_each_term_is_one(exact, body, term):
  assert value(term, exact, body) == pytest.approx(1, abs=1e-4)


def test_joints_off_by_their_scale_give_37_percent(exact, body):
  """All by 0.3 rad; or one of 21 by 0.3 sqrt(21)."""
  assert value('clip_pose', exact, body, ANGLES=0.3) == pytest.approx(np.exp(-1), rel=1e-3)
  one = np.eye(21)[4] * 0.3 * np.sqrt(21)
  assert value('clip_pose', exact, body, ANGLES=one) == pytest.approx(np.exp(-1), rel=1e-3)
  assert value('clip_rates', exact, body, RATES=2.5) == pytest.approx(np.exp(-0.25), rel=1e-3)


def test_feet_are_compared_as_seen_from_the_root(exact, body):
  """One foot of two is 0.15 sqrt(2) m off: a root mean square of 0.15 m."""
  off = np.array([0.15 * np.sqrt(2), 0, 0, 0, 0, 0])
  assert value('clip_feet', exact, body, FEET=off) == pytest.approx(np.exp(-1), rel=1e-3)


def test_height_and_place_are_different_terms(exact, body):
  up, aside = np.array([0, 0, 0.15]), np.array([0, 0.4, 0])
  assert value('clip_root', exact, body, PLACE=up) == pytest.approx(np.exp(-1), rel=1e-3)
  assert value('clip_place', exact, body, PLACE=up) == pytest.approx(1)
  assert value('clip_place', exact, body, PLACE=aside) == pytest.approx(np.exp(-1), rel=1e-3)
  assert value('clip_root', exact, body, PLACE=aside) == pytest.approx(1)


def test_a_turned_root_loses_by_twice_the_sine_of_half_the_angle(exact, body):
  """Turned by 0.4 rad about x: (2 sin 0.2 / 0.6)^2."""
  view, extra = exact
  half, turn = 0.2, np.array([0.8, 0.0, 0.0, 0.6])
  w, z, c, s = turn[0], turn[3], np.cos(half), np.sin(half)
  turned = np.array([w * c, w * s, z * s, z * c])  # the product of `turn` and (c, s, 0, 0)
  found = TERMS['clip_root'](view, body, context_of({**extra, motion.ORIENTATION: jnp.asarray(turned)}))
  assert float(found) == pytest.approx(np.exp(-((2 * s / 0.6) ** 2)), rel=1e-4)


def test_velocity_is_that_of_the_centre_of_mass(exact, body):
  assert value('clip_velocity', exact, body, VELOCITY=np.array([0, 0, 0.6])) == pytest.approx(np.exp(-1), rel=1e-4)


# The end of episodes


def ends(exact, body, place=0.0, orientation=None):
  view, extra = (exact[0], {name: np.asarray(value) for name, value in exact[1].items()})
  view = View(*map(np.asarray, view))
  extra[motion.PLACE] = extra[motion.PLACE] + [0, 0, place]
  if orientation is not None:
    extra[motion.ORIENTATION] = orientation
  return bool(TERMINATIONS['off_clip'](view, body, context_of(extra)))


def test_an_episode_ends_where_the_root_leaves_the_height_or_the_tilt_of_the_clip(exact, body):
  """By 20 % of 1.282 m, 0.256 m; by 60 degrees, whose half has the cosine 0.866."""
  turn = np.array([0.8, 0.0, 0.0, 0.6])
  assert not ends(exact, body)
  assert not ends(exact, body, place=0.25)
  assert ends(exact, body, place=0.26)
  assert ends(exact, body, place=-0.26)
  for degrees, over in ((59, False), (61, True)):
    c, s = np.cos(np.radians(degrees) / 2), np.sin(np.radians(degrees) / 2)
    w, z = turn[0], turn[3]
    assert ends(exact, body, orientation=np.array([w * c, w * s, z * s, z * c])) == over
  assert not ends(exact, body, orientation=-turn)  # the same orientation
