"""What a task knows of a robot's model: names instead of numbers. NumPy only."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass

import mujoco
import numpy as np

from mjx_humanoid.core.errors import unknown
from mjx_humanoid.core.types import Array, Pose, Robot, View

DESCENT = 8  # steps from each pose of a descent to the next
FAR = 10.0  # m


@dataclass(frozen=True, eq=False)
class Body:
  """Facts about a robot's compiled model. Arrays are NumPy float32, in the model's order."""

  robot: Robot
  nq: int
  nv: int
  nu: int
  default_qpos: np.ndarray  # [nq] m, unit quaternion, rad: the standing pose
  relaxed_qpos: np.ndarray  # [nq] the same with relaxed arms
  keyframes: dict[str, np.ndarray]  # [nq] each, of the MJCF file
  descent: np.ndarray  # [K, nq] from standing through the poses of the datasheet, each on the floor; none without them
  joint_names: tuple[str, ...]  # hinges, in qpos order after the free joint
  joint_range: np.ndarray  # [joints, 2] rad
  joint_axes: np.ndarray  # [joints, 3] unit vectors in the frames of their bodies
  upper_joints: np.ndarray  # [n] int, the hinges of arms and trunk: all but those of the legs
  actuator_names: tuple[str, ...]
  actuator_dofs: np.ndarray  # [nu] int, the element of qvel that each motor drives
  torque_limit: np.ndarray  # [nu] N m; torque motors give it at ctrl = 1, servos never more
  total_mass: float  # kg
  control_step: float  # s
  sensors: dict[str, slice] = dataclasses.field(repr=False)

  def sensor(self, view: View, name: str) -> Array:
    """The reading of a sensor, [..., its width]. It describes the state one physics step back."""
    if name not in self.sensors:
      raise unknown('sensor', name, self.sensors)
    return view.sensordata[..., self.sensors[name]]

  def torque(self, view: View) -> Array:
    """What the motors give at this state, [..., nu] N m."""
    servos = self.robot.servos
    if servos is None:
      return view.ctrl * self.torque_limit
    angle = view.qpos[..., 1 + self.actuator_dofs] - self.default_qpos[1 + self.actuator_dofs]
    asked = servos.stiffness * (servos.reach * view.ctrl - angle) - servos.damping * view.qvel[..., self.actuator_dofs]
    return asked.clip(-1.0, 1.0) * self.torque_limit

  def joint_index(self, name: str) -> int:
    """Where a joint stands among the hinges: its angle is qpos[7 + i], its velocity qvel[6 + i]."""
    if name not in self.joint_names:
      raise unknown('joint', name, self.joint_names)
    return self.joint_names.index(name)

  @property
  def substeps(self) -> int:
    """Physics steps per control step."""
    return round(self.control_step / self.robot.timestep)

  @property
  def touch_names(self) -> tuple[str, ...]:
    """Names of the bodies that feel touch, in sensor order."""
    return tuple(name.removesuffix('_touch') for name in self.sensors if name.endswith('_touch'))


def describe(robot: Robot, model: mujoco.MjModel, frame_skip: int = 0) -> Body:
  """Reads a Body from a compiled model whose first joint is free and whose others are hinges.

  Args:
    frame_skip: physics steps per control step; 0 takes the robot's own.
  """
  hinges = range(1, model.njnt)
  starts = model.sensor_adr
  relaxed = model.qpos0.astype(np.float32)
  for name, angle in robot.relaxed:
    relaxed[model.joint(name).qposadr[0]] = angle
  return Body(
    robot=robot,
    nq=model.nq,
    nv=model.nv,
    nu=model.nu,
    default_qpos=model.qpos0.astype(np.float32),
    relaxed_qpos=relaxed,
    keyframes={model.key(i).name: model.key_qpos[i].astype(np.float32) for i in range(model.nkey)},
    descent=descent(model, robot),
    joint_names=tuple(model.joint(i).name for i in hinges),
    joint_range=model.jnt_range[1:].astype(np.float32),
    joint_axes=model.jnt_axis[1:].astype(np.float32),
    upper_joints=np.array([i - 1 for i in hinges if not any(leg in model.joint(i).name for leg in robot.legs)], int),
    actuator_names=tuple(model.actuator(i).name for i in range(model.nu)),
    actuator_dofs=model.jnt_dofadr[model.actuator_trnid[:, 0]].astype(int),
    torque_limit=(model.actuator_gear[:, 0] * model.actuator_ctrlrange[:, 1]).astype(np.float32),
    total_mass=float(model.body_subtreemass[0]),
    control_step=float(model.opt.timestep * (frame_skip or robot.frame_skip)),
    sensors={
      model.sensor(i).name: slice(int(starts[i]), int(starts[i] + model.sensor_dim[i])) for i in range(model.nsensor)
    },
  )


def descent(model: mujoco.MjModel, robot: Robot) -> np.ndarray:
  """Poses [K, nq] from standing through those of the datasheet, each put onto the floor; none where it has none."""
  if not robot.descent:
    return np.zeros((0, model.nq), np.float32)
  stops = [model.qpos0, *(posed(model, pose) for pose in robot.descent)]
  shares = np.arange(DESCENT) / DESCENT
  ways = [a + share * (b - a) for a, b in itertools.pairwise(stops) for share in shares]
  return np.array([grounded(model, robot, qpos) for qpos in (*ways, stops[-1])], np.float32)


def posed(model: mujoco.MjModel, pose: Pose) -> np.ndarray:
  """The file's pose [nq] with the joints and the pitch of another."""
  qpos = model.qpos0.copy()
  for i in range(1, model.njnt):
    for part, angle in pose.joints:
      if part in model.joint(i).name:
        qpos[model.jnt_qposadr[i]] = angle
  qpos[3:7] = np.cos(pose.pitch / 2), 0, np.sin(pose.pitch / 2), 0
  return qpos


def grounded(model: mujoco.MjModel, robot: Robot, qpos: np.ndarray) -> np.ndarray:
  """A pose [nq] raised or lowered until it touches the floor."""
  data, floor = mujoco.MjData(model), model.geom(robot.floor).id
  data.qpos[:] = qpos
  mujoco.mju_normalize4(data.qpos[3:7])
  data.qpos[2] = FAR / 2  # clear of the floor, so that distances are not those of things in each other
  mujoco.mj_kinematics(model, data)
  others = [g for g in range(model.ngeom) if g != floor]
  data.qpos[2] -= min(mujoco.mj_geomDistance(model, data, floor, geom, FAR, None) for geom in others)
  return data.qpos.copy()
