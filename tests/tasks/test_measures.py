"""What reward terms are made of, against hand arithmetic."""

import math

import numpy as np
import pytest

from mjx_humanoid.tasks.measures import heading_velocity, lead_over_feet, nearness, touching


@pytest.mark.parametrize(
  ('heading', 'moving', 'expected'),
  [
    ([1, 0], [0.5, 0.2, 9], [0.5, 0.2]),
    ([0, 1], [0.5, 0.2, 9], [0.2, -0.5]),  # where +y is ahead, +x is to the right
    ([-1, 0], [0.5, 0.2, 9], [-0.5, -0.2]),
    ([0.6, 0.8], [0.6, 0.8, 9], [1, 0]),
  ],
)
def test_heading_velocity(body, make_view, make_context, heading, moving, expected):
  found = heading_velocity(make_view(com_vel=moving), body, make_context(heading=heading))
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_heading_velocity_refers_to_the_wanted_heading_wherever_the_torso_looks(body, make_view, make_context):
  view = make_view(qpos=[0, 0, 1.28, 0, 0, 0, 1, *[0] * 21], torso_forward=[-1, 0, 0], com_vel=[1, 0, 0])
  np.testing.assert_allclose(heading_velocity(view, body, make_context()), [1, 0], atol=1e-6)


def test_the_extrapolated_centre_of_mass_leads_by_its_velocity(body, make_view):
  # 0.9 m above the feet: sqrt(0.9 / 9.81) = 0.302891 s. Feet's middle at (0.1, 0), 0.03 m high.
  view = make_view(
    com_pos=[0.2, -0.1, 0.93], com_vel=[1.0, -0.5, 3.0], foot_left_pos=[0, 0.1, 0.03], foot_right_pos=[0.2, -0.1, 0.03]
  )
  np.testing.assert_allclose(lead_over_feet(view, body), [0.1 + 0.302891, -0.1 - 0.151446], atol=1e-5)


def test_a_body_on_the_floor_still_has_a_lead(body, make_view):
  """Its height counts as 0.1 m at least: sqrt(0.1 / 9.81) = 0.100964 s."""
  view = make_view(com_pos=[0, 0, 0], com_vel=[1, 0, 0])
  np.testing.assert_allclose(lead_over_feet(view, body), [0.100964, 0], atol=1e-5)


@pytest.mark.parametrize(
  ('away', 'expected'), [(0.0, 1.0), (0.25, 0.5 * math.exp(-1) + 0.34375), (0.8, 0.5 * math.exp(-10.24))]
)
def test_nearness_is_half_near_and_half_the_way_there(body, make_view, away, expected):
  assert float(nearness(make_view(com_pos=[away, 0, 0.9]), body)) == pytest.approx(expected, abs=1e-5)


def test_touch_is_in_body_weights(body, make_view):
  view = make_view(shin_left_touch=body.total_mass * 9.81 / 2)
  assert float(touching(view, body, 'shin_left')) == pytest.approx(0.5)
  assert float(touching(view, body, 'shin_right')) == 0
