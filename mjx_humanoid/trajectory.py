"""Writes a rollout as MJCF keyframes, NumPy and CSV: python -m mjx_humanoid.trajectory <run, policy or name>"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.callable_module import make_callable
from mjx_humanoid.core.config.files import parser
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.files import check_free, check_writable, write_files
from mjx_humanoid.core.saved_code import ALLOW_HELP

if TYPE_CHECKING:
  import argparse

  from mjx_humanoid.playback.policy import Policy
  from mjx_humanoid.playback.trajectories import Trajectory

LIMITS = {'seconds': (0.1, 600), 'every': (1, 100_000)}
KINDS = ('.xml', '.npz', '.csv', '.png')
EPILOG = """files, of one deterministic episode without pushes:
  .xml  the robot's self-contained model with a keyframe for each control step: time, qpos and qvel at its beginning,
        and the constant ctrl, in [-1, 1], during it. In any MuJoCo, the physics steps of one control step lead from
        each keyframe to the next, bit for bit on the machine that wrote the file. For that, the controls of about
        one control step in two hundred are changed by about 1e-12. Start each control step from its keyframe:
        controls played one after the other without feedback do not keep the balance for long.
  .npz  the same for every control step, for any --every, with torque of the motors [N m], power [W], forces and
        contacts of the feet, sensors, and names; numpy.load reads it.
  .csv  the same as a table for plotting, with units in its header.
  .png  joint angles, torques, power and foot contacts over time, with --plot.
"""


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parse(argv)
  files = outputs(arguments.out, arguments.policy, plot=arguments.plot)
  from mjx_humanoid.playback.find import load

  check_free(list(files.values()), force=arguments.force)
  for path in files.values():
    check_writable(path)
  if arguments.plot:
    from mjx_humanoid.media.plots import check_matplotlib

    check_matplotlib()
  trajectory, contents = make(load(arguments.policy, allow_code=arguments.allow_code), arguments)
  write_files({files[kind]: content for kind, content in contents.items()}, 'the trajectory')
  print(summary(trajectory, arguments))
  print(f'wrote {", ".join(map(str, files.values()))}')
  print(f'next: python -m mujoco.viewer --mjcf={shlex.quote(str(files[".xml"]))}   (left: Simulation, Key, Load key)')


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments, checked. Raises UserError."""
  arguments = parser('trajectory', __doc__ or '')
  arguments.epilog = EPILOG
  arguments.add_argument('policy', help='a run folder, a policy file or the name of a pretrained policy')
  arguments.add_argument('--out', help='a folder, or a path without suffix; by default <name>_trajectory here')
  arguments.add_argument('--seconds', type=float, default=10.0, help='duration of the episode (%(default)s)')
  arguments.add_argument('--every', type=int, default=1, help='control steps between keyframes (%(default)s)')
  arguments.add_argument('--seed', type=int, default=0, help='seed of the start state and of commands (%(default)s)')
  arguments.add_argument(
    '--command', type=float, nargs=3, metavar=('FORWARD', 'LEFT', 'TURN'), help='commanded velocity [m/s, m/s, rad/s]'
  )
  arguments.add_argument(
    '--start-strength', type=float, metavar='X', help="perturbation of start states; by default the report card's"
  )
  arguments.add_argument('--plot', action='store_true', help='also write a plot, .png')
  arguments.add_argument('--force', action='store_true', help='overwrite files that exist')
  arguments.add_argument('--allow-code', action='store_true', help=ALLOW_HELP)
  model_files.add_option(arguments)
  parsed = arguments.parse_args(argv)
  if parsed.seed < 0:
    raise UserError(f'--seed={parsed.seed} is out of range: 0 or more.')
  if parsed.start_strength is not None and not 0 <= parsed.start_strength <= 100:
    raise UserError(f'--start-strength={parsed.start_strength} is out of range: 0 to 100.')
  if parsed.command and not all(abs(x) <= 10 for x in parsed.command):
    raise UserError(f'--command {parsed.command} is out of range: -10 to 10 m/s and rad/s.')
  for name, (low, high) in LIMITS.items():
    if not low <= getattr(parsed, name) <= high:
      raise UserError(f'--{name}={getattr(parsed, name)} is out of range: {low} to {high}.')
  return parsed


def outputs(out: str | None, policy: str, *, plot: bool) -> dict[str, Path]:
  """The path of each file, by its suffix."""
  of = expanded(policy).resolve()
  name = f'{of.name if of.is_dir() else of.stem}_trajectory'.replace(':', '_')
  base = expanded(name if out is None else out)
  if out is not None and (base.is_dir() or out.endswith(('/', os.sep))):
    base = base / name
  elif base.suffix in KINDS:
    base = base.with_suffix('')
  return {kind: base.with_name(base.name + kind) for kind in KINDS if plot or kind != '.png'}


def make(policy: Policy, arguments: argparse.Namespace) -> tuple[Trajectory, dict[str, bytes]]:
  """Plays the episode. Returns it, and the contents of its files by their suffixes."""
  import numpy as np
  from rich.console import Console
  from rich.markup import escape

  from mjx_humanoid.playback.judge import task_changes
  from mjx_humanoid.playback.keyframes import own_task, with_keyframes
  from mjx_humanoid.playback.trajectories import to_csv, to_npz, trace

  changes = task_changes(arguments.command, start_strength=arguments.start_strength)
  with Console().status(escape(f'{arguments.seconds:g} s of {policy.name}')):
    task, model, text = own_task(policy, changes)
    trajectory = trace(task, model, policy, arguments.seconds, np.random.default_rng(arguments.seed))
    contents = {
      '.xml': with_keyframes(text, trajectory, arguments.every).encode(),
      '.npz': to_npz(trajectory),
      '.csv': to_csv(trajectory).encode(),
    }
    if arguments.plot:
      from mjx_humanoid.media.plots import plot

      contents['.png'] = plot(trajectory, policy.name)
  return trajectory, contents


def summary(trajectory: Trajectory, arguments: argparse.Namespace) -> str:
  """A line about the recorded episode."""
  steps, every = len(trajectory.time), arguments.every
  wanted = max(1, round(arguments.seconds / trajectory.body.control_step)) + 1
  short = '' if steps == wanted else '; there the physics diverged, and the rest is left out'
  keys = f'{len(range(0, steps, every))} keyframes'
  return f'{steps} control steps up to {trajectory.time[-1]:.3f} s, {keys}{short}'


make_callable(__name__)

if __name__ == '__main__':
  main()
