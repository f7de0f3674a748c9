"""The function `mh.pose`: the command `pose show` for scripts and notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mjx_humanoid.core.border import expanded, plain, public
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.person import BodyPose, pose_of_file
from mjx_humanoid.motions.photo import parse_crop
from mjx_humanoid.robots import robots


@public
def pose(
  file: str | os.PathLike[str],
  *,
  robot: str = 'humanoid',
  person: int = 1,
  crop: Sequence[int] | None = None,
  balance: bool = False,
  model: str | os.PathLike[str] = '',
) -> BodyPose:
  """The robot in the pose of the person in a photo, or of the landmarks in a .json file.

  Args:
    robot: a name; its datasheet must have the skeleton of a humanoid.
    person: which person, by size in the photo; 1 is the largest.
    crop: (x, y, width, height) in pixels: the part of the photo to look at.
    balance: move the pose until its centre of mass is above its support.
    model: the detector's model file; by default that of MJX_HUMANOID_POSE_MODEL or the one in the cache.

  Returns: the pose. `angles` are twelve angles in degrees, `joints` those of the hinges in rad, `qpos` [nq] stands on
    the floor, `landmarks` are what was found, `missing` names joints that are not visible and so at rest.

  Raises:
    UserError: a file that cannot be read, no person in it, or a robot without a skeleton.
  """
  number = plain(person)
  if not isinstance(number, int) or number < 1:
    raise UserError(f'person={person!r} is out of range: 1 for the largest person, 2 for the next, ...')
  part = None if crop is None else parse_crop(','.join(map(str, plain(list(plain(crop))))))
  return pose_of_file(expanded(file), robots()[robot], person=number, crop=part, balance=balance, model=str(model))
