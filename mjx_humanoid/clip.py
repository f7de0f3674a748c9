"""Lists, shows, checks and converts clips of motion capture: python -m mjx_humanoid.clip show walk"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.config.files import parser
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.files import check_free, check_writable, write_files

if TYPE_CHECKING:
  import argparse

  from mjx_humanoid.core.robot import Robot
  from mjx_humanoid.motions.capture import Capture
  from mjx_humanoid.motions.clip import Clip

EPILOG = """examples:
  python -m mjx_humanoid.clip list                          the clips of pybullet_data, or of $MJX_HUMANOID_CLIPS
  python -m mjx_humanoid.clip list motions                  those of a folder
  python -m mjx_humanoid.clip show walk --out=walk.mp4      person and robot, as a video; .png: eight times of it
  python -m mjx_humanoid.clip check walk                    what is wrong with it, with joint and frame
  python -m mjx_humanoid.clip convert walk --out=walk.npz   the robot's joint angles; .csv: as a table
  python -m mjx_humanoid.train --config=imitate --config.task.clip=walk
"""
FRAMERATE = 30


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parse(argv)
  {'list': list_clips, 'show': show, 'check': check, 'convert': convert}[arguments.action](arguments)


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments. Ends with a message where they are wrong."""
  arguments = parser('clip', __doc__ or '')
  arguments.epilog = EPILOG
  actions = arguments.add_subparsers(dest='action', required=True, metavar='list, show, check or convert')
  listing = actions.add_parser('list', help='the clips of a folder or a file, or those that are installed')
  listing.add_argument('place', nargs='?', default='', help='a folder or a file')
  helps = {
    'show': 'a picture or a video of person and robot',
    'check': 'what is wrong: limits, sinking, sliding, jumps',
    'convert': "the robot's motion as .npz or .csv",
  }
  for name, words in helps.items():
    one = actions.add_parser(name, help=words)
    one.add_argument('clip', help='a name that `list` shows, or a file: .txt of DeepMimic, .npz, .csv')
    one.add_argument('--robot', default='humanoid', help='name of the robot (%(default)s)')
    if name != 'check':
      one.add_argument('--out', required=name == 'convert', help='the file to write')
      one.add_argument('--force', action='store_true', help='overwrite a file that exists')
  return arguments.parse_args(argv)


def list_clips(arguments: argparse.Namespace) -> None:
  """Prints the clips with their lengths. Raises UserError where there are none."""
  from rich.console import Console
  from rich.table import Table
  from rich.text import Text

  from mjx_humanoid.motions.clips import clips_at

  table = Table(title='clips', title_justify='left')
  for heading, side in {'name': 'left', 'seconds': 'right', 'frames': 'right', 'loop': 'left', 'file': 'left'}.items():
    table.add_column(heading, justify=side)  # type: ignore[arg-type]
  refused = []
  for name, path in clips_at(arguments.place).items():
    try:
      motion = motion_of(path)
      seconds, frames, loop = f'{motion.seconds[-1]:.2f}', str(len(motion)), 'yes' if motion.loop else 'no'
      table.add_row(Text(name), seconds, frames, loop, Text(str(path)))
    except UserError as error:
      refused.append(str(error))
  Console().print(table)
  for reason in refused:
    print(f'left out: {reason}')


def show(arguments: argparse.Namespace) -> None:
  """Writes a picture or a video. Raises UserError."""
  from mjx_humanoid.core.opengl import choose_gl

  reference, robot = _asked(arguments)
  name = Path(reference).name.replace(':', '_')
  out = expanded(arguments.out) if arguments.out else Path(f'{name.removesuffix(".txt")}_clip.png')
  _check_out(out, ('.png', '.mp4'), force=arguments.force)
  choose_gl()  # before mujoco is imported, which then chooses its renderer
  import numpy as np

  from mjx_humanoid.media.clip_picture import clip_pictures, clip_sheet
  from mjx_humanoid.media.pose_picture import write_picture
  from mjx_humanoid.media.render import write_video

  clip, capture = _found(reference, robot), capture_of(Path(reference))
  if out.suffix == '.png':
    write_picture(out, clip_sheet(clip, capture, robot))
  else:
    seconds = np.arange(max(2, round(clip.duration * FRAMERATE))) / FRAMERATE
    write_video(out, list(clip_pictures(clip, capture, robot, seconds)), FRAMERATE)
  print(f'wrote {out}')
  print(f'next: python -m mjx_humanoid.train --config=imitate --config.task.clip={typed(arguments.clip)}')


def check(arguments: argparse.Namespace) -> None:
  """Prints what is wrong with a clip, and ends with exit status 1 if something is. Raises UserError."""
  reference, robot = _asked(arguments)
  from mjx_humanoid.motions.clip_check import check_clip

  clip = _found(reference, robot)
  findings = check_clip(clip, robot)
  kind = 'loop' if clip.loop else 'clip'
  print(f'{clip.name}: a {kind} of {clip.duration:.2f} s and {len(clip)} frames on {robot.name}')
  for finding in findings:
    print(f'  {finding.fault}: {finding.part}, frame {finding.frame}, {finding.said}')
  if findings:
    raise SystemExit(1)
  print('  nothing is wrong with it')


def convert(arguments: argparse.Namespace) -> None:
  """Writes the robot's motion. Raises UserError."""
  reference, robot = _asked(arguments)
  out = expanded(arguments.out)
  _check_out(out, ('.npz', '.csv'), force=arguments.force)
  from mjx_humanoid.motions.clip_files import csv_content

  clip = _found(reference, robot)
  write_files({out: clip.content() if out.suffix == '.npz' else csv_content(clip)}, 'the clip')
  print(f'wrote {out}: {clip.duration:.2f} s, {len(clip)} frames, {len(clip.joints)} joints of {robot.name}')
  print(f'next: python -m mjx_humanoid.train --config=imitate --config.task.clip={typed(out)}')


def motion_of(path: Path) -> Capture | Clip:
  """What a file holds: a person's motion, or a robot's. Raises UserError."""
  from mjx_humanoid.motions.clip_files import read_poses

  return capture_of(path) or read_poses(path)


def capture_of(path: Path) -> Capture | None:
  """The person's motion in a file; None for a robot's, and for the normative gait. Raises UserError."""
  from mjx_humanoid.motions.clip_files import FORMATS, OF_ROBOTS
  from mjx_humanoid.motions.clips import read_capture

  return read_capture(path) if path.suffix in FORMATS and path.suffix not in OF_ROBOTS else None


def _asked(arguments: argparse.Namespace) -> tuple[str, Robot]:
  """The file of the clip, or `gait`, and the robot. Raises UserError for an unknown one, or one without a skeleton."""
  from mjx_humanoid.motions.clips import path_of
  from mjx_humanoid.motions.natural import is_gait
  from mjx_humanoid.motions.skeleton import skeleton_of
  from mjx_humanoid.robots import robots

  robot = robots()[arguments.robot]
  skeleton_of(robot)
  return arguments.clip if is_gait(arguments.clip) else str(path_of(arguments.clip)), robot


def _found(reference: str, robot: Robot) -> Clip:
  """The clip, fitted to the robot. Raises UserError."""
  from mjx_humanoid.motions.clips import find_clip
  from mjx_humanoid.motions.skeleton import rig_of

  return find_clip(reference, robot).fitted(rig_of(robot).body, reference)


def _check_out(out: Path, suffixes: tuple[str, ...], *, force: bool) -> None:
  """Raises UserError for another suffix, a file that exists, or one that cannot be written."""
  if out.suffix not in suffixes:
    raise UserError(f'{out}: it must end in {" or ".join(suffixes)}.')
  check_free([out], force=force)
  check_writable(out)


if __name__ == '__main__':
  main()
