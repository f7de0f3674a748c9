"""Shows a policy live in the browser, to steer and push it: python -m mjx_humanoid.view walk [--run=runs/x --follow]"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.config.files import parser
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.saved_code import ALLOW_HELP

if TYPE_CHECKING:
  import argparse

  from mjx_humanoid.viewer.viewer import Viewer

PORT = 8080
LOOPBACK = '127.0.0.1'
FOLDER = 'recordings'
BESIDE = 0.04  # s between two pictures of the scene beside a training
NOT_IN_STUDIO = {  # options that only the faces in a browser have, with their defaults
  'follow': False,
  'port': PORT,
  'host': LOOPBACK,
  'num-envs': 0,
  'start': '',
  'folder': FOLDER,
  'beside-training': False,
}
EPILOG = """examples:
  python -m mjx_humanoid.view follow                      steer, push and watch it in 3D
  python -m mjx_humanoid.view walk --mjpeg                pictures instead of 3D, for pages without WebGL
  python -m mjx_humanoid.view --run=runs/mine --follow    the newest policy of a training
  python -m mjx_humanoid.view walk --host=0.0.0.0         for other machines, with a token in the link
"""


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parse(argv)
  from mjx_humanoid.viewer import serving

  if arguments.studio:
    from mjx_humanoid.viewer import studio

    studio.check_display()
    studio.show(make_viewer(arguments), arguments.seed)
    return
  serving.check_installed('mjpeg' if arguments.mjpeg else 'scene')
  if arguments.mjpeg:
    from mjx_humanoid.core.opengl import choose_gl

    choose_gl()  # before mujoco is imported, which then chooses its renderer; UserError where there is none
  arguments.port = serving.free_port(arguments.host, arguments.port)
  os.environ.setdefault('JAX_PLATFORMS', 'cpu')  # a reward is small, and the GPU is the training's
  if arguments.beside_training:
    serving.lower_priority()
    serving.end_with_parent()
  serving.serve(make_viewer(arguments), arguments)


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments, checked. Raises UserError."""
  arguments = parser('view', __doc__ or '')
  arguments.epilog = EPILOG
  arguments.add_argument('policy', nargs='?', help='run folder, policy file or name of a pretrained policy (follow)')
  arguments.add_argument('--run', metavar='RUN', help='run folder, instead of a policy')
  arguments.add_argument('--follow', action='store_true', help="take the run's newest policy, and show learning curves")
  face = arguments.add_mutually_exclusive_group()
  face.add_argument('--mjpeg', action='store_true', help='a stream of pictures and a page, without WebGL')
  face.add_argument('--studio', action='store_true', help='in a window of MuJoCo Studio')
  arguments.add_argument('--port', type=int, default=PORT, help='0: any free one (%(default)s)')
  arguments.add_argument('--host', default=LOOPBACK, help='address to listen on; beyond this machine with a token')
  arguments.add_argument('--num-envs', type=int, default=0, help='environments side by side (1; with --follow 4)')
  arguments.add_argument('--start', default='', help='a further start to choose: a name, or path/to/poses.npz')
  arguments.add_argument('--folder', default=FOLDER, help='folder of saved videos (%(default)s)')
  arguments.add_argument('--seed', type=int, default=0, help='seed of start states and commands (%(default)s)')
  arguments.add_argument(
    '--beside-training',
    action='store_true',
    help='run at low priority, say when a page is open, and end with the process that started it',
  )
  arguments.add_argument('--allow-code', action='store_true', help=ALLOW_HELP)
  model_files.add_option(arguments)
  parsed = arguments.parse_args(argv)
  check(parsed)
  return parsed


def check(parsed: argparse.Namespace) -> None:
  """Raises UserError for arguments that are out of range or contradict each other."""
  if parsed.policy and parsed.run:
    raise UserError('name a policy or a --run, not both.')
  if parsed.follow and not parsed.run:
    raise UserError('--follow needs the folder of a run: --run=runs/NAME.')
  for name, default in NOT_IN_STUDIO.items():
    if parsed.studio and getattr(parsed, name.replace('-', '_')) != default:
      raise UserError(f'--{name} has no effect with --studio: leave out one of them.')
  for name, value, low, high in (
    ('port', parsed.port, 0, 65535),
    ('num-envs', parsed.num_envs, 0, 16),
    ('seed', parsed.seed, 0, float('inf')),
  ):
    if not low <= value <= high:
      raise UserError(f'--{name}={value} is out of range: {low} to {high}.')
  parsed.policy = parsed.policy or parsed.run or 'follow'
  parsed.num_envs = parsed.num_envs or (4 if parsed.follow else 1)
  if parsed.follow and not expanded(parsed.run).is_dir():
    raise UserError(f'there is no run {parsed.run}: start it first, or give its folder.')


def make_viewer(arguments: argparse.Namespace) -> Viewer:
  """The viewer; with --follow, waits for the first policy of the run. Raises UserError."""
  from mjx_humanoid.viewer.follow import Follower
  from mjx_humanoid.viewer.loop import INTERVAL
  from mjx_humanoid.viewer.starts import check_start
  from mjx_humanoid.viewer.viewer import Viewer, stage_of

  name, follower = arguments.policy, None
  if arguments.follow:
    follower = Follower(expanded(arguments.run), allow_code=arguments.allow_code)
    stage, name = follower.wait_for_first(lambda line: print(line, flush=True))
  else:
    stage = stage_of(name, allow_code=arguments.allow_code)
  check_start(stage, arguments.start)
  return Viewer(
    stage,
    name,
    folder=Path(os.path.abspath(expanded(arguments.folder))),
    num_envs=arguments.num_envs,
    seed=arguments.seed,
    extra_start=arguments.start,
    interval=BESIDE if arguments.beside_training else INTERVAL,
    follower=follower,
    allow_code=arguments.allow_code,
  )


if __name__ == '__main__':
  main()
