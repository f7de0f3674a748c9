"""Renders episodes of a policy to MP4 and a contact sheet: python -m mjx_humanoid.play <run, policy or name>"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mjx_humanoid.config_file import parser
from mjx_humanoid.errors import UserError, command

if TYPE_CHECKING:
  import argparse

  import numpy as np

  from mjx_humanoid.playback.policy import Policy
  from mjx_humanoid.playback.rollout import Controller, Scene

LIMITS = {'episodes': (1, 100), 'seconds': (0.1, 600), 'framerate': (1, 240), 'width': (16, 3840), 'height': (16, 2160)}


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parse(argv)
  from mjx_humanoid.media.gl import choose_gl
  from mjx_humanoid.playback.find import load

  out = Path(arguments.out or f'{Path(arguments.policy).resolve().stem}.mp4')
  if out.suffix != '.mp4':
    raise UserError(f'--out={out}: videos are written as .mp4.')
  policy = load(arguments.policy)
  gl = choose_gl()
  render(policy, arguments, out, software=gl.software)
  print(f'wrote {out} and {sheet_path(out)}')
  print(f'next: python -m mjx_humanoid.evaluate {arguments.policy}')


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments, checked. Raises UserError."""
  arguments = parser('play', __doc__ or '')
  arguments.add_argument('policy', help='a run folder, a policy file or the name of a ready policy')
  arguments.add_argument('--out', help='the video, .mp4; by default named after the policy, in the current folder')
  actions = arguments.add_mutually_exclusive_group()
  actions.add_argument('--stochastic', action='store_true', help='sample actions as in training')
  actions.add_argument('--random', action='store_true', help='random actions, for comparison')
  arguments.add_argument('--episodes', type=int, default=1, help='how many, one after the other (%(default)s)')
  arguments.add_argument('--seconds', type=float, default=10.0, help='of each episode (%(default)s)')
  arguments.add_argument('--framerate', type=int, default=30, help='frames a second (%(default)s)')
  arguments.add_argument('--camera', default='track', help='track, front, side, back or egocentric (%(default)s)')
  arguments.add_argument('--width', type=int, default=640, help='pixels (%(default)s)')
  arguments.add_argument('--height', type=int, default=480, help='pixels (%(default)s)')
  arguments.add_argument('--seed', type=int, default=0, help='of start states and random actions (%(default)s)')
  parsed = arguments.parse_args(argv)
  if parsed.seed < 0:
    raise UserError(f'--seed={parsed.seed} is out of range: 0 or more.')
  for name, (low, high) in LIMITS.items():
    if not low <= getattr(parsed, name) <= high:
      raise UserError(f'--{name}={getattr(parsed, name)} is out of range: {low} to {high}.')
  return parsed


def sheet_path(video: Path) -> Path:
  """Where the contact sheet of a video lies."""
  return video.with_suffix('.png')


def controller_of(policy: Policy, arguments: argparse.Namespace, rng: np.random.Generator) -> Controller:
  """Deterministic, sampled or random actions."""
  if arguments.random:
    return lambda obs: rng.uniform(-1, 1, (len(obs), len(policy.log_std)))
  return lambda obs: policy(obs, rng if arguments.stochastic else None)


def render(policy: Policy, arguments: argparse.Namespace, out: Path, *, software: bool) -> None:
  """Plays, renders and writes the video and its contact sheet."""
  import numpy as np
  from rich.progress import track

  from mjx_humanoid.media import render as media
  from mjx_humanoid.playback.rollout import check_fit, make_scene

  media.writable(out)
  scene = make_scene(policy.task)
  check_fit(policy, scene)
  rng = np.random.default_rng(arguments.seed)
  qpos = play(scene, controller_of(policy, arguments, rng), arguments, rng)
  rows = media.frame_times(qpos.shape[1], scene.body.control_step, arguments.framerate)
  shown = np.concatenate([episode[rows] for episode in qpos])
  images = media.frames(
    scene.model, shown, camera=arguments.camera, width=arguments.width, height=arguments.height, software=software
  )
  pictures = list(track(images, description=f'rendering {policy.name}', total=len(shown), transient=True))
  media.write_video(out, pictures, arguments.framerate)
  media.write_sheet(sheet_path(out), pictures)


def play(scene: Scene, controller: Controller, arguments: argparse.Namespace, rng: np.random.Generator) -> np.ndarray:
  """qpos [episodes, steps, nq] of all episodes, each at its full length."""
  from mjx_humanoid.playback.rollout import rollout

  steps = max(1, round(arguments.seconds / scene.body.control_step))
  qpos, qvel = scene.starts(rng, arguments.episodes, scene.task.start_strength)
  return rollout(scene, controller, qpos, qvel, steps, stop_at_end=False).views.qpos


if __name__ == '__main__':
  main()
