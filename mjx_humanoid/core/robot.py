"""The datasheet of a robot: the facts that its MJCF file lacks. Lengths in m, times in s."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from mjx_humanoid.core.errors import UserError

T = TypeVar('T')
OFF_BALANCE = 0.85  # of standing height
CONTROL_STEP = 0.02  # s, of robots whose datasheet does not set it
JointAngles = tuple[tuple[str, float], ...]  # (substring of joint names, rad)


@dataclass(frozen=True)
class PD:
  """PD control of a joint, inside the physics: the motor is pulled to a target angle.

  torque = kp * (target - angle) - kd * velocity, within +-torque_limit; target = standing + action_scale * action.
  Slides have N and m in place of N m and rad.
  """

  kp: float  # N m/rad
  kd: float  # N m s/rad
  action_scale: float = 1.0  # rad from the standing pose at action = 1
  torque_limit: float = 0.0  # N m; 0: that of the actuator in the MJCF file, inf: none


def in_group(groups: Mapping[str, T], joint: str) -> T | None:
  """The value of the longest joint group (a substring of joint names) in a joint's name; None if there is none."""
  names = [name for name in groups if name in joint]
  return groups[max(names, key=len)] if names else None


class Pose(NamedTuple):
  """A pose on the floor."""

  joints: JointAngles  # other joints keep the angles of the MJCF file's pose
  pitch: float = 0.0  # rad, forward lean of the root body


@dataclass(frozen=True)
class Skeleton:
  """Where the landmarks of a human body are on the robot, and which hinges stand for which human joint.

  Landmarks have the names of MediaPipe's pose model, see motions/landmarks.py. Human joints are `spine`, `left_hip`,
  `left_knee`, `left_ankle`, `left_shoulder`, `left_elbow` and the same on the right.
  """

  landmarks: tuple[tuple[str, str, tuple[float, float, float]], ...]  # (landmark, body, place in its frame in m)
  joints: tuple[tuple[str, tuple[str, ...]], ...]  # (human joint, names of its hinges from the torso outward)


@dataclass(frozen=True)
class Anatomy:
  """Facts about humanoids. Tasks that need them reject robots whose datasheet has none."""

  head: str  # body
  shins: tuple[str, ...]  # bodies that carry a kneeling robot
  kneeling_height: float  # of the root body, on upright thighs
  relaxed: JointAngles = ()  # joints whose angles in the relaxed stance differ from the MJCF file's pose
  descent: tuple[Pose, ...] = ()  # poses from standing down to a deep squat
  skeleton: Skeleton | None = None  # for poses from photos; None: not possible with this robot


class LegJoints(NamedTuple):
  """Names of the joints that move one leg in its plane, for reference gaits."""

  hip: str
  knee: str
  ankle: str = ''  # '': the leg ends in a point
  abduction: str = ''  # the joint that turns the plane of the leg outwards; '': it cannot


@dataclass(frozen=True)
class Robot:
  """A datasheet. Required: name, description, MJCF file, root body, feet and two heights."""

  name: str
  description: str
  file: str  # the MJCF file: a path, or a path inside `package`
  root: str  # root body of the kinematic tree; standing height is measured at its frame
  feet: tuple[str, ...]  # bodies that touch the floor while standing
  standing_height: float  # of the root body's frame above the floor
  fallen_height: float  # height of the root below which the robot counts as fallen; 0: it cannot fall
  package: str = ''  # the installed package that contains the file
  floor: str = 'floor'  # name of the floor geom
  new_floor: float | None = None  # height of a floor that is added because the file has none
  pose: JointAngles | None = None  # the standing pose, placed on the floor; None: the MJCF file's pose, unchanged
  legs: tuple[str, ...] = ()  # substrings of leg joint names; the other joints belong to arms and trunk
  leg_joints: tuple[LegJoints, ...] = ()  # of each foot's leg; (): no reference gait
  stride_offsets: tuple[float, ...] = ()  # phase offset of each foot in the stride, in [0, 1); (): evenly spaced
  symmetry: tuple[tuple[str, str], ...] = ()  # (left, right) substrings of names; (): no symmetry is used
  pd: tuple[tuple[str, PD], ...] = ()  # (substring of joint names, PD control) for each joint group
  torque_motors: bool = False  # replace servos of the MJCF file by torque motors
  anatomy: Anatomy | None = None
  highest: float = math.inf  # height of the root above which the termination `unhealthy` ends an episode
  most_tilt: float = math.pi  # rad between the axis of the root and the vertical, beyond which it does too
  external_forces: bool = False  # sensors of the whole external force and torque on each body; costly
  level_trunk: bool = False  # the trunk is level while the robot stands, as that of a quadruped; it matters for falls
  timestep: float = 0.0  # of a physics step; 0: that of the MJCF file
  frame_skip: int = 0  # physics steps per control step; 0: as many as make CONTROL_STEP, or one
  solver_iterations: int = 1  # while training; playback and report cards use a converged solver
  line_search_iterations: int = 4

  def __post_init__(self) -> None:
    """Raises UserError if numbers contradict each other."""
    if not 0 <= self.fallen_height < self.standing_height:
      raise UserError(
        f'robot {self.name!r}: fallen_height={self.fallen_height} must be at least 0 and below'
        f' standing_height={self.standing_height}.'
      )
    if self.highest <= self.standing_height or not 0 < self.most_tilt <= math.pi:
      raise UserError(
        f'robot {self.name!r}: highest={self.highest} must be above standing_height={self.standing_height}, and'
        f' most_tilt={self.most_tilt} above 0 and at most pi.'
      )
    if self.timestep < 0 or self.frame_skip < 0:
      raise UserError(
        f'robot {self.name!r}: timestep={self.timestep} and frame_skip={self.frame_skip} must be 0 or more; 0 takes the'
        ' timestep of the MJCF file, and control steps of 20 ms.'
      )
    if self.stride_offsets and len(self.stride_offsets) != len(self.feet):
      raise UserError(
        f'robot {self.name!r}: stride_offsets has {len(self.stride_offsets)} numbers for {len(self.feet)} feet.'
      )
    if self.leg_joints and len(self.leg_joints) != len(self.feet):
      raise UserError(f'robot {self.name!r}: leg_joints has {len(self.leg_joints)} legs for {len(self.feet)} feet.')

  def timed(self, timestep: float) -> Robot:
    """The datasheet with a timestep and a frame_skip, where it leaves them to the MJCF file.

    Args:
      timestep: that of the compiled model in s.
    """
    step = self.timestep or timestep
    return dataclasses.replace(self, timestep=step, frame_skip=self.frame_skip or max(1, round(CONTROL_STEP / step)))

  @property
  def off_balance_height(self) -> float:
    """Height of the root below which a robot can hardly recover its balance."""
    return OFF_BALANCE * self.standing_height

  @property
  def offsets(self) -> tuple[float, ...]:
    """Phase offset of each foot in the stride: 0 swings first, 0.5 half a stride later."""
    return self.stride_offsets or tuple(i / len(self.feet) for i in range(len(self.feet)))

  def with_feet(self, what: str) -> tuple[str, ...]:
    """The feet. Raises UserError if the robot has none; the message says that `what` needs them."""
    if not self.feet:
      raise UserError(f'{what} needs feet, and robot {self.name!r} has none; name them by config.task.feet.')
    return self.feet

  def pd_of(self, joint: str) -> PD | None:
    """PD control of a joint: that of the longest group name in its name; None if it has none."""
    return in_group(dict(self.pd), joint)

  def body_parts(self, what: str) -> Anatomy:
    """The anatomy. Raises UserError if the datasheet has none; the message says that `what` needs it."""
    if self.anatomy is None:
      raise UserError(f'{what} needs the anatomy of a humanoid, and the datasheet of robot {self.name!r} has none.')
    return self.anatomy
