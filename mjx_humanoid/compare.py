"""Trains configs with several seeds and compares them: python -m mjx_humanoid.compare --configs=a,b --out=folder"""

from __future__ import annotations

from collections.abc import Sequence

from mjx_humanoid.core import model_files
from mjx_humanoid.core.border import expanded, typed
from mjx_humanoid.core.config.files import parser, split_overrides
from mjx_humanoid.core.errors import UserError, command
from mjx_humanoid.core.files import check_writable

MOST_SEEDS = 100


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parser('compare', __doc__ or '')
  arguments.add_argument(
    '--configs', required=True, help='config files, or names of built-in configs, separated by commas'
  )
  arguments.add_argument('--seeds', type=int, default=5, help='trainings of each config (%(default)s)')
  arguments.add_argument(
    '--out', required=True, help='folder of the runs and of the report; runs in it are reused, or continued'
  )
  arguments.add_argument('--bar', type=float, default=0.95, help='success rate to be reached (%(default)s)')
  arguments.add_argument('--no-video', action='store_true', help='no video of the policies side by side')
  model_files.add_option(arguments)
  arguments.epilog = 'Settings for all trainings: --config.name=value, see python -m mjx_humanoid.train --help.'
  parsed, rest = arguments.parse_known_args(argv)
  overrides, names = split_overrides(rest), [name for name in parsed.configs.split(',') if name]
  if not names:
    raise UserError('--configs names no config.')
  if not 1 <= parsed.seeds <= MOST_SEEDS:
    raise UserError(f'--seeds={parsed.seeds} is out of range: 1 to {MOST_SEEDS}.')
  if not 0 < parsed.bar <= 1:
    raise UserError(f'--bar={parsed.bar} is out of range: more than 0, at most 1.')
  if chosen := [name for name in ('config.name', 'config.seed', 'config.run_dir') if name in overrides]:
    raise UserError(f'--{chosen[0]} is chosen by compare: leave it out.')
  from mjx_humanoid.studies.comparison import report
  from mjx_humanoid.studies.runs import train_all, wanted_runs

  out = expanded(parsed.out)
  check_writable(out / 'report.html')
  runs = wanted_runs(names, parsed.seeds, out, overrides)
  train_all(runs)
  print(f'wrote {report(runs, out, parsed.bar, video=not parsed.no_video)}')
  print(f'next: python -m mjx_humanoid.play --compare {" ".join(typed(run.folder) for run in runs[:: parsed.seeds])}')


if __name__ == '__main__':
  main()
