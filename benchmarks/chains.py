"""Which policy can follow which: falls of the second policy, started where the first one is.

  python benchmarks/chains.py stand kneel walk run getup follow

For each ordered pair the first policy plays `--seconds` from start states of its report card; episodes in which it
falls are left out. The second policy then plays 10 s from there, in converged physics. It has fallen if its task's
termination holds, or if the root is below the fallen height of the robot at the end.
"""

from __future__ import annotations

import argparse

import numpy as np
from common import save

import mjx_humanoid as mh
from mjx_humanoid.playback.chain import Stage, make_stages, steps_of
from mjx_humanoid.playback.rollout import rollout, start_states

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
    qpos, qvel = ends(first, arguments.seconds, arguments.episodes)
    row = {second.name: falls(second, qpos, qvel) for second in stages}
    pairs[first.name] = {'episodes': len(qpos), 'falls': row}
    print(f'{first.name:>14} ({len(qpos)}): ' + ', '.join(f'{name} {count}' for name, count in row.items()), flush=True)
  save('chains', {'seconds': arguments.seconds, 'after': AFTER, 'pairs': pairs})


def ends(stage: Stage, seconds: float, count: int) -> tuple[np.ndarray, np.ndarray]:
  """States qpos [N, nq] and qvel [N, nv] after some seconds of a policy, of episodes in which it is on its feet."""
  rng = np.random.default_rng(0)
  steps = steps_of(seconds, stage.task.body)
  start = start_states(stage.task, stage.model, rng, count)
  paths = rollout(stage.task, stage.model, stage.controller, *start, steps, rng=rng, stop_at_end=False)
  kept = ~paths.terminated[:, -1]
  return paths.views.qpos[kept, -1].astype(np.float64), paths.views.qvel[kept, -1].astype(np.float64)


def falls(stage: Stage, qpos: np.ndarray, qvel: np.ndarray) -> int:
  """In how many episodes a policy falls from these states."""
  rng, body = np.random.default_rng(1), stage.task.body
  paths = rollout(
    stage.task, stage.model, stage.controller, qpos, qvel, steps_of(AFTER, body), rng=rng, stop_at_end=False
  )
  low = body.root.height(paths.views.qpos[:, -1]) < body.robot.fallen_height
  return int((paths.terminated.any(axis=1) | low).sum())


if __name__ == '__main__':
  main()
