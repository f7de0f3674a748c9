"""Measures the speed of training here, by engine and number of environments: python -m mjx_humanoid.benchmark

Each row is a process of its own, started twice: with an empty compilation cache, and with the cache that it leaves.
Physics alone (mujoco.batch, or vmapped mjx.step), collecting (the policy acts, no updates) and training are measured in
turns in the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.config.files import apply_overrides, load_config, parser, split_overrides
from mjx_humanoid.core.errors import UserError, command, unknown
from mjx_humanoid.core.files import check_free, check_writable

ON_CPU, ON_GPU = (128, 256, 512, 1024), (1024, 4096, 16384)
MOST_ENVS = 10**7
CHOSEN = ('config.num_envs', 'config.engine')


@command
def main(argv: Sequence[str]) -> None:
  """The command."""
  arguments = parser('benchmark', __doc__ or '')
  arguments.add_argument('--config', default='stand', help='config file, or the name of a built-in one (%(default)s)')
  arguments.add_argument('--engines', default='auto', help='auto, native, mjx, mjx-warp, separated by commas')
  arguments.add_argument('--num-envs', default='', help='numbers of environments, separated by commas')
  arguments.add_argument('--seconds', type=float, default=5.0, help='of each measurement (%(default)s)')
  arguments.add_argument('--out', metavar='PATH', help='also write PATH.json, and PATH.png with a plot')
  arguments.add_argument('--force', action='store_true', help='replace these files if they exist')
  arguments.epilog = 'Settings of the training: --config.name=value, see python -m mjx_humanoid.train --help.'
  parsed, rest = arguments.parse_known_args(argv)
  overrides = split_overrides(rest)
  engines, counts = engines_of(parsed.engines), counts_of(parsed.num_envs)
  if not 0 < parsed.seconds <= 3600:
    raise UserError(f'--seconds={parsed.seconds:g} is out of range: more than 0, at most 3600.')
  if chosen := [name for name in CHOSEN if name in overrides]:
    raise UserError(f'--{chosen[0]} is chosen by --engines and --num-envs: leave it out.')
  files = [Path(f'{expanded(parsed.out)}{ending}') for ending in ('.json', '.png')] if parsed.out else []
  check_free(files, force=parsed.force)
  for path in files:
    check_writable(path)
  apply_overrides(load_config(parsed.config), overrides)  # an error is raised before anything is measured
  from mjx_humanoid.studies.benchmark import NOTES, rows_of, write

  rows = rows_of(parsed.config, overrides, engines, counts, parsed.seconds)
  print(NOTES)
  if files:
    write(rows, parsed.config, *files)
    print(f'wrote {files[0]} and {files[1]}')


def engines_of(text: str) -> list[str]:
  """The engines of the command line. Raises UserError for an unknown one."""
  from mjx_humanoid.core.config.schema import ENGINES

  names = [name.strip() for name in text.split(',') if name.strip()]
  for name in names or ['']:
    if name not in ENGINES:
      raise unknown('engine', name, ENGINES)
  return names


def counts_of(text: str) -> list[int]:
  """The numbers of environments of the command line; by default those for this machine. Raises UserError."""
  if not text:
    return list(ON_GPU if any(Path(sign).exists() for sign in ('/dev/nvidia0', '/dev/kfd')) else ON_CPU)
  try:
    counts = [int(word.replace('_', '')) for word in text.split(',') if word.strip()]
  except ValueError:
    raise UserError(f'--num-envs={text} must be whole numbers separated by commas, such as 256,512.') from None
  if not counts or not all(1 <= count <= MOST_ENVS for count in counts):
    raise UserError(f'--num-envs={text} is out of range: each number must be 1 to {MOST_ENVS:,}.')
  return counts


if __name__ == '__main__':
  main()
