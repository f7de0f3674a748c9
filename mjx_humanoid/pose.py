"""Finds a person in a photo and puts the humanoid into that pose: python -m mjx_humanoid.pose show photo.jpg"""

from __future__ import annotations

import contextlib
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.callable_module import make_callable
from mjx_humanoid.core.config.files import parser
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.files import check_free, check_writable, write_json

if TYPE_CHECKING:
  import argparse

  from mjx_humanoid.core.robot import Robot
  from mjx_humanoid.motions.detector import Detector
  from mjx_humanoid.motions.person import BodyPose

EPILOG = """examples:
  python -m mjx_humanoid.pose show photo.jpg                 prints the angles, writes photo_pose.png
  python -m mjx_humanoid.pose show landmarks.json            the same from landmarks of any other detector
  python -m mjx_humanoid.pose library photos --out=poses.npz   a pose library from a folder of photos
  python -m mjx_humanoid.play walk_any_pose --start=photo.jpg  starts in that pose, then walks
"""


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parse(argv)
  (show if arguments.action == 'show' else library)(arguments)


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments, checked. Raises UserError."""
  arguments = parser('pose', __doc__ or '')
  arguments.epilog = EPILOG
  actions = arguments.add_subparsers(dest='action', required=True, metavar='show or library')
  one = actions.add_parser('show', help='the pose of one person: angles, and a picture')
  one.add_argument('file', help='a photo, or landmarks as .json')
  one.add_argument('--person', type=int, default=1, metavar='K', help='which person, 1 for the largest (%(default)s)')
  one.add_argument('--crop', metavar='X,Y,W,H', help='look only at this part of the photo, in pixels')
  one.add_argument('--out', help='the picture, .png; by default named after the photo, in the current folder')
  one.add_argument('--json', help='also write angles, qpos and landmarks there')
  many = actions.add_parser('library', help='a pose library from a folder of photos')
  many.add_argument('file', metavar='folder', help='a folder of photos, or of landmarks as .json')
  many.add_argument('--out', required=True, help='the library, .npz; its contact sheet, .png, goes beside it')
  for each in (one, many):
    each.add_argument('--robot', default='humanoid', help='name of the robot (%(default)s)')
    each.add_argument('--balance', action='store_true', help='move the pose until it is balanced')
    each.add_argument('--model', default='', help="the detector's model file, .task")
    each.add_argument(
      '--fetch-model', nargs='?', const='', metavar='SHA256', help='download the model file, with this digest if given'
    )
    each.add_argument('--force', action='store_true', help='overwrite files that exist')
  parsed = arguments.parse_args(argv)
  if parsed.action == 'show' and parsed.person < 1:
    raise UserError(f'--person={parsed.person} is out of range: 1 for the largest person, 2 for the next, ...')
  return parsed


def show(arguments: argparse.Namespace) -> None:
  """The pose of one person: prints angles, writes a picture. Raises UserError."""
  from mjx_humanoid.core.opengl import choose_gl

  file = expanded(arguments.file)
  out = expanded(arguments.out) if arguments.out else free_path(file, force=arguments.force)
  files = [_ending(out, '.png'), *([_ending(expanded(arguments.json), '.json')] if arguments.json else [])]
  if any(path.resolve() == file.resolve() for path in files):
    raise UserError(f'{file} is what the pose is taken from, and would be replaced: choose another --out or --json.')
  check_free(files, force=arguments.force)
  for path in files:
    check_writable(path)
  robot = _robot(arguments)
  from mjx_humanoid.motions.photo import parse_crop

  crop = parse_crop(arguments.crop) if arguments.crop else None
  choose_gl()  # before mujoco is imported, which then chooses its renderer
  from mjx_humanoid.media.pose_picture import pose_picture, write_picture
  from mjx_humanoid.motions.person import pose_of_file

  found = pose_of_file(
    file, robot, person=arguments.person, crop=crop, balance=arguments.balance, model=arguments.model
  )
  tell(found)
  if arguments.json:
    write_json(files[1], found.to_dict(), 'the pose')
  write_picture(out, pose_picture(found))
  print(f'wrote {", ".join(map(str, files))}')
  print(f'next: python -m mjx_humanoid.play walk_any_pose --start={typed(file)}')


def library(arguments: argparse.Namespace) -> None:
  """A pose library from a folder, and its contact sheet. Raises UserError if no person is found in it."""
  from rich.progress import track

  from mjx_humanoid.core.opengl import choose_gl

  out = _ending(expanded(arguments.out), '.npz')
  check_free([out, out.with_suffix('.png')], force=arguments.force)
  check_writable(out)
  robot = _robot(arguments)
  from mjx_humanoid.motions.photo import files_in

  files = files_in(expanded(arguments.file))
  choose_gl()
  from mjx_humanoid.media.pose_picture import pose_picture, sheet, write_picture
  from mjx_humanoid.motions.library import library_of, write_library
  from mjx_humanoid.motions.person import pose_of_file

  poses, refused = [], []
  with _detector(arguments, files) as detector:
    for file in track(files, description='finding people', transient=True):
      try:
        poses.append(pose_of_file(file, robot, balance=arguments.balance, detector=detector))
      except UserError as error:
        refused.append(str(error))
  for reason in refused:
    print(f'left out: {reason}')
  if not poses:
    raise UserError(f'no pose is found in the {len(files)} files of {arguments.file}: {refused[0]}')
  found = library_of(poses)
  write_library(found, out)
  write_picture(out.with_suffix('.png'), sheet([pose_picture(pose) for pose in poses]))
  for name, pose in zip(found.names, poses, strict=True):
    print(f'{name}: {"; ".join(pose.notes) or "found"}')
  print(f'wrote {out}, {len(poses)} poses, and {out.with_suffix(".png")}')
  print(f'next: python -m mjx_humanoid.play walk_any_pose --start={typed(out)} --pose={shlex.quote(found.names[0])}')


def tell(pose: BodyPose) -> None:
  """Prints the twelve angles with the joints that make them, then missing joints and notes."""
  from rich.console import Console
  from rich.table import Table
  from rich.text import Text

  from mjx_humanoid.motions.human_angles import ANGLES
  from mjx_humanoid.motions.skeleton import skeleton_of
  from mjx_humanoid.robots import robots

  hinges = dict(skeleton_of(robots()[pose.robot]).joints)
  table = Table(title=Text(f'{pose.name}: angles in degrees', 'table.title'), title_justify='left')
  for heading in ('angle', 'person', pose.robot, 'joints [degrees]'):
    table.add_column(Text(heading), justify='left' if heading in ('angle', 'joints [degrees]') else 'right')
  for name, angle in ANGLES.items():
    person = pose.person_angles[name]
    joints = ', '.join(f'{hinge} {math.degrees(pose.joints[hinge]):.0f}' for hinge in hinges[angle.joint])
    known = '-' if math.isnan(person) else f'{person:.0f}'
    table.add_row(name.replace('_', ' '), known, f'{pose.angles[name]:.0f}', Text(joints))
  Console().print(table)
  if pose.missing:
    print(f'not visible, and so at rest: {", ".join(name.replace("_", " ") for name in pose.missing)}')
  for note in pose.notes:
    print(f'note: {note}')


def free_path(file: Path, *, force: bool) -> Path:
  """The picture's path: named after the photo, in the current folder, with a number where that would replace one."""
  path, number = Path(f'{file.stem}_pose.png'), 1
  while not force and path.exists():
    number += 1
    path = Path(f'{file.stem}_pose-{number}.png')
  return path


def _detector(
  arguments: argparse.Namespace, files: Sequence[Path]
) -> contextlib.AbstractContextManager[Detector | None]:
  """The detector, loaded once; None where there are landmarks alone."""
  from mjx_humanoid.motions.bundle import find_model
  from mjx_humanoid.motions.detector import Detector
  from mjx_humanoid.motions.person import is_landmarks_file

  return contextlib.nullcontext() if all(map(is_landmarks_file, files)) else Detector(find_model(arguments.model))


def _robot(arguments: argparse.Namespace) -> Robot:
  """The robot, after the detector's model was fetched if that is asked for. Raises UserError."""
  from mjx_humanoid.motions.skeleton import skeleton_of
  from mjx_humanoid.robots import robots

  robot = robots()[arguments.robot]
  skeleton_of(robot)
  if arguments.fetch_model is not None:
    from mjx_humanoid.motions.bundle import fetch_model

    path, digest = fetch_model(arguments.fetch_model)
    print(f'fetched {path}, SHA-256 {digest}; this package knows no digest to compare it with')
  return robot


def _ending(path: Path, suffix: str) -> Path:
  if path.suffix != suffix:
    raise UserError(f'{path}: it must end in {suffix}.')
  return path


make_callable(__name__)

if __name__ == '__main__':
  main()
