"""A reference policy: a gait from the gait clock and the command, by inverse kinematics and PD control, not learned.

Each foot stands on the floor for the share `duty` of the stride, and is lifted and carried ahead in the rest. The
targets of the joints follow from those of the feet in closed form. Two corrections keep the balance: feet are set down
further in the direction in which the robot is too fast (Raibert, 1986), and hips and ankles work against its tilt.
The policy is a function of the observation, so that it is played, exported and learned upon like any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mjx_humanoid.core.types import Array
from mjx_humanoid.motions.kinematics import Legs, abduct, reach

TAU = 2 * math.pi
STEPPING = 0.25  # squared length of the observed phase, which is zero while the robot stands and 1 while it steps


class Places(NamedTuple):
  """First elements of what the policy needs in an observation."""

  up: int  # 3 elements
  angles: int  # of all joints
  velocity: int  # 3, of the root in its frame
  rate: int  # 3, the same for the angular velocity
  joint_rates: int
  phase: int  # 2, sine and cosine
  command: int  # 3; -1: the observation has none
  heading: int  # 2, the same


class Gait(NamedTuple):
  """The gait and its corrections. Arrays are float32."""

  offsets: np.ndarray  # [L] phase offset of each foot in the stride
  duty: np.ndarray  # [] share of the stride in stance
  stance: np.ndarray  # [] s of stance in a stride
  lift: np.ndarray  # [] m by which feet are lifted
  lowered: np.ndarray  # [] m by which the body is lower than in the standing pose
  command: np.ndarray  # [3] m/s, m/s, rad/s where the observation has none
  step_gain: np.ndarray  # [] m of step per m/s by which the robot is too fast
  blend: np.ndarray  # [] share of the measured rather than the commanded velocity in the steps
  turn_gain: np.ndarray  # [] 1/s, yaw velocity per rad of error in the heading
  lean_gains: np.ndarray  # [2] rad of hip and of ankle per rad of tilt
  lean_time: np.ndarray  # [] s by which the tilt is extrapolated


class Tracking(NamedTuple):
  """How targets of joint angles become actions. Arrays are float32; A actions."""

  spread: np.ndarray  # [4, L, A] action per rad by which hip, knee, ankle, abduction of a leg leave the standing pose
  joints: np.ndarray  # [A] int, the joint of each action
  standing: np.ndarray  # [A] rad
  stiffness: np.ndarray  # [A] action per rad of error, of torque motors; 0 under PD control
  damping: np.ndarray  # [A] the same per rad/s


class Reference(NamedTuple):
  """A reference policy: its numbers. L legs."""

  places: Places
  legs: Legs
  gait: Gait
  tracking: Tracking

  def action(self, obs: Array) -> Array:
    """The action [..., A] for an observation [..., O], not clipped."""
    turns, _ = self.turns(obs)
    tracking = self.tracking
    angles = obs[..., self.places.angles + tracking.joints]
    rates = obs[..., self.places.joint_rates + tracking.joints]
    action = tracking.stiffness * (tracking.standing - angles) - tracking.damping * rates
    for turn, spread in zip(turns, tracking.spread, strict=True):
      action = action + turn @ spread
    return action

  def turns(self, obs: Array) -> tuple[list[Array], Array]:
    """What the gait asks of the legs.

    Returns:
      The angles [..., L] in rad by which hips, knees, ankles and abduction joints leave the standing pose, and whether
      the targets of the feet were within reach, bool [..., L].
    """
    legs, gait = self.legs, self.gait
    swing, sweep, lifted = self.cycle(self._part(obs, self.places.phase, 2))
    x, y = self._steps(obs, sweep)
    z = legs.foot[:, 1] + gait.lowered + gait.lift * lifted
    turned, depth, beside = 0 * z, z, True
    if self.legs.joints[:, 3].min() >= 0:
      turned, depth, beside = abduct(legs.lateral + y, z, legs.lateral)
    thigh, shank, within = reach(legs.foot[:, 0] + x, depth, legs.thigh, legs.shank, legs.bend)
    lean = self._lean(obs)
    hip, knee = thigh - legs.angles[:, 0], shank - legs.angles[:, 1]
    pushed = (1 - swing) * gait.lean_gains[0] * lean  # only a leg in stance can turn the body
    sole = -gait.lean_gains[1] * lean
    return [-(hip - pushed), hip - knee, knee - sole, turned], within & beside

  def cycle(self, clock: Array) -> tuple[Array, Array, Array]:
    """Where each foot is in its stride, from sine and cosine [..., 2] of the phase; all zero while the robot stands.

    Returns:
      1 in swing and 0 in stance [..., L]; the share of the step, from -1 behind to 1 ahead; the share of the lift.
    """
    xp = clock.__array_namespace__()
    gait, s, c = self.gait, clock[..., :1], clock[..., 1:]
    ahead = np.sin(TAU * gait.offsets), np.cos(TAU * gait.offsets)
    angle = xp.acos((c * ahead[1] - s * ahead[0]).clip(-1.0, 1.0)) / TAU
    phase = xp.where(s * ahead[1] + c * ahead[0] < 0, 1 - angle, angle)
    air = 1 - gait.duty
    through, stance = phase / air, (phase - air) / gait.duty
    stepping = 1.0 * (s * s + c * c > STEPPING)
    swinging = stepping * (phase < air)
    carried = 2 * through - xp.sin(TAU * through) / math.pi - 1
    sweep = stepping * xp.where(phase < air, carried, 1 - 2 * stance)
    return swinging, sweep, swinging * xp.sin(math.pi * through) ** 2

  def _steps(self, obs: Array, sweep: Array) -> tuple[Array, Array]:
    """Offsets (x, y) [..., L] in m of the feet from where they stand."""
    gait, legs = self.gait, self.legs
    ahead, aside, turning = self._command(obs)
    velocity = self._part(obs, self.places.velocity, 2)
    x, y = legs.origin[:, 0] + legs.ahead + legs.foot[:, 0], legs.origin[:, 1] + legs.lateral
    over, beside = velocity[..., 0:1] - ahead, velocity[..., 1:2] - aside
    along = gait.stance / 2 * (ahead + gait.blend * over - turning * y) * sweep + gait.step_gain * over
    across = gait.stance / 2 * (aside + gait.blend * beside + turning * x) * sweep + gait.step_gain * beside
    return along, across

  def _command(self, obs: Array) -> list[Array]:
    """Forward, sideways and yaw velocity [..., 1] each, in the frame of the root, corrected for its heading."""
    given = self.gait.command if self.places.command < 0 else self._part(obs, self.places.command, 3)
    ahead, aside, turning = (given[..., i : i + 1] for i in range(3))
    if self.places.heading < 0:
      return [ahead, aside, turning]
    to = self._part(obs, self.places.heading, 2)
    c, s = to[..., 0:1], to[..., 1:2]
    return [c * ahead - s * aside, s * ahead + c * aside, turning + self.gait.turn_gain * s]

  def _lean(self, obs: Array) -> Array:
    """The forward tilt of the root [..., 1] in rad, extrapolated."""
    return self.gait.lean_time * self._part(obs, self.places.rate, 3)[..., 1:2] - self._part(obs, self.places.up, 1)

  def _part(self, obs: Array, first: int, size: int) -> Array:
    return obs[..., int(first) : int(first) + size]


def to_lists(reference: Reference) -> dict[str, Any]:
  """The numbers of a reference policy as JSON types."""
  return {name: {k: np.asarray(v).tolist() for k, v in part._asdict().items()} for name, part in _parts(reference)}


def from_lists(values: Mapping[str, Any]) -> Reference:
  """The reference policy of `to_lists`. Raises KeyError, TypeError or ValueError if the numbers are damaged."""
  places, legs, gait, tracking = (values[name] for name in Reference._fields)
  return Reference(
    Places(**{k: int(v) for k, v in places.items()}),
    Legs(**_arrays(legs)),
    Gait(**_arrays(gait)),
    Tracking(**_arrays(tracking)),
  )


def _parts(reference: Reference) -> list[tuple[str, Any]]:
  return list(reference._asdict().items())


def _arrays(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
  """Arrays from lists; those of indices are integers."""
  return {k: np.array(v, np.int64 if k == 'joints' else np.float32) for k, v in values.items()}
