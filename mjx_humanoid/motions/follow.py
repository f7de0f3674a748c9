"""Poses of a robot that follow landmarks from frame to frame, each fitted from the one before it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mjx_humanoid.motions.bones import BONES, OF_TORSO, directions
from mjx_humanoid.motions.fit import Solver, fit
from mjx_humanoid.motions.landmarks import Landmarks
from mjx_humanoid.motions.skeleton import Rig

PULL = 0.01  # m, of error that a pose may keep in order to stay near the one before it; see fit.py


def follow(rig: Rig, frames: Iterable[Landmarks]) -> np.ndarray:
  """Poses [T, nq] whose bones point as those between the landmarks of each frame; the place of the root is at rest.

  Angles that a frame does not show, such as the twist of a straight leg, stay near those of the frame before; the roll
  of the feet, which no frame shows, stays at rest.

  Raises:
    UserError: shoulders or hips are not visible in a frame.
  """
  limbs = [bone for bone in BONES if bone not in OF_TORSO]
  moving = [joint for joint in rig.joints if joint != 'spine']
  found: list[np.ndarray] = []
  for landmarks in frames:
    if not found:
      found.append(fit(rig, landmarks).qpos)
      continue
    wanted, before = directions(landmarks), found[-1]
    torso, _ = Solver(rig, wanted.only(OF_TORSO), before, ['spine'], PULL, root=True).solve(before)
    rest = torso.copy()
    for joint in (joint for joint in rig.joints if joint.endswith('ankle')):
      rolls = rig.addresses(joint)[1:]
      rest[rolls] = rig.body.relaxed_qpos[rolls]
    known = [joint for joint in moving if wanted.joint_known(joint)]
    found.append(Solver(rig, wanted.only(limbs), rest, known, PULL).solve(torso)[0])
  return np.array(found)
