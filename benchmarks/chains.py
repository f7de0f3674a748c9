"""Which policy can follow which: falls of the second policy, started where the first one is.

  python benchmarks/chains.py stand kneel walk run getup follow

For each ordered pair the first policy plays `--seconds` from start states of its report card; episodes in which it
falls are left out. The second policy takes over within the last second, as in `play`, and plays 10 s, in converged
physics. It has fallen if its task's termination holds, or if the root is below the fallen height of the robot at the
end.
"""

from __future__ import annotations

import argparse

import numpy as np
from common import save

import mjx_humanoid as mh
from mjx_humanoid.core.types import View
from mjx_humanoid.playback.chain import Stage, make_stages, on_feet, steps_of, take_overs
from mjx_humanoid.playback.rollout import Trajectories, rollout, start_states

AFTER = 10.0  # s of the second policy


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('policies', nargs='+')
  parser.add_argument('--episodes', type=int, default=30)
  parser.add_argument('--seconds', type=float, default=5.0, help='of the first policy')
  arguments = parser.parse_args()
  stages = make_stages([mh.load(name) for name in arguments.policies], {})
  pairs = {}
  for first in stages:
    paths = played(first, arguments.seconds, arguments.episodes)
    row = {second.name: falls(first, second, paths) for second in stages}
    pairs[first.name] = {'episodes': len(paths.terminated), 'falls': row}
    counts = ', '.join(f'{name} {count}' for name, count in row.items())
    print(f'{first.name:>14} ({len(paths.terminated)}): {counts}', flush=True)
  save('chains', {'seconds': arguments.seconds, 'after': AFTER, 'pairs': pairs})


def played(stage: Stage, seconds: float, count: int) -> Trajectories:
  """Episodes [N, T, ...] of a policy, of which it is on its feet at the end."""
  rng = np.random.default_rng(0)
  start = start_states(stage.task, stage.model, rng, count)
  steps = steps_of(seconds, stage.task.body)
  paths = rollout(stage.task, stage.model, stage.controller, *start, steps, rng=rng, stop_at_end=False)
  kept = ~paths.terminated[:, -1]
  return paths._replace(views=View(*(x[kept] for x in paths.views)), terminated=paths.terminated[kept])


def falls(first: Stage, second: Stage, paths: Trajectories) -> int:
  """In how many episodes the second policy falls after the first."""
  count, length = paths.terminated.shape
  rows, ends = np.arange(count), np.array(take_overs(first, second, paths, [length] * count, later=False))
  qpos, qvel = (x[rows, ends - 1].astype(np.float64) for x in (paths.views.qpos, paths.views.qvel))
  return int((~on_feet(second, qpos, qvel, AFTER)).sum())


if __name__ == '__main__':
  main()
