"""The report card of a policy in plain C MuJoCo: python -m mjx_humanoid.evaluate <run, policy or name>"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid._modules import make_callable
from mjx_humanoid.config_file import parser
from mjx_humanoid.errors import UserError, command, unknown

if TYPE_CHECKING:
  from mjx_humanoid.playback.rollout import Scene, Trajectories

ENGINES = ('native', 'mjx')
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
  'velocity_error': 'm/s',
  'turning_error': 'rad/s',
  'seconds_to_stand': 's',
}


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parser('evaluate', __doc__ or '')
  arguments.add_argument('policy', help='a run folder, a policy file or the name of a ready policy')
  arguments.add_argument('--episodes', type=int, default=100, help='perturbed starts (%(default)s)')
  arguments.add_argument('--seed', type=int, default=0, help='of the start states (%(default)s)')
  arguments.add_argument('--card', help="another report card than the policy's own task names")
  arguments.add_argument('--push', type=float, metavar='N', help='also push it with this force for 0.2 s every 4 s')
  arguments.add_argument('--engine', default='native', help='physics that judges: native (C MuJoCo) or mjx')
  arguments.add_argument(
    '--json', help="where the card goes; by default card.json in the run's folder, else <policy>_card.json here"
  )
  parsed = arguments.parse_args(argv)
  if not 1 <= parsed.episodes <= 10_000:
    raise UserError(f'--episodes={parsed.episodes} is out of range: 1 to 10000.')
  if parsed.seed < 0:
    raise UserError(f'--seed={parsed.seed} is out of range: 0 or more.')
  if parsed.push is not None and not 0 <= parsed.push <= 10_000:
    raise UserError(f'--push={parsed.push} is out of range: 0 to 10000 N.')
  if parsed.engine not in ENGINES:
    raise unknown('engine for --engine:', parsed.engine, ENGINES)
  card = evaluate(parsed.policy, parsed.episodes, parsed.seed, parsed.card, push=parsed.push, engine=parsed.engine)
  show(card)
  out = Path(parsed.json) if parsed.json else default_path(parsed.policy)
  try:
    out.write_text(json.dumps(card, indent=2) + '\n')
  except OSError as error:
    raise UserError(f'the card cannot be written to {out}: {error.strerror or error}.') from None
  print(f'wrote {out}')
  print(f'next: python -m mjx_humanoid.play {parsed.policy}')


def default_path(reference: str) -> Path:
  """card.json in the run's folder, or in the current one for a ready policy or a lone file."""
  path = Path(reference).resolve()
  return path / 'card.json' if path.is_dir() else Path(f'{path.stem}_card.json')


def evaluate(
  reference: str,
  episodes: int,
  seed: int,
  card: str | None = None,
  *,
  push: float | None = None,
  engine: str = 'native',
) -> dict[str, Any]:
  """Judges a policy. Raises UserError where it cannot be found or does not fit its robot.

  Args:
    push: force in N of a push every 4 s, beside what the card itself asks.
    engine: 'native' or 'mjx'.
  """
  import dataclasses

  from rich.console import Console

  from mjx_humanoid.playback.card import judge, pushed
  from mjx_humanoid.playback.find import load
  from mjx_humanoid.playback.rollout import check_fit, make_scene, rollout

  policy = load(reference)
  scene = make_scene(dataclasses.replace(policy.task, card=card or policy.task.card))
  check_fit(policy, scene)
  player, changes = rollout, {}
  if engine == 'mjx':
    from mjx_humanoid.run.mjx_rollout import mjx_rollout as player
  if push is not None:
    changes = pushed(push)
  with Console().status(f'{episodes} episodes of {policy.name}'):
    summary, paths = judge(scene, policy, episodes, seed, player, **changes)
    summary |= returns(scene, paths)
  extra = {'push': push} if push is not None else {}
  return {'policy': policy.name, 'engine': engine, **extra, **summary, 'info': policy.info}


def returns(scene: Scene, paths: Trajectories) -> dict[str, Any]:
  """The mean return of an episode, in all and by term, undiscounted.

  A reward that is a file of the user's is left out: what a policy file names is never run.
  """
  if '.py:' in scene.task.reward:
    return {'return': None, 'return_by_term': {}}
  from mjx_humanoid.tasks.scoring import score

  totals, terms = score(scene.task, scene.body, paths.views, paths.contexts, paths.terminated)
  return {'return': float(totals.mean()), 'return_by_term': {name: float(v.mean()) for name, v in terms.items()}}


def show(card: dict[str, Any]) -> None:
  """The card as a table."""
  from rich.console import Console
  from rich.table import Table

  table = Table(title=f'{card["policy"]}: {card["criteria"]}', title_justify='left')
  table.add_column('figure')
  table.add_column('mean', justify='right')
  table.add_column('least', justify='right')
  table.add_column('most', justify='right')
  for name, (least, most) in card['worst'].items():
    unit = f' [{UNITS[name]}]' if name in UNITS else ''
    table.add_row(
      f'{name.replace("_", " ")}{unit}'.replace('[', r'\['), *(f'{x:.3f}' for x in (card[name], least, most))
    )
  for name, value in card['return_by_term'].items():
    table.add_row(f'return: {name}', f'{value:.1f}', '', '')
  console = Console()
  console.print(table)
  verdict = 'PASSED' if card['passed'] else 'NOT PASSED'
  console.print(f'{verdict}: {card["success_rate"]:.0%} of {card["episodes"]} episodes', highlight=False)


make_callable(__name__)

if __name__ == '__main__':
  main()
