"""The robot's model as tasks use it: quantities by name instead of by index. NumPy only."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.errors import unknown
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics import poses
from mjx_humanoid.physics.actuation import Actuation, read_actuation
from mjx_humanoid.physics.find_root import SLIDE, find_root
from mjx_humanoid.physics.root import Root
from mjx_humanoid.physics.rotations import heading_of, in_frame, vertical_of

GRAVITY = 9.81  # m/s^2
UNLIMITED = (-np.pi, np.pi)  # rad, taken as the range of joints that have no limits


@dataclass(frozen=True, eq=False)
class Body:
  """Facts about a robot's compiled model, and its state by name. Arrays are NumPy float32, in the order of the model.

  Methods that take a view work on one environment or on any batch of them, in JAX and in NumPy.
  """

  robot: Robot
  root: Root
  nq: int
  nv: int
  nu: int
  default_qpos: np.ndarray  # [nq] m, unit quaternion, rad: the standing pose
  relaxed_qpos: np.ndarray  # [nq] the standing pose with relaxed arms
  keyframes: dict[str, np.ndarray]  # keyframes of the MJCF file, [nq] each
  descent: np.ndarray  # [K, nq] from standing through the poses of the anatomy, each on the floor; K may be 0
  joint_names: tuple[str, ...]  # all joints except those of the root, in the order of qpos
  joint_range: np.ndarray  # [joints, 2] rad; m for slides
  joint_axes: np.ndarray  # [joints, 3] unit vectors in the frames of their bodies
  joint_slides: np.ndarray  # [joints] bool: a slide, not a hinge
  upper_joints: np.ndarray  # [n] int, the joints of arms and trunk: all except those of the legs
  actuator_names: tuple[str, ...]
  actuator_dofs: np.ndarray  # [nu] int, the element of qvel that each motor drives
  actuation: Actuation
  foot_heights: np.ndarray  # [feet] m, height of each foot's frame above the floor in the standing pose
  total_mass: float  # kg
  control_step: float  # s
  sensors: dict[str, slice] = dataclasses.field(repr=False)

  def position(self, view: View) -> Array:
    """World position of the root [..., 3] in m."""
    return self.root.position(view.qpos)

  def height(self, view: View) -> Array:
    """Height of the root above the floor [...] in m."""
    return self.root.height(view.qpos)

  def heading(self, view: View) -> Array:
    """Direction that the root faces, as a unit vector on the floor [..., 2]."""
    return heading_of(self.root.quaternion(view.qpos))

  def up(self, view: View) -> Array:
    """The upward direction in the frame of the root [..., 3]: (0, 0, 1) for an upright robot."""
    return view.qpos.__array_namespace__().concatenate(vertical_of(self.root.quaternion(view.qpos)), axis=-1)

  def linear_velocity(self, view: View) -> Array:
    """World velocity of the root [..., 3] in m/s."""
    return self.root.linear_velocity(view.qvel)

  def angular_velocity(self, view: View) -> Array:
    """Angular velocity of the root in its own frame [..., 3] in rad/s."""
    return self.root.angular_velocity(view.qvel)

  def in_root_frame(self, view: View, vector: Array) -> Array:
    """A world vector [..., 3] in the frame of the root."""
    return view.qpos.__array_namespace__().concatenate(in_frame(self.root.quaternion(view.qpos), vector), axis=-1)

  def joint_angles(self, view: View) -> Array:
    """Angles of all joints except those of the root [..., joints] in rad; lengths in m for slides."""
    return view.qpos[..., self.root.nq :]

  def joint_velocities(self, view: View) -> Array:
    """Velocities of all joints except those of the root [..., joints] in rad/s."""
    return view.qvel[..., self.root.nv :]

  def joint_angle(self, view: View, name: str) -> Array:
    """Angle of one joint [...] in rad."""
    return self.joint_angles(view)[..., self.joint_index(name)]

  @property
  def default_angles(self) -> np.ndarray:
    """Joint angles [joints] of the standing pose."""
    return self.default_qpos[self.root.nq :]

  @property
  def relaxed_angles(self) -> np.ndarray:
    """Joint angles [joints] of the relaxed stance."""
    return self.relaxed_qpos[self.root.nq :]

  def sensor(self, view: View, name: str) -> Array:
    """The reading of a sensor [..., width]. It describes the state one physics step earlier."""
    if name not in self.sensors:
      raise unknown('sensor', name, self.sensors)
    return view.sensordata[..., self.sensors[name]]

  def root_sensor(self, view: View, quantity: str) -> Array:
    """A sensor of the root body [..., 3]: pos, forward, up, linvel or angvel, in the world frame."""
    return self.sensor(view, f'{self.robot.root}_{quantity}')

  def torque(self, view: View) -> Array:
    """Torque of the motors at this state, [..., nu] N m (N for slides)."""
    joints = self.actuator_joints
    return self.actuation.torque(
      view.ctrl,
      self.joint_angles(view)[..., joints] - self.default_angles[joints],
      view.qvel[..., self.actuator_dofs],
    )

  @property
  def torque_limit(self) -> np.ndarray:
    """Largest torque of each motor [nu] in N m."""
    return self.actuation.limit

  @property
  def actuator_joints(self) -> np.ndarray:
    """[nu] int, the joint that each motor drives, as an index into joint_names."""
    return self.actuator_dofs - self.root.nv

  def joint_index(self, name: str) -> int:
    """Index of a joint in joint_names, joint_angles and joint_velocities."""
    if name not in self.joint_names:
      raise unknown('joint', name, self.joint_names)
    return self.joint_names.index(name)

  @property
  def substeps(self) -> int:
    """Physics steps per control step."""
    return round(self.control_step / self.robot.timestep)

  @property
  def touch_names(self) -> tuple[str, ...]:
    """Names of the bodies that have a touch sensor, in sensor order."""
    return tuple(name.removesuffix('_touch') for name in self.sensors if name.endswith('_touch'))


def describe(robot: Robot, model: mujoco.MjModel, frame_skip: int = 0) -> Body:
  """Reads a Body from a compiled model.

  Args:
    frame_skip: physics steps per control step; 0 uses the datasheet's.

  Raises:
    UserError: joints that this package cannot control; see find_root.
  """
  robot, root = robot.timed(float(model.opt.timestep)), find_root(model)
  joints = np.arange(model.njnt - (model.nv - root.nv), model.njnt)  # after the joints of the root
  names = tuple(model.joint(i).name for i in joints)
  standing = poses.standing(model, robot, root)
  anatomy = robot.anatomy
  limited = model.jnt_limited[joints].astype(bool)[:, None]
  return Body(
    robot=robot,
    root=root,
    nq=model.nq,
    nv=model.nv,
    nu=model.nu,
    default_qpos=standing.astype(np.float32),
    relaxed_qpos=poses.with_joints(model, standing, anatomy.relaxed if anatomy else ()).astype(np.float32),
    keyframes={model.key(i).name: model.key_qpos[i].astype(np.float32) for i in range(model.nkey)},
    descent=poses.descent(model, robot, root, standing),
    joint_names=names,
    joint_range=np.where(limited, model.jnt_range[joints], UNLIMITED).astype(np.float32),
    joint_axes=model.jnt_axis[joints].astype(np.float32),
    joint_slides=model.jnt_type[joints] == SLIDE,
    upper_joints=np.array([i for i, name in enumerate(names) if not any(leg in name for leg in robot.legs)], int),
    actuator_names=tuple(model.actuator(i).name for i in range(model.nu)),
    actuator_dofs=model.jnt_dofadr[model.actuator_trnid[:, 0]].astype(int),
    actuation=read_actuation(model, standing),
    foot_heights=poses.foot_heights(model, robot, standing).astype(np.float32),
    total_mass=float(model.body_subtreemass[0]),
    control_step=float(model.opt.timestep * (frame_skip or robot.frame_skip)),
    sensors=_sensors(model),
  )


def _sensors(model: mujoco.MjModel) -> dict[str, slice]:
  starts, sizes = model.sensor_adr, model.sensor_dim
  return {model.sensor(i).name: slice(int(starts[i]), int(starts[i] + sizes[i])) for i in range(model.nsensor)}
