"""The report card of a policy in plain C MuJoCo: python -m mjx_humanoid.evaluate <run, policy or name>"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.callable_module import make_callable
from mjx_humanoid.core.config.files import parse, parser
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.files import check_writable, write_files, write_json
from mjx_humanoid.core.saved_code import ALLOW_HELP

if TYPE_CHECKING:
  from mjx_humanoid.playback.policy import Policy
  from mjx_humanoid.playback.rollout import Trajectories
  from mjx_humanoid.tasks.task import Task

UNITS = {
  'survival_seconds': 's',
  'mean_height': 'm',
  'height_error': 'm',
  'tilt': 'degrees',
  'drift': 'm',
  'speed': 'm/s',
  'mean_torque': 'N m',
  'mean_power': 'W',
  'joint_speed': 'rad/s',
  'sideways': 'm',
  'heading_error': 'degrees',
  'forward_speed': 'm/s',
  'leftward_speed': 'm/s',
  'velocity_error': 'm/s',
  'turning_error': 'rad/s',
  'seconds_to_stand': 's',
  'later_speed': 'm/s',
  'peak_force': 'body weights',
  'force_rate': 'body weights/s',
  'step_width': 'm',
  'stride_length': 'm',
  'cadence': 'steps/min',
  'vertical_movement': 'm',
  'asymmetry': 'degrees',
  'joint_error': 'degrees',
  'hip_error': 'degrees',
  'knee_error': 'degrees',
  'ankle_error': 'degrees',
}


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  parsed = argument_parser().parse_args(argv)
  if parsed.gymnasium is not None or parsed.env:
    return in_gymnasium(parsed)
  from rich.console import Console
  from rich.markup import escape

  from mjx_humanoid.playback.find import load
  from mjx_humanoid.run.evaluation import check, evaluate_policy

  numbers = {'episodes': parsed.episodes, 'seed': parsed.seed, 'push': parsed.push, 'engine': parsed.engine}
  check(**numbers)
  policy = load(parsed.policy, allow_code=parsed.allow_code)
  out = expanded(parsed.json) if parsed.json else default_path(parsed.policy)
  check_writable(out)
  picture = out.with_name(f'{out.stem}_gait.png') if parsed.plot else None
  if picture is not None:
    check_plot(policy)
    check_writable(picture)
  with Console().status(escape(f'{parsed.episodes} episodes of {policy.name}')):
    card, task, paths = evaluate_policy(policy, card=parsed.card, **numbers)
  show(card)
  write_json(out, card, 'the report card')
  print(f'wrote {out}')
  if picture is not None:
    write_plot(picture, card, task, paths)
  print(f'next: python -m mjx_humanoid.play {typed(parsed.policy)}')


def argument_parser() -> argparse.ArgumentParser:
  """The arguments of the command."""
  arguments = parser('evaluate', __doc__ or '')
  arguments.add_argument('policy', help='a run folder, a policy file or the name of a pretrained policy')
  arguments.add_argument('--episodes', type=int, default=100, help='number of episodes (%(default)s)')
  arguments.add_argument('--seed', type=int, default=0, help='seed of the start states (%(default)s)')
  arguments.add_argument(
    '--card', help="another report card than the policy's own task names, or path/to/file.py:function"
  )
  arguments.add_argument(
    '--push',
    type=float,
    metavar='N',
    help="push the robot with this force [N] for 0.2 s every 4 s, instead of the card's pushes",
  )
  arguments.add_argument('--engine', default='native', help='physics of the evaluation: native (C MuJoCo) or mjx')
  arguments.add_argument(
    '--json', help="output file; by default card.json in the run's folder, else <policy>_card.json here"
  )
  arguments.add_argument(
    '--plot',
    action='store_true',
    help='also plot hip, knee and ankle over the stride beside those of people, as <output file>_gait.png',
  )
  arguments.add_argument(
    '--gymnasium',
    metavar='ID',
    help="play in an environment of Gymnasium's registry instead, such as HalfCheetah-v5, and print the returns",
  )
  arguments.add_argument(
    '--env',
    action='append',
    default=[],
    metavar='NAME=VALUE',
    help='with --gymnasium: a keyword of the environment; may be given several times',
  )
  arguments.add_argument('--allow-code', action='store_true', help=ALLOW_HELP)
  model_files.add_option(arguments)
  return arguments


def check_plot(policy: Policy) -> None:
  """Raises UserError if matplotlib is missing, or the policy's robot has no legs to compare with those of people."""
  from mjx_humanoid.media.plots import check_matplotlib
  from mjx_humanoid.playback.rollout import task_and_model
  from mjx_humanoid.playback.strides import has_strides

  check_matplotlib()
  body = task_and_model(policy.task)[0].body
  if not has_strides(body):
    raise UserError(
      f'--plot needs two legs with hips, knees and ankles, and the datasheet of robot {body.robot.name!r} names none'
      ' in leg_joints.'
    )


def write_plot(picture: Path, card: dict[str, Any], task: Task, paths: Trajectories) -> None:
  """Writes the mean stride beside the normative gait; says so where the episodes have no stride."""
  from mjx_humanoid.media.gait_plot import gait_plot
  from mjx_humanoid.playback.strides import mean_strides

  curves = mean_strides(paths, task.body)
  if curves is None:
    print('no plot: the episodes have no whole stride after 2 s')
    return
  write_files({picture: gait_plot(curves, card)}, 'the plot')
  print(f'wrote {picture}')


def in_gymnasium(parsed: argparse.Namespace) -> None:
  """Plays a policy in an environment of Gymnasium's registry, prints its returns and writes them as JSON."""
  from rich.console import Console
  from rich.markup import escape

  from mjx_humanoid.playback.find import load
  from mjx_humanoid.run.evaluation import check
  from mjx_humanoid.run.gymnasium_scores import score

  if parsed.gymnasium is None:
    raise UserError('--env gives keywords of the environment of --gymnasium=ID, which is missing.')
  if parsed.card or parsed.push is not None or parsed.engine != 'native' or parsed.plot:
    raise UserError('--gymnasium plays in the environment as it is: leave out --card, --push, --engine and --plot.')
  check(parsed.engine, episodes=parsed.episodes, seed=parsed.seed)
  settings = keywords(parsed.env)
  policy = load(parsed.policy, allow_code=parsed.allow_code)
  out = expanded(parsed.json) if parsed.json else default_path(parsed.policy, 'gymnasium')
  check_writable(out)
  title = escape(f'{policy.name} in {parsed.gymnasium}')
  with Console().status(title) as status:

    def ended(count: int) -> None:
      status.update(f'{title}: {count} of {parsed.episodes} episodes')

    scores = score(policy, parsed.gymnasium, settings, parsed.episodes, parsed.seed, ended)
  told = ''.join(f', {name}={value}' for name, value in scores['settings'].items())
  print(f'{policy.name} in {parsed.gymnasium}{told}: {parsed.episodes} episodes')
  print('return  mean {return:.1f}, std {return_std:.1f}, min {return_min:.1f}, max {return_max:.1f}'.format(**scores))
  print('length  mean {length:.1f}, min {length_min}, max {length_max} steps'.format(**scores))
  write_json(out, scores, 'the returns')
  print(f'wrote {out}')
  print(f'next: python -m mjx_humanoid.play {typed(parsed.policy)}')


def keywords(arguments: Sequence[str]) -> dict[str, Any]:
  """NAME=VALUE each as a dict: values are Python's numbers, truth values and tuples, or else text."""
  found = {}
  for argument in arguments:
    name, equals, value = argument.partition('=')
    if not (name.isidentifier() and equals):
      raise UserError(f'--env {argument!r}: a keyword of the environment is given as --env NAME=VALUE.')
    found[name] = parse(Any, value, f'--env {name}')
  return found


def default_path(reference: str, kind: str = 'card') -> Path:
  """card.json in the run's folder; <policy>_card.json here for a pretrained policy or a single file.

  Args:
    kind: the name of the file, by default 'card'.
  """
  from mjx_humanoid.playback.find import POLICY_FILE

  path = expanded(reference).resolve()
  return path / f'{kind}.json' if (path / POLICY_FILE).is_file() else Path(f'{path.stem}_{kind}.json'.replace(':', '_'))


def show(card: dict[str, Any]) -> None:
  """Prints the card as a table."""
  from rich.console import Console
  from rich.table import Table
  from rich.text import Text

  table = Table(title=Text(f'{card["policy"]}: {card["criteria"]}', 'table.title'), title_justify='left')
  table.add_column('figure')
  table.add_column('mean', justify='right')
  table.add_column('least', justify='right')
  table.add_column('most', justify='right')
  for name in card['figures']:
    least, most = card['worst'][name]
    unit = f' [{UNITS[name]}]' if name in UNITS else ''
    table.add_row(Text(f'{name.replace("_", " ")}{unit}'), *(f'{x:.3f}' for x in (card[name], least, most)))
  for name, value in card['return_by_term'].items():
    table.add_row(Text(f'return: {name}'), f'{value:.1f}', '', '')
  console = Console()
  console.print(table)
  if note := card.get('return_note'):
    console.print(f'without returns: {note}', highlight=False, markup=False)
  verdict = 'PASSED' if card['passed'] else 'NOT PASSED'
  console.print(
    f'{verdict}: {card["success_rate"]:.0%} of {card["episodes"]} episodes{why_not(card)}',
    highlight=False,
    markup=False,
  )


def why_not(card: dict[str, Any]) -> str:
  """Why episodes did not pass, by the first condition that each did not meet: '; fell: 62, drifted: 30 of 100'."""
  counts = ', '.join(f'{name}: {count}' for name, count in card['failed'].items())
  return f'; {counts} of {card["episodes"]}' if counts else ''


make_callable(__name__)

if __name__ == '__main__':
  main()
