"""The report card of a policy in plain C MuJoCo: python -m mjx_humanoid.evaluate <run, policy or name>"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.callable_module import make_callable
from mjx_humanoid.core.config.files import parser
from mjx_humanoid.core.errors import command
from mjx_humanoid.core.files import check_writable, write_json
from mjx_humanoid.core.saved_code import ALLOW_HELP

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
}


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
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
  arguments.add_argument('--allow-code', action='store_true', help=ALLOW_HELP)
  model_files.add_option(arguments)
  parsed = arguments.parse_args(argv)
  from rich.console import Console
  from rich.markup import escape

  from mjx_humanoid.playback.find import load
  from mjx_humanoid.run.evaluation import check, evaluate_policy

  numbers = {'episodes': parsed.episodes, 'seed': parsed.seed, 'push': parsed.push, 'engine': parsed.engine}
  check(**numbers)
  policy = load(parsed.policy, allow_code=parsed.allow_code)
  out = expanded(parsed.json) if parsed.json else default_path(parsed.policy)
  check_writable(out)
  with Console().status(escape(f'{parsed.episodes} episodes of {policy.name}')):
    card = evaluate_policy(policy, card=parsed.card, **numbers)
  show(card)
  write_json(out, card, 'the report card')
  print(f'wrote {out}')
  print(f'next: python -m mjx_humanoid.play {typed(parsed.policy)}')


def default_path(reference: str) -> Path:
  """card.json in the run's folder; <policy>_card.json here for a pretrained policy or a single file."""
  from mjx_humanoid.playback.find import POLICY_FILE

  path = expanded(reference).resolve()
  return path / 'card.json' if (path / POLICY_FILE).is_file() else Path(f'{path.stem}_card.json')


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
