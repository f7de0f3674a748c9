"""Survival rate over push force, in C MuJoCo.

  python benchmarks/push_curve.py stand stand_robust walk

Each point is one report card with a push of 0.2 s in a random direction every 4 s, instead of the card's pushes.
`stand_robust` is judged by the card of `stand`, without randomization. An episode survives if the robot does not fall.
"""

from __future__ import annotations

import argparse
import dataclasses

from common import save

FORCES = (0, 25, 50, 75, 100, 125, 150, 175, 200, 250, 300)  # N


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('policies', nargs='+', help='runs, policy files or pretrained policies')
  parser.add_argument('--episodes', type=int, default=100)
  arguments = parser.parse_args()
  from mjx_humanoid.playback.find import load
  from mjx_humanoid.playback.judge import judge, pushed
  from mjx_humanoid.playback.rollout import task_and_model

  curves = {}
  for name in arguments.policies:
    policy = load(name)
    card = 'stand' if policy.task.card == 'stand_robust' else policy.task.card  # without the card's pushes
    task, model = task_and_model(dataclasses.replace(policy.task, card=card))
    curve = []
    for force in FORCES:
      summary, _ = judge(task, model, policy, arguments.episodes, 4321, **pushed(force))
      curve.append({'force': force, 'survival_rate': summary['survival_rate'], 'success_rate': summary['success_rate']})
      print(f'{name} {force:4d} N: {summary["survival_rate"]:.0%} survive, {summary["success_rate"]:.0%} pass')
    curves[name] = curve  # by argument: two runs of one config have the same name
  save('push_curve', {'episodes': arguments.episodes, 'push_seconds': 0.2, 'push_interval': 4.0, 'curves': curves})


if __name__ == '__main__':
  main()
