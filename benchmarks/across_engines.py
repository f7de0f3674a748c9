"""Report cards of policies in both physics engines, C MuJoCo and MJX.

  python -m mjx_humanoid.train --config=walk --config.name=walk_mjx --config.engine=mjx
  python benchmarks/across_engines.py walk runs/walk_mjx

C MuJoCo uses a converged solver, MJX the training solver. Start states are the same.
"""

from __future__ import annotations

import argparse

from common import save

SEED = 1234  # start states differ from those of the report card at the end of training


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('policies', nargs='+', help='runs, policy files or pretrained policies')
  parser.add_argument('--episodes', type=int, default=100)
  arguments = parser.parse_args()
  from mjx_humanoid.playback.find import load
  from mjx_humanoid.run.evaluation import ENGINES, evaluate_policy

  rows = []
  for name in arguments.policies:
    for engine in ENGINES:
      card = evaluate_policy(load(name), episodes=arguments.episodes, seed=SEED, engine=engine).card
      trained = {
        'trained_in': card['info']['engine'],
        'seed': card['info']['seed'],
        'timesteps': card['info']['timesteps'],
      }
      figures = {figure: card[figure] for figure in ('passed', 'success_rate', 'survival_rate', *card['worst'])}
      rows.append({'policy': name, **trained, 'judged_in': engine, **figures})
      print(f'{name}, trained in {trained["trained_in"]}: {card["success_rate"]:.0%} pass in {engine}', flush=True)
  save('across_engines', {'episodes': arguments.episodes, 'rows': rows})


if __name__ == '__main__':
  main()
