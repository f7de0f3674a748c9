"""Left and right exchanged: what a view, an observation and an action become in a mirror.

The mirror is the plane y = 0. Polar vectors (positions, velocities) change the sign of y, axial ones
(angular velocities) those of x and z, and whatever belongs to a left part comes from the right one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import Body
from mjx_humanoid.core.types import Context, ObserveFn, View

POLAR = np.array([1, -1, 1], np.float32)
AXIAL = np.array([-1, 1, -1], np.float32)
QUATERNION = np.array([1, -1, 1, -1], np.float32)
COMMAND = np.array([1, -1, -1], np.float32)
PROBES = 3  # random views that a map is read from, and must agree on


class MirrorMap(NamedTuple):
  """mirrored = signs * x[sources], for the last axis of an observation or action."""

  sources: np.ndarray  # [n] int
  signs: np.ndarray  # [n] float32, 1 or -1


def other_side(name: str, body: Body) -> str:
  """The name of the part on the other side; its own, where it is in the middle."""
  for left, right in body.robot.symmetry:
    if left in name:
      return name.replace(left, right)
    if right in name:
      return name.replace(right, left)
  return name


def joint_map(body: Body) -> MirrorMap:
  """For joint angles and velocities [joints]."""
  sources = np.array([body.joint_names.index(other_side(name, body)) for name in body.joint_names])
  # A hinge turns by the same angle in the mirror where the axis of its other side is its own, reflected.
  same = np.einsum('ij,ij->i', body.joint_axes[sources] * AXIAL, body.joint_axes)
  return MirrorMap(sources, np.sign(same).astype(np.float32))


def action_map(body: Body) -> MirrorMap:
  """For controls and actions [nu]: like the joints that the motors drive."""
  joints = joint_map(body)
  driven = body.actuator_dofs - 6
  motor_of = {int(joint): motor for motor, joint in enumerate(driven)}
  sources = np.array([motor_of[int(joints.sources[joint])] for joint in driven])
  return MirrorMap(sources, joints.signs[driven])


def mirror_view(view: View, body: Body) -> View:
  """The view [..., n] of the mirrored world. NumPy."""
  joints, actions = joint_map(body), action_map(body)
  qpos, qvel = view.qpos, view.qvel
  return view._replace(
    qpos=np.concatenate(
      [qpos[..., :3] * POLAR, qpos[..., 3:7] * QUATERNION, qpos[..., 7:][..., joints.sources] * joints.signs], axis=-1
    ),
    qvel=np.concatenate(
      [qvel[..., :3] * POLAR, qvel[..., 3:6] * AXIAL, qvel[..., 6:][..., joints.sources] * joints.signs], axis=-1
    ),
    ctrl=view.ctrl[..., actions.sources] * actions.signs,
    sensordata=_mirror_sensors(view.sensordata, body),
  )


def _mirror_sensors(sensordata: np.ndarray, body: Body) -> np.ndarray:
  mirrored = np.empty_like(sensordata)
  for name, place in body.sensors.items():
    reading = sensordata[..., body.sensors[other_side(name, body)]]
    width = place.stop - place.start
    signs = np.ones(1, np.float32) if width == 1 else AXIAL if name.endswith('_angvel') else POLAR
    mirrored[..., place] = reading * signs
  return mirrored


def mirror_context(context: Context, body: Body) -> Context:
  """The context of the mirrored world. NumPy."""
  actions = action_map(body)
  last = context.last_action[..., actions.sources] * actions.signs
  return context._replace(
    last_action=last,
    command=context.command * COMMAND,
    asked=context.asked * COMMAND,
    heading=context.heading * POLAR[:2],
    place=context.place * POLAR[:2],
    phase=(context.phase + 0.5) % 1.0,
  )


def observation_map(observe: ObserveFn, body: Body) -> MirrorMap:
  """The map of an observation, read from what it makes of random views and their mirror images.

  Raises:
    UserError: the mirrored observation is not a signed permutation of the observation.
  """
  rng = np.random.default_rng(0)
  pairs = [_probe(observe, body, rng) for _ in range(PROBES)]
  seen, mirrored = (np.stack(x, axis=1).astype(np.float64) for x in zip(*pairs, strict=True))  # [O, PROBES]
  sources: list[int] = []
  signs: list[int] = []
  for row in mirrored:
    matches = [(i, s) for i, x in enumerate(seen) for s in (1, -1) if np.allclose(s * x, row, atol=1e-5)]
    if not matches:
      raise UserError('config.network.symmetric: these observations have no mirror image; set it to False.')
    # What is seen twice has an image of its own each time: the two may be on different scales.
    source, sign = next((match for match in matches if match[0] not in sources), matches[0])
    sources.append(source)
    signs.append(sign)
  return MirrorMap(np.array(sources), np.array(signs, np.float32))


def _probe(observe: ObserveFn, body: Body, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
  def draw(n: int) -> np.ndarray:
    return rng.normal(size=n).astype(np.float32)

  width = max(place.stop for place in body.sensors.values())
  qpos = draw(body.nq)
  qpos[3:7] /= np.linalg.norm(qpos[3:7])
  view = View(np.zeros((), np.float32), qpos, draw(body.nv), draw(body.nu), draw(width))
  heading = draw(2)
  heading /= np.linalg.norm(heading)
  phase, duty = np.asarray(rng.uniform(), np.float32), np.asarray(0.6, np.float32)
  context = Context(np.zeros((), np.int32), draw(body.nu), draw(3), heading, draw(2), phase, duty, draw(3))
  return observe(view, body, context), observe(mirror_view(view, body), body, mirror_context(context, body))
