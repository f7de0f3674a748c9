"""Where the ends of the limbs are: forward kinematics of the joints below the root, in any array library.

Sensors give places too, but of one physics step earlier, and only after a simulation. These follow from the joint
angles alone, so that those of a clip and of a policy are the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core.types import Array
from mjx_humanoid.physics.find_root import SLIDE
from mjx_humanoid.physics.root import Root
from mjx_humanoid.physics.rotations import product, rotated

Frame = tuple[Array, Array]  # place [..., 3] m and orientation [..., 4], in the frame of the root


class Joint(NamedTuple):
  """A hinge or slide. Arrays are float32, in the frame of its body."""

  angle: int  # its index in Body.joint_angles
  slides: bool
  axis: np.ndarray  # [3] unit vector
  anchor: np.ndarray  # [3] m
  reference: np.float32  # rad or m, angle at which the body is as the MJCF file has it


class Link(NamedTuple):
  """A body below the root. Arrays are float32."""

  name: str
  parent: int  # index of the link that carries it; -1: the root
  place: np.ndarray  # [3] m, in the frame of the parent
  orientation: np.ndarray  # [4]
  joints: tuple[Joint, ...]  # in the order in which they move it


@dataclass(frozen=True, eq=False)
class Ends:
  """The ends of the limbs of a robot, E bodies that carry no other: such as feet, hands and head."""

  links: tuple[Link, ...]  # all bodies below the root, parents first

  @property
  def indices(self) -> tuple[int, ...]:
    """The ends among the links."""
    parents = {link.parent for link in self.links}
    return tuple(i for i in range(len(self.links)) if i not in parents)

  @property
  def names(self) -> tuple[str, ...]:
    """Names of the ends."""
    return tuple(self.links[i].name for i in self.indices)

  def places(self, angles: Array) -> Array:
    """Places of the ends [..., E, 3] in m, in the frame of the root, for joint angles [..., joints]."""
    xp = angles.__array_namespace__()
    zero = xp.zeros((*angles.shape[:-1], 3), dtype=xp.float32)
    root = (zero, xp.concatenate([zero[..., :1] + 1, zero], axis=-1))
    frames: list[Frame] = []
    for link in self.links:
      frames.append(_moved(link, root if link.parent < 0 else frames[link.parent], angles))
    return xp.stack([frames[i][0] for i in self.indices], axis=-2)


def _moved(link: Link, parent: Frame, angles: Array) -> Frame:
  """The frame of a link after its joints, as mj_kinematics computes it."""
  xp = angles.__array_namespace__()
  place = parent[0] + rotated(parent[1], link.place)
  orientation = product(parent[1], link.orientation)
  for joint in link.joints:
    offset = angles[..., joint.angle, None] - joint.reference
    if joint.slides:
      place = place + offset * rotated(orientation, joint.axis)
      continue
    anchor = place + rotated(orientation, joint.anchor)
    turn = xp.concatenate([xp.cos(offset / 2), xp.sin(offset / 2) * joint.axis], axis=-1)
    orientation = product(orientation, turn)
    place = anchor - rotated(orientation, joint.anchor)
  return place, orientation


def ends_of(model: mujoco.MjModel, root: Root) -> Ends:
  """The ends of the limbs of a compiled model."""
  number = {root.body: -1}
  links: list[Link] = []
  for body in range(root.body + 1, model.nbody):  # parents come before their children
    if (parent := int(model.body_parentid[body])) not in number:
      continue
    number[body] = len(links)
    first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
    joints = tuple(_joint(model, root, joint) for joint in range(first, first + count))
    place, orientation = (x[body].astype(np.float32) for x in (model.body_pos, model.body_quat))
    links.append(Link(model.body(body).name, number[parent], place, orientation, joints))
  return Ends(tuple(links))


def _joint(model: mujoco.MjModel, root: Root, joint: int) -> Joint:
  address = int(model.jnt_qposadr[joint])
  return Joint(
    angle=address - root.nq,
    slides=bool(model.jnt_type[joint] == SLIDE),
    axis=model.jnt_axis[joint].astype(np.float32),
    anchor=model.jnt_pos[joint].astype(np.float32),
    reference=np.float32(model.qpos0[address]),
  )
