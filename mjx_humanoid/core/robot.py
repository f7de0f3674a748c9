"""The datasheet of a robot: everything about it that is not in its MJCF file. Lengths in m, times in s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mjx_humanoid.core.errors import UserError

OFF_BALANCE = 0.85  # of standing height
JointAngles = tuple[tuple[str, float], ...]  # (part of the names of joints, rad)


@dataclass(frozen=True)
class Servos:
  """Position control inside the physics (PD), per N m of each motor's torque limit, which stays.

  torque = limit * (reach * ctrl - angle from standing) * stiffness - limit * damping * velocity, within +-limit.
  """

  stiffness: float  # 1/rad
  damping: float  # s/rad
  reach: float  # rad from the standing pose at ctrl = 1


class Pose(NamedTuple):
  """A pose on the floor."""

  joints: JointAngles  # of joints by parts of their names; others as in the file's pose
  pitch: float = 0.0  # rad, by which the root body leans forward


@dataclass(frozen=True)
class Anatomy:
  """What humanoids have and other robots need not. Tasks that need a part of it refuse robots without."""

  head: str  # body
  shins: tuple[str, ...]  # bodies that carry a kneeling robot
  kneeling_height: float  # of the root body, on upright thighs
  relaxed: JointAngles = ()  # of joints that in a relaxed stance are not as in the file's own pose
  descent: tuple[Pose, ...] = ()  # poses from standing down to a deep squat


@dataclass(frozen=True)
class Robot:
  """A datasheet. Required: where the MJCF file is, the root body, the feet and two heights."""

  name: str
  description: str
  file: str  # the MJCF file: a path, or a path inside `package`
  root: str  # body that the others hang on; standing height is measured at its frame
  feet: tuple[str, ...]  # bodies that touch the floor while standing
  standing_height: float  # of the root body's frame above the floor
  fallen_height: float  # below it the robot counts as fallen
  package: str = ''  # the installed package that carries the file
  floor: str = 'floor'  # geom
  pose: JointAngles | None = None  # the standing pose, put onto the floor; None: the file's own pose as it is
  legs: tuple[str, ...] = ()  # parts of the names of leg joints; the others belong to arms and trunk
  stride_offsets: tuple[float, ...] = ()  # of each foot in the stride, in [0, 1); (): evenly spaced
  symmetry: tuple[tuple[str, str], ...] = ()  # parts of names that mirror each other; (): no symmetry is used
  servos: tuple[tuple[str, Servos], ...] = ()  # (part of joint names, PD control) for each joint group
  anatomy: Anatomy | None = None
  timestep: float = 0.005  # of physics
  frame_skip: int = 5  # physics steps per control step
  solver_iterations: int = 1  # while training; playback and report cards use a converged solver
  line_search_iterations: int = 4

  def __post_init__(self) -> None:
    """Raises UserError for numbers that contradict each other."""
    if not 0 <= self.fallen_height < self.standing_height:
      raise UserError(
        f'robot {self.name!r}: fallen_height={self.fallen_height} must be at least 0 and below'
        f' standing_height={self.standing_height}.'
      )
    if self.stride_offsets and len(self.stride_offsets) != len(self.feet):
      raise UserError(
        f'robot {self.name!r}: stride_offsets has {len(self.stride_offsets)} numbers for {len(self.feet)} feet.'
      )

  @property
  def off_balance_height(self) -> float:
    """Height of the root below which a fall can hardly be caught any more."""
    return OFF_BALANCE * self.standing_height

  @property
  def offsets(self) -> tuple[float, ...]:
    """Of each foot in the stride: 0 swings first, 0.5 half a stride later."""
    return self.stride_offsets or tuple(i / len(self.feet) for i in range(len(self.feet)))

  def body_parts(self, what: str) -> Anatomy:
    """The anatomy. Raises UserError where the datasheet has none, naming `what` needs it."""
    if self.anatomy is None:
      raise UserError(f'{what} needs the anatomy of a humanoid, and the datasheet of robot {self.name!r} has none.')
    return self.anatomy
