"""The section `task`: the task that the policy learns."""

from __future__ import annotations

from dataclasses import dataclass, field

from mjx_humanoid.core.config.settings import LONGEST, Numbers, setting


@dataclass(frozen=True)
class CommandConfig:
  """The velocity that the robot is commanded to move at."""

  kind: str = setting('fixed', 'kind of velocity command: a name, or path/to/file.py:function', own='kind of command')
  value: tuple[float, float, float] = setting(
    (0.0, 0.0, 0.0),
    'forward, sideways [m/s] and yaw [rad/s] velocity; with sampled commands and a curriculum, the command at level'
    ' 0; the range of commands grows from it as the level rises',
  )
  low: tuple[float, float, float] = setting((-0.5, -0.4, -1.0), 'lower bounds of sampled commands')
  high: tuple[float, float, float] = setting((1.5, 0.4, 1.0), 'upper bounds of sampled commands')
  interval: float = setting(4.0, 'time between sampled commands [s]', above=0, high=LONGEST)
  rest: float = setting(0.1, 'share of sampled commands that are zero (at full level)', low=0, high=1)


@dataclass(frozen=True)
class StationConfig:
  """Station keeping under a zero command: the robot is commanded back to its target position."""

  gain: float = setting(
    0.0,
    'velocity commanded back per metre of offset from the target position [1/s], at most 0.5 m/s (0 = no station'
    ' keeping); while a velocity is commanded, the target position is where the robot is',
    low=0,
  )
  radius: float = setting(0.05, 'offset at which station keeping starts to correct [m]; it stops at 0.05 m', low=0.05)


@dataclass(frozen=True)
class GaitConfig:
  """A clock that says which feet should be in stance and which in swing."""

  frequency: float = setting(0.0, 'strides per second (0 = no gait clock)', low=0)
  speedup: float = setting(
    0.0, 'largest relative increase of the stride frequency while station keeping corrects an offset', low=0
  )
  duty: float = setting(0.6, 'duty factor: share of a stride that each foot is in stance', above=0, high=1)
  step_length: float = setting(
    0.0, 'length of a step of the reference gait, half a stride [m] (0 = as the commanded velocity asks)', low=0
  )
  step_height: float = setting(
    0.0, 'height to which the reference gait lifts the feet [m] (0 = 10 %% of standing height)', low=0
  )
  body_height: float = setting(
    0.0, 'height of the root in the reference gait [m] (0 = standing height, or lower where steps ask for it)', low=0
  )


@dataclass(frozen=True)
class PushConfig:
  """Disturbances on the root body."""

  kind: str = setting('none', 'kind of push: a name, or path/to/file.py:function', own='kind of push')
  force: tuple[float, float] = setting((0.0, 150.0), 'range of the force of a push [N]', low=0)
  duration: float = setting(0.2, 'duration of a push [s]', above=0, high=LONGEST)
  interval: float = setting(4.0, 'time from one push to the next [s]', above=0, high=LONGEST)


@dataclass(frozen=True)
class PDConfig:
  """PD control of the joints: a number for all, a list with one for each motor, or numbers by part of joint names.

  Joints without a number keep that of the datasheet; where it has none, that of the MJCF file or a guess.
  """

  kp: Numbers = setting({}, 'stiffness [N m/rad]: a number, one per motor, or by part of joint names', low=0)
  kd: Numbers = setting({}, 'damping [N m s/rad], given like kp', low=0)
  torque_limit: Numbers = setting({}, 'largest torque [N m], given like kp', above=0)
  action_scale: Numbers = setting(
    {}, 'angle from the standing pose to the target at an action of 1 [rad], given like kp', above=0
  )


@dataclass(frozen=True)
class TaskConfig:
  """Robot, reward, observations, start and end of episodes, and report card."""

  robot: str = setting('humanoid', 'name of the robot, path/to/model.xml or path/to/file.py:ROBOT', own='robot')
  feet: tuple[str, ...] = setting(
    (), "bodies that are the robot's feet (empty = those of the datasheet, or a guess where it has none)"
  )
  keyframe: str = setting(
    '', 'keyframe of the MJCF file with the standing pose (empty = as in the datasheet, or a guess where it has none)'
  )
  actuation: str = setting(
    'datasheet',
    'what an action is: torque (share of the torque limit) or pd (target angle of PD control); datasheet: as the'
    " robot's datasheet says, and the actuators of an MJCF file without one as they are",
    choices=('datasheet', 'torque', 'pd'),
  )
  pd: PDConfig = field(default_factory=PDConfig)
  reward: str = setting('stand', 'name of the reward, or path/to/file.py:function', own='reward')
  weights: dict[str, float] = setting(
    {}, "weights of reward terms that override the reward's defaults, by term", own='reward term'
  )
  late_terms: tuple[str, ...] = setting(
    (),
    'reward terms whose weights grow with the level of the curriculum, from a tenth to all of what they are',
    own='reward term',
  )
  observations: tuple[str, ...] = setting(
    ('joint_positions', 'joint_velocities'),
    'names of observations, or path/to/file.py:function each, in order',
    own='observation',
  )
  termination: str = setting(
    'fallen', 'name of the termination of episodes, or path/to/file.py:function', own='termination'
  )
  start: str = setting(
    'standing',
    'name of the distribution of start states, path/to/file.py:function, path/to/poses.npz, or policy:walk for states'
    ' that the policy walk has reached',
    own='start',
  )
  start_strength: float = setting(1.0, 'how strongly start states are perturbed', low=0)
  context: tuple[str, ...] = setting(
    ('velocity_command', 'station_keeping', 'gait_clock'),
    'parts of the context, in order, each a name or path/to/file.py:function',
    own='context part',
  )
  clip: str = setting(
    '',
    'clip of motion that the part reference_motion follows: a name that the command clip lists, or a file',
    own='clip',
  )
  clip_once: bool = setting(False, 'the clip is played once, even if it is a loop, and then leads into standing')
  command: CommandConfig = field(default_factory=CommandConfig)
  station: StationConfig = field(default_factory=StationConfig)
  gait: GaitConfig = field(default_factory=GaitConfig)
  push: PushConfig = field(default_factory=PushConfig)
  randomization: dict[str, float] = setting(
    {}, 'strength of domain randomisation, by name of the property', low=0, own='randomization'
  )
  episode_length: float = setting(10.0, 'time limit of a training episode [s]', above=0, high=LONGEST)
  frame_skip: int = setting(0, 'physics steps per control step (0 = as in the datasheet)', low=0, high=100)
  card: str = setting(
    'stand', 'name of the report card that judges the policy, path/to/file.py:function, or none', own='report card'
  )
  target_return: float = setting(0.0, 'mean return of an episode that the report card `return` asks for')
