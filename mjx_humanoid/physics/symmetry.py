"""Left-right symmetry: the mirror image of each joint, motor and sensor.

The mirror is the plane y = 0. Polar vectors (positions, velocities) change the sign of y, axial ones
(angular velocities) those of x and z. Left and right body parts exchange their values.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.physics import external
from mjx_humanoid.physics.body import Body

POLAR = np.array([1, -1, 1], np.float32)
AXIAL = np.array([-1, 1, -1], np.float32)
AXIAL_NAMES = ('_angvel', external.TORQUE)  # ends of the names of sensors with axial vectors


class MirrorMap(NamedTuple):
  """mirrored = signs * x[sources], for the last axis of an observation or action."""

  sources: np.ndarray  # [n] int
  signs: np.ndarray  # [n] float32, 1 or -1


def other_side(name: str, body: Body) -> str:
  """The name of the part on the other side; the same name for a part in the middle."""
  for left, right in body.robot.symmetry:
    if left in name:
      return name.replace(left, right)
    if right in name:
      return name.replace(right, left)
  return name


def joint_map(body: Body) -> MirrorMap:
  """For joint angles and velocities [joints].

  Raises:
    UserError: the datasheet's symmetry leads to a joint that does not exist.
  """
  others = [other_side(name, body) for name in body.joint_names]
  for name, other in zip(body.joint_names, others, strict=True):
    if other not in body.joint_names:
      raise UserError(
        f'robot {body.robot.name!r}: its symmetry makes {other!r} the mirror image of joint {name!r}, and there is no'
        f' such joint; correct `symmetry` in the datasheet, or leave it empty.'
      )
  sources = np.array([body.joint_names.index(other) for other in others])
  # The mirrored angle of a hinge has the same sign if the axis on the other side is the reflection of its axis as an
  # axial vector. For a slide, the axis is reflected as a polar vector.
  reflected = body.joint_axes[sources] * np.where(body.joint_slides[:, None], POLAR, AXIAL)
  same = np.einsum('ij,ij->i', reflected, body.joint_axes)
  return MirrorMap(sources, np.sign(same).astype(np.float32))


def action_map(body: Body) -> MirrorMap:
  """For controls and actions [nu]: as for the joints that the motors drive."""
  joints = joint_map(body)
  driven = body.actuator_joints
  motor_of = {int(joint): motor for motor, joint in enumerate(driven)}
  sources = np.array([motor_of[int(joints.sources[joint])] for joint in driven])
  return MirrorMap(sources, joints.signs[driven])


def mirror_view(view: View, body: Body) -> View:
  """The view [..., n] of the mirrored environment. NumPy."""
  joints, actions, root = joint_map(body), action_map(body), body.root
  qpos_signs, qvel_signs = root.mirror_signs

  def mirrored(x: np.ndarray, signs: np.ndarray) -> np.ndarray:
    own, others = x[..., : len(signs)] * signs, x[..., len(signs) :][..., joints.sources] * joints.signs
    return np.concatenate([own, others], axis=-1)

  return view._replace(
    qpos=mirrored(view.qpos, qpos_signs),
    qvel=mirrored(view.qvel, qvel_signs),
    ctrl=view.ctrl[..., actions.sources] * actions.signs,
    sensordata=_mirror_sensors(view.sensordata, body),
  )


def _other_sensor(name: str, body: Body) -> str:
  """The sensor of the part on the other side, or the same sensor. The '_l' in 'torso_linvel' is not a side."""
  part, _, quantity = name.rpartition('_')
  others = (f'{other_side(part, body)}_{quantity}', other_side(name, body))
  return next((other for other in others if other != name and other in body.sensors), name)


def _mirror_sensors(sensordata: np.ndarray, body: Body) -> np.ndarray:
  mirrored = np.empty_like(sensordata)
  for name, place in body.sensors.items():
    reading = sensordata[..., body.sensors[_other_sensor(name, body)]]
    width = place.stop - place.start
    signs = np.ones(1, np.float32) if width != POLAR.size else AXIAL if name.endswith(AXIAL_NAMES) else POLAR
    mirrored[..., place] = reading * signs
  return mirrored
