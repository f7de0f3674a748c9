"""Renders episodes of policies to MP4 and a contact sheet: python -m mjx_humanoid.play <run, policy or name> ..."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.config.files import parser
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.files import check_free, check_writable
from mjx_humanoid.core.saved_code import ALLOW_HELP
from mjx_humanoid.core.user_objects import is_own

if TYPE_CHECKING:
  import argparse

  import numpy as np

  from mjx_humanoid.playback.chain import Played, Stage
  from mjx_humanoid.playback.policy import Policy

LIMITS = {'episodes': (1, 100), 'seconds': (0.1, 600), 'framerate': (1, 240), 'width': (16, 3840), 'height': (16, 2160)}
EPILOG = """examples:
  python -m mjx_humanoid.play walk                           one pretrained policy
  python -m mjx_humanoid.play getup stand walk               one after the other, each from where the last ended
  python -m mjx_humanoid.play --compare runs/mine walk random  side by side, from the same start
  python -m mjx_humanoid.play runs/follow --command 1 0 0.5  forward 1 m/s, sideways 0, turning left 0.5 rad/s
  python -m mjx_humanoid.play stand --push 150               pushed by 150 N for 0.2 s, every 4 s
  python -m mjx_humanoid.play walk --start=photo.jpg         from the pose of the person in a photo
  python -m mjx_humanoid.play biped --policy=reference       the reference gait in a task, without learning
"""


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parse(argv)
  from mjx_humanoid.core.opengl import choose_gl

  out = expanded(output(arguments))
  if out.suffix != '.mp4':
    raise UserError(f'--out={out}: videos are written as .mp4.')
  policies = load_all(arguments)
  gl = choose_gl()  # before mujoco is imported, which then chooses its renderer
  from mjx_humanoid.media import render

  check_free([out, sheet_path(out)], force=arguments.force)
  check_writable(out)
  check_writable(sheet_path(out))
  stages = started(make_stages(policies, arguments), arguments)
  pictures = shoot(stages, arguments, software=gl.software)
  render.write_video(out, pictures, arguments.framerate)
  picks = render.sheet_frames(len(pictures), arguments.framerate, stride_frequency(stages, compare=arguments.compare))
  render.write_sheet(sheet_path(out), pictures, picks)
  print(f'wrote {out} and {sheet_path(out)}')
  judged = next((name for name in arguments.policy if name != 'random'), arguments.policy[0])
  print(f'next: python -m mjx_humanoid.evaluate {typed(judged)}')


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments, checked. Raises UserError."""
  arguments = parser('play', __doc__ or '')
  arguments.epilog = EPILOG
  add_policies(arguments)
  arguments.add_argument('--out', help='output file, .mp4; by default named after the policies, in the current folder')
  actions = arguments.add_mutually_exclusive_group()
  actions.add_argument('--stochastic', action='store_true', help='sample actions as in training')
  actions.add_argument('--random', action='store_true', help='random actions, for comparison')
  arguments.add_argument('--episodes', type=int, default=1, help='number of episodes (%(default)s)')
  arguments.add_argument(
    '--seconds', type=float, default=10.0, help='duration of each policy in an episode (%(default)s)'
  )
  arguments.add_argument(
    '--command', type=float, nargs=3, metavar=('FORWARD', 'LEFT', 'TURN'), help='commanded velocity [m/s, m/s, rad/s]'
  )
  arguments.add_argument(
    '--push', type=float, metavar='N', help='push the robot with this force [N] for 0.2 s every 4 s'
  )
  add_starts(arguments)
  arguments.add_argument('--force', action='store_true', help='overwrite files that exist')
  arguments.add_argument('--framerate', type=int, default=30, help='frames per second (%(default)s)')
  arguments.add_argument(
    '--camera', default='track', help='camera: track, front, side, back or egocentric (%(default)s)'
  )
  arguments.add_argument('--width', type=int, default=640, help='width in pixels (%(default)s)')
  arguments.add_argument('--height', type=int, default=480, help='height in pixels (%(default)s)')
  arguments.add_argument('--seed', type=int, default=0, help='seed of start states, actions (%(default)s)')
  arguments.add_argument('--allow-code', action='store_true', help=ALLOW_HELP)
  model_files.add_option(arguments)
  parsed = arguments.parse_args(argv)
  if parsed.instead:
    parsed.policy = [f'{parsed.instead}:{name}' for name in parsed.policy]
  check_ranges(parsed)
  return parsed


def add_starts(arguments: argparse.ArgumentParser) -> None:
  """Adds the options that say how episodes start."""
  arguments.add_argument(
    '--start-strength', type=float, metavar='X', help="perturbation of start states; by default the report card's"
  )
  arguments.add_argument(
    '--start', metavar='FILE', help='start in the pose of a photo, of landmarks (.json), or of a library (.npz)'
  )
  arguments.add_argument('--pose', default='', metavar='NAME', help='which pose of that library; by default the first')


def add_policies(arguments: argparse.ArgumentParser) -> None:
  """The arguments that say what is played."""
  arguments.add_argument('policy', nargs='+', help='run folders, policy files or names of pretrained policies')
  arguments.add_argument(
    '--compare', action='store_true', help="side by side; 'random' means random actions, 'reference' the reference gait"
  )
  arguments.add_argument(
    '--policy',
    dest='instead',
    choices=('reference',),
    help='play the reference gait in the tasks of these configs or policies; the same as reference:NAME',
  )


def check_ranges(parsed: argparse.Namespace) -> None:
  """Raises UserError for a number that is out of range."""
  if parsed.seed < 0:
    raise UserError(f'--seed={parsed.seed} is out of range: 0 or more.')
  if parsed.push is not None and not 0 <= parsed.push <= 10_000:
    raise UserError(f'--push={parsed.push} is out of range: 0 to 10000 N.')
  if parsed.start_strength is not None and not 0 <= parsed.start_strength <= 100:
    raise UserError(f'--start-strength={parsed.start_strength} is out of range: 0 to 100.')
  if parsed.command and not all(abs(x) <= 10 for x in parsed.command):
    raise UserError(f'--command {parsed.command} is out of range: -10 to 10 m/s and rad/s.')
  for name, (low, high) in LIMITS.items():
    if not low <= getattr(parsed, name) <= high:
      raise UserError(f'--{name}={getattr(parsed, name)} is out of range: {low} to {high}.')


def output(arguments: argparse.Namespace) -> Path:
  """The path of the video: by default named after the policies, with a number where that would replace another."""
  if arguments.out:
    return Path(arguments.out)
  places = [expanded(policy).resolve() for policy in arguments.policy]
  names = [place.name if place.is_dir() else place.name.removesuffix('.safetensors') for place in places]
  name = '_'.join(names).replace(':', '_')  # of reference:biped
  path, number = Path(f'{name}.mp4'), 1
  while not arguments.force and (path.exists() or sheet_path(path).exists()):
    number += 1
    path = Path(f'{name}-{number}.mp4')
  return path


def stride_frequency(stages: Sequence[Stage], *, compare: bool) -> float:
  """Strides per second of a video of one gait that goes on; 0 for others, whose whole course matters."""
  from mjx_humanoid.playback.cards import find_card

  if len(stages) > 1 and not compare:
    return 0.0
  config = next((stage.task.config for stage in stages if stage.name != 'random'), stages[0].task.config)
  return 0.0 if is_own(config.card) or find_card(config.card).goal else config.gait.frequency


def sheet_path(video: Path) -> Path:
  """The path of the contact sheet of a video."""
  return video.with_suffix('.png')


def load_all(arguments: argparse.Namespace) -> list[Policy | None]:
  """The policies; None means random actions. Raises UserError if one cannot be loaded."""
  from mjx_humanoid.playback.find import RANDOM, REFERENCE, load

  if any(name.startswith(REFERENCE) for name in arguments.policy):
    from mjx_humanoid.core.opengl import choose_gl

    choose_gl()  # a gait is made from the model of its robot, which imports mujoco
  stand_ins = (RANDOM, REFERENCE) if arguments.compare else ()
  policies = [None if name in stand_ins else load(name, allow_code=arguments.allow_code) for name in arguments.policy]
  if not any(policies):
    raise UserError(f'--compare needs a policy beside {arguments.policy[0]!r}, in whose task it is played.')
  if REFERENCE in stand_ins and REFERENCE in arguments.policy:
    gait = load(f'{REFERENCE}:{arguments.policy[next(i for i, policy in enumerate(policies) if policy)]}')
    policies = [gait if name == REFERENCE else x for name, x in zip(arguments.policy, policies, strict=True)]
  return policies


def make_stages(policies: list[Policy | None], arguments: argparse.Namespace) -> list[Stage]:
  """The stages of the policies, with the options of the arguments. Raises UserError."""
  import numpy as np

  from mjx_humanoid.playback.chain import make_stages, random_stage
  from mjx_humanoid.playback.judge import task_changes

  for policy in policies:
    if policy and arguments.command and 'command' not in policy.task.observations:
      print(f'note: {policy.name} was trained for one command and cannot observe another; `follow` can.')
  rng = np.random.default_rng(arguments.seed)
  sampling = rng if arguments.stochastic else None
  changes = task_changes(arguments.command, arguments.push, arguments.start_strength)
  stages = make_stages(policies, changes, sampling, noise=rng, compare=arguments.compare)
  return [random_stage(stage, rng) for stage in stages] if arguments.random else stages


def started(stages: list[Stage], arguments: argparse.Namespace) -> list[Stage]:
  """The stages, starting in the pose of --start if there is one. Raises UserError."""
  if not arguments.start:
    if arguments.pose:
      raise UserError(f'--pose={arguments.pose} names a pose of a library: give the library too, --start=poses.npz.')
    return stages
  from mjx_humanoid.playback.start_pose import start_in_pose

  found, said = start_in_pose(stages, arguments.start, arguments.pose, noise=arguments.start_strength is not None)
  print(said)
  return found


def shoot(stages: list[Stage], arguments: argparse.Namespace, *, software: bool) -> list[np.ndarray]:
  """Plays and renders: the frames of the video."""
  import numpy as np
  from rich.progress import track

  from mjx_humanoid.media.film import Look, film, lanes, side_by_side
  from mjx_humanoid.playback.chain import play_chain

  look = Look(arguments.camera, arguments.width, arguments.height, arguments.framerate, software)

  def progress(images: Iterable[np.ndarray], count: int) -> Iterable[np.ndarray]:
    return track(images, description='rendering', total=count, transient=True)

  films = []
  for lane in lanes(stages, compare=arguments.compare):
    # A new generator for each episode, so that compared policies have the same start states.
    generators = [np.random.default_rng([arguments.seed, i]) for i in range(arguments.episodes)]
    episodes = [play_chain(lane, rng, arguments.seconds) for rng in generators]
    for number, line in ((i, line) for i, episode in enumerate(episodes, 1) for line in summaries(episode)):
      print(f'episode {number}: {line}' if len(episodes) > 1 else line)
    films.append(film(episodes, look, progress, label=len(stages) > 1))
  return side_by_side(films)


def summaries(episode: Sequence[Played]) -> Iterator[str]:
  """A line for each policy of an episode: what became of it, and of a chain whether it reached its goal, and when."""
  from mjx_humanoid.playback.outcome import goal_of, outcome

  for played, following in itertools.pairwise(episode):
    task, then = played.stage.task, following.stage.task
    seconds = played.paths.terminated.shape[1] * task.body.control_step
    missed = 'its time over' if goal_of(task) is None else 'its time over, its goal not reached,'
    end = f'{"done" if played.done else missed} after {seconds:.1f} s'
    motors = '' if task.config.robot == then.config.robot else f', with the motors of {then.config.robot}'
    yield f'{played.stage.name}: {end}; {following.stage.name} goes on{motors}'
  yield f'{episode[-1].stage.name}: {outcome(episode[-1])}'


if __name__ == '__main__':
  main()
