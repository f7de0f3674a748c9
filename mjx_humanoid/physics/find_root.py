"""How the robot of a compiled model is joined to the world."""

from __future__ import annotations

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.root import TINY, FixedRoot, PlanarRoot, Root

UPRIGHT = (1, 0, 0, 0)  # a quaternion
FREE, HINGE, SLIDE = (int(getattr(mujoco.mjtJoint, f'mjJNT_{kind}')) for kind in ('FREE', 'HINGE', 'SLIDE'))


def root_body(model: mujoco.MjModel) -> int:
  """Id of the first child of the world body that has joints below it. Raises UserError if the model has no joints."""
  for body in range(1, model.nbody):
    if model.body_parentid[body] == 0 and (model.body_rootid[model.jnt_bodyid] == body).any():
      return body
  raise UserError('the model has no joints: there is nothing to control.')


def find_root(model: mujoco.MjModel) -> Root:
  """The root of a compiled model.

  Raises:
    UserError: the root has joints other than a free joint, or two slides and a hinge in the plane y = 0, or none; other
      bodies move by themselves; a joint of the robot has more than one degree of freedom; or the coordinates of a
      planar root are not those of its body.
  """
  body = root_body(model)
  kinds, start, count = model.jnt_type, int(model.body_jntadr[body]), int(model.body_jntnum[body])
  rest = model.body_pos[body].copy()
  if count and kinds[start] == FREE:
    root, own = Root(body, rest), 1
  elif count == 3 and (planar := _planar(model, body, rest)) is not None:
    root, own = planar, 3
  else:
    root, own = FixedRoot(body, rest, model.body_quat[body].copy()), 0
  if (count and start) or any(kinds[j] not in (HINGE, SLIDE) for j in range(own, model.njnt)):
    raise UserError(
      'the first joints of the model must be those of its root (a free joint; two slides and a hinge; or none), and all'
      ' others hinges or slides: ball joints and objects that move by themselves cannot be controlled.'
    )
  return root


def _planar(model: mujoco.MjModel, body: int, rest: np.ndarray) -> PlanarRoot | None:
  """The root with two slides and a hinge in the plane y = 0; None if it has other joints. Raises UserError."""
  places: dict[str, int] = {}
  sign = 1.0
  for joint in range(model.body_jntadr[body], model.body_jntadr[body] + 3):
    axis, element = model.jnt_axis[joint], int(model.jnt_qposadr[joint])
    if model.jnt_type[joint] == HINGE and abs(axis[1]) > 1 - TINY:
      places['pitch'], sign = element, float(np.sign(axis[1]))
    elif model.jnt_type[joint] == SLIDE and axis[0] > 1 - TINY:
      places['x'] = element
    elif model.jnt_type[joint] == SLIDE and axis[2] > 1 - TINY:
      places['z'] = element
  if len(places) < 3:
    return None
  hinge = int(model.body_jntadr[body]) + 2
  # Slides after a hinge turn with it; slides in a rotated body are not along x and z.
  if (
    places['pitch'] != hinge
    or model.jnt_pos[hinge].any()
    or model.qpos0[hinge]
    or (model.body_quat[body] != UPRIGHT).any()
  ):
    raise UserError(
      f'the slides of planar root {model.body(body).name!r} must come before its hinge, which must have pos="0 0 0" and'
      ' ref="0", in a body that is not turned.'
    )
  # Slides with a reference position start there: qpos is not zero in the file's pose.
  return PlanarRoot(body, rest - reference(model, places), **places, sign=sign)


def reference(model: mujoco.MjModel, places: dict[str, int]) -> np.ndarray:
  """qpos0 of the slides as a position [3] in m."""
  return np.array([model.qpos0[places['x']], 0.0, model.qpos0[places['z']]])
