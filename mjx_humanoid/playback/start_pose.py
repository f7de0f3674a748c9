"""The pose that a user asks an episode to start in: of a photo, of landmarks, or of a pose library."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions.library import is_library, read_library
from mjx_humanoid.motions.photo import SUFFIXES
from mjx_humanoid.physics.body import Body
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.tasks.starts import at_pose


def start_in_pose(
  stages: Sequence[Stage], reference: str, name: str = '', *, noise: bool = False
) -> tuple[list[Stage], str]:
  """The stages with the first of them, or all that are compared, starting in a pose; and what is to be said of it.

  Args:
    reference: a photo, a .json of landmarks, or an .npz library.
    name: which pose of a library; '' is the first.
    noise: perturb it like the standing pose.

  Raises:
    UserError: no such file, nobody in the photo, no such pose, or a pose of another robot.
  """
  body = stages[0].task.body
  qpos, said = find_pose(expanded(reference), body, name)
  start = at_pose(qpos, noise=noise)
  return [stage._replace(task=dataclasses.replace(stage.task, start=start)) for stage in stages], said


def find_pose(path: Path, body: Body, name: str = '') -> tuple[np.ndarray, str]:
  """The pose [nq] of a file, and what is to be said of it. Raises UserError like `start_in_pose`."""
  if is_library(path.name):
    library = read_library(path)
    library.check(body, str(path))
    chosen = name or (library.names[0] if library.names else '')
    row = library.pose(chosen, str(path)) if chosen else library.qpos[0]
    others = f', the first of {len(library.qpos)}' if not name and len(library.qpos) > 1 else ''
    return body.root.normalized(row[None], str(path))[0], f'starts in the pose {chosen or 0}{others}'
  if name:
    raise UserError(f'--pose={name} is for a library, .npz; {path} holds one pose.')
  if path.suffix.lower() not in (*SUFFIXES, '.json'):
    raise UserError(f'--start={path}: it must be a photo ({", ".join(SUFFIXES)}), landmarks (.json) or poses (.npz).')
  return _of_person(path, body.robot)


def _of_person(path: Path, robot: Robot) -> tuple[np.ndarray, str]:
  from mjx_humanoid.motions.person import pose_of_file

  found = pose_of_file(path, robot)
  rest = ', '.join(joint.replace('_', ' ') for joint in found.missing)
  said = [f'starts in the pose of {path.name}', *([f'at rest: {rest}'] if rest else []), *found.notes]
  return found.qpos, '; '.join(line.rstrip('.') for line in said)
