"""The nouns that every room shares. Plain named tuples: JAX sees pytrees, NumPy code needs no JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
  import numpy as np

  from mjx_humanoid.physics.body import Body

Array: TypeAlias = Any  # a jax.Array in training, a numpy.ndarray in playback: the same functions serve both


class View(NamedTuple):
  """All that tasks may see of physics: one world, or a batch of them with leading axes, float32."""

  time: Array  # [] s
  qpos: Array  # [nq] m, unit quaternion, rad
  qvel: Array  # [nv] m/s, rad/s
  ctrl: Array  # [nu] as applied, in [-1, 1]: of the torque limit, or of a servo's reach
  sensordata: Array  # [ns] read by name through Body.sensor


class Context(NamedTuple):
  """What a task may see that physics does not know: one world, or a batch with leading axes."""

  step: Array  # [] int32, control steps since the episode began
  last_action: Array  # [nu] in [-1, 1]: for observations the one that led to this view, for rewards the one before
  command: Array  # [3] velocity to track: forward, sideways [m/s], turning [rad/s]; with the way back to its place
  heading: Array  # [2] unit vector on the floor: where the torso should face; forward and sideways refer to it
  place: Array  # [2] m, on the floor: where the torso should be, the start moved on by the commands; see task.hold too
  phase: Array  # [] of the stride, in [0, 1): the left foot swings first, the right foot half a stride later
  duty: Array  # [] share of the stride that each foot should be on the floor; 1 where no gait is wanted
  asked: Array  # [3] velocity asked for: the command without that way back, see task.hold


Terms = dict[str, Array]
Key = Array  # a JAX PRNG key, consumed by the function it is given to

RewardFn = Callable[[View, 'Body', Context], tuple[Array, Terms]]  # total [] and its named terms
ObserveFn = Callable[[View, 'Body', Context], Array]  # [n]
TerminateFn = Callable[[View, 'Body', Context], Array]  # bool []
# What becomes of limp robots: (qpos [n, nq], qvel [n, nv], seconds) -> the same, later.
SettleFn = Callable[['np.ndarray', 'np.ndarray', float], 'tuple[np.ndarray, np.ndarray]']
# NumPy, on the host: (body, generator, strength [n], settle) -> qpos [n, nq], qvel [n, nv]
StartFn = Callable[['Body', 'np.random.Generator', 'np.ndarray', SettleFn], 'tuple[np.ndarray, np.ndarray]']


class Inputs(NamedTuple):
  """What acts on the physics of B worlds during one control step."""

  ctrl: Array  # [B, nu]
  force: Array | None = None  # [B, 3] N on the torso, world frame; None where nothing ever pushes
  kick: Array | None = None  # [B, 3] m/s added to the torso's velocity before the step


class Demonstrations(NamedTuple):
  """What is shown to a policy: what to do in N situations."""

  obs: Array  # [N, O]
  action: Array  # [N, A] in [-1, 1]


class Transition(NamedTuple):
  """Experience, [T, B, ...]: T control steps of B worlds."""

  obs: Array  # [T, B, O]
  action: Array  # [T, B, A] as sampled, before it is clipped to [-1, 1]
  reward: Array  # [T, B]
  terminated: Array  # [T, B] bool: the task ended; nothing is earned after it
  truncated: Array  # [T, B] bool: the time limit; the future is worth V(next_obs)
  next_obs: Array  # [T, B, O] of the step's own end, before any reset
  extras: dict[str, Array]  # what the algorithm needs again, e.g. log_prob [T, B]


@dataclass(frozen=True)
class Servos:
  """Position control inside the physics (PD), per N m of each motor's torque limit, which stays.

  torque = limit * (reach * ctrl - angle from standing) * stiffness - limit * damping * velocity, within +-limit.
  """

  stiffness: float  # 1/rad
  damping: float  # s/rad
  reach: float  # rad, how far from the standing pose ctrl = 1 asks the joint to be


class Pose(NamedTuple):
  """A pose on the floor."""

  joints: tuple[tuple[str, float], ...]  # rad, of joints by parts of their names; others as in the file's pose
  pitch: float = 0.0  # rad, by which the torso leans forward


OFF_BALANCE = 0.85  # of standing height


@dataclass(frozen=True)
class Robot:
  """A datasheet: everything about a robot that is not in its MJCF file. Lengths in m, times in s."""

  name: str
  description: str
  package: str  # the installed package that carries the MJCF file
  file: str  # its path inside that package
  floor: str  # geom
  torso: str  # body: root of the tree, and what standing height is measured at
  head: str  # body
  feet: tuple[str, ...]  # bodies that may touch the floor while standing
  shins: tuple[str, ...]  # bodies that carry it when it kneels
  standing_height: float  # of the torso frame above the floor
  kneeling_height: float  # the same on upright thighs
  fallen_height: float  # below it nobody would call the robot standing
  timestep: float  # of physics
  frame_skip: int  # physics steps per control step
  solver_iterations: int  # while training; playback and report cards use a converged solver
  line_search_iterations: int
  legs: tuple[str, ...]  # parts of the names of joints that belong to the legs
  relaxed: tuple[tuple[str, float], ...] = ()  # rad, of joints that in a relaxed stance are not as in the file's own
  symmetry: tuple[tuple[str, str], ...] = (('left', 'right'),)  # name parts that mirror each other
  descent: tuple[Pose, ...] = ()  # from standing down; the last, a deep squat, is where a spring from the floor ends
  servos: Servos | None = None  # what the motors of the MJCF file become; None: they give torque as commanded

  @property
  def off_balance_height(self) -> float:
    """Below it the torso is on its way down, in a fall that can hardly be caught any more, or on its way up."""
    return OFF_BALANCE * self.standing_height
