"""From a person to the pose of a robot: landmarks or a photograph in, joint angles and a pose on the floor out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.robot import Robot
from mjx_humanoid.motions.bundle import find_model
from mjx_humanoid.motions.detector import Detector, Person
from mjx_humanoid.motions.fit import fit
from mjx_humanoid.motions.human_angles import human_angles
from mjx_humanoid.motions.landmarks import Landmarks, read_landmarks, to_rows
from mjx_humanoid.motions.photo import Crop, read_photo
from mjx_humanoid.motions.placement import Placed, place
from mjx_humanoid.motions.skeleton import Rig, rig_of

SMALL = 0.25  # of the picture's larger side: a person who is smaller is found better in a crop


@dataclass(frozen=True, eq=False)
class BodyPose:
  """A robot in the pose of a person."""

  name: str  # of the photograph or file, without its suffix
  robot: str
  qpos: np.ndarray = field(repr=False)  # [nq] on the floor, facing as the person does from the camera
  joints: dict[str, float]  # rad, of every hinge
  angles: dict[str, float]  # degrees, the twelve of motions/human_angles.py, of the robot
  person_angles: dict[str, float]  # the same of the person; NaN where not visible
  missing: tuple[str, ...]  # human joints that could not be told, and are at rest
  notes: tuple[str, ...]  # what else there is to know, a sentence each
  landmarks: Landmarks = field(repr=False)
  placed: Placed = field(repr=False)
  photo: np.ndarray | None = field(default=None, repr=False)  # uint8 [height, width, 3], as the detector saw it
  pixels: np.ndarray | None = field(default=None, repr=False)  # [33, 2] landmarks in the photo

  def to_dict(self) -> dict[str, Any]:
    """Everything but the photo as JSON types; its `landmarks` can be read again."""
    return {
      'name': self.name,
      'robot': self.robot,
      'angles': {name: round(value, 2) for name, value in self.angles.items()},
      'person_angles': {name: None if np.isnan(v) else round(v, 2) for name, v in self.person_angles.items()},
      'joints': {name: round(value, 5) for name, value in self.joints.items()},
      'qpos': [float(value) for value in self.qpos],
      'missing': list(self.missing),
      'notes': list(self.notes),
      'landmarks': to_rows(self.landmarks),
    }


def is_landmarks_file(path: Path) -> bool:
  """Whether a file holds landmarks rather than a picture."""
  return path.suffix.lower() == '.json'


def pose_of_file(
  path: Path,
  robot: Robot,
  *,
  person: int = 1,
  crop: Crop | None = None,
  balance: bool = False,
  model: str = '',
  detector: Detector | None = None,
) -> BodyPose:
  """The pose of the person in a photograph, or of the landmarks in a .json file.

  Args:
    person: which one in the photograph, by size; 1 is the largest.
    crop: the part of the photograph to look at.
    balance: move the pose until its centre of mass is above its support.
    model: the detector's model file; '' finds it, see motions/bundle.py.
    detector: one that is loaded already.

  Raises:
    UserError: a file that cannot be read, no such person, a body that is not all there, or a robot without a skeleton.
  """
  rig = rig_of(robot)
  if is_landmarks_file(path):
    if crop is not None or person != 1:
      raise UserError(f'{path} holds landmarks: --crop and --person are for photos.')
    return pose_of_landmarks(rig, read_landmarks(path), path.stem, balance=balance)
  photo = read_photo(path, crop)
  if detector is None:
    with Detector(find_model(model)) as loaded:
      people = loaded.people(photo)
  else:
    people = detector.people(photo)
  chosen, notes = choose_person(people, person, path, cropped=crop is not None)
  notes += small_person(chosen, photo, path)
  return pose_of_landmarks(rig, chosen.landmarks, path.stem, balance=balance, notes=notes, photo=photo, seen=chosen)


def choose_person(people: Sequence[Person], number: int, path: Path, *, cropped: bool) -> tuple[Person, list[str]]:
  """The person of a number, counted from 1 by size, and notes. Raises UserError if there is none."""
  if not people:
    where = 'in this part of it' if cropped else 'in it; where people are small, --crop=x,y,w,h around one helps'
    raise UserError(f'{path}: no person is found {where}.')
  if number > len(people):
    found = 'one person is' if len(people) == 1 else f'{len(people)} people are'
    raise UserError(f'{path}: {found} found in it, so there is no --person={number}.')
  notes = []
  if len(people) > 1:
    which = 'the largest' if number == 1 else f'number {number} by size'
    notes = [f'{len(people)} people are found; this is {which}. --person=k takes another.']
  return people[number - 1], notes


def small_person(person: Person, photo: np.ndarray, path: Path) -> list[str]:
  """A note where a person is small in the picture."""
  if person.size >= SMALL * max(photo.shape[:2]):
    return []
  return [f'the person is small in {path.name}; --crop=x,y,w,h around the person is more accurate.']


def pose_of_landmarks(
  rig: Rig,
  landmarks: Landmarks,
  name: str,
  *,
  balance: bool = False,
  notes: Sequence[str] = (),
  photo: np.ndarray | None = None,
  seen: Person | None = None,
) -> BodyPose:
  """The pose of a robot from landmarks, on the floor. Raises UserError if the torso is not visible."""
  found = fit(rig, landmarks)
  placed = place(rig, found.qpos, balance=balance)
  angles = placed.qpos[rig.body.root.nq :]
  return BodyPose(
    name=name,
    robot=rig.body.robot.name,
    qpos=placed.qpos,
    joints=dict(zip(rig.body.joint_names, map(float, angles), strict=True)),
    angles=human_angles(rig.landmarks(placed.qpos)),
    person_angles=human_angles(landmarks),
    missing=found.missing,
    notes=(*notes, *_placement_notes(placed, balance=balance)),
    landmarks=landmarks,
    placed=placed,
    photo=photo,
    pixels=None if seen is None else seen.pixels,
  )


def _placement_notes(placed: Placed, *, balance: bool) -> list[str]:
  notes = []
  if placed.overlap > 0.005:
    notes.append(f'parts of the robot still overlap by {100 * placed.overlap:.1f} cm.')
  if placed.off_balance > 0.005:
    rest = 'even so' if balance else 'it will step or fall; --balance moves the pose until it is not'
    notes.append(f'the centre of mass is {100 * placed.off_balance:.0f} cm beside the support: {rest}.')
  return notes
