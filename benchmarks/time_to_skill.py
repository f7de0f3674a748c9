"""Wall time from the start of the train command to the policy, and its report card, over several seeds.

  python benchmarks/time_to_skill.py --skill=stand --seeds=0,1,2,3,4

Each seed is one run of the command with its defaults, one after the other, in a folder that is deleted afterwards
(--keep=FOLDER keeps it). The evaluate command makes the report card, from other start states than those of the card at
the end of training. Exits with status 1 unless all seeds pass.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import RESULTS, save

POLL = 0.05  # s


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--skill', default='stand', help='name of a config')
  parser.add_argument('--seeds', default='0,1,2,3,4')
  parser.add_argument('--cold', action='store_true', help='start each run with an empty compilation cache')
  parser.add_argument('--episodes', type=int, default=100)
  parser.add_argument('--keep', type=Path, help='keep the run folders here, as <seed>/<skill>')
  arguments, overrides = parser.parse_known_args()
  runs, partial = [], RESULTS / f'time_to_skill_{arguments.skill}.partial.json'
  for seed in map(int, arguments.seeds.split(',')):
    with tempfile.TemporaryDirectory() as temporary:
      folder = arguments.keep / str(seed) if arguments.keep else Path(temporary)
      folder.mkdir(parents=True, exist_ok=True)
      run = one(arguments.skill, seed, arguments.episodes, folder, overrides, cold=arguments.cold)
    runs.append(run)
    print(
      f'seed {seed}: policy after {run["seconds_to_policy"]:.1f} s, first update after'
      f' {run["seconds_to_first_update"]:.1f} s, {run["timesteps"]:,} steps; {run["success_rate"]:.0%} of'
      f' {arguments.episodes} episodes, {run["mean_power"]:.0f} W -> {"passed" if run["passed"] else "NOT PASSED"}',
      flush=True,
    )
    # Except the folder, which depends on the machine.
    command = [word for word in sys.argv[1:] if not word.startswith('--keep') and word != str(arguments.keep)]
    result = {'command': command, 'runs': runs}
    partial.write_text(json.dumps(result, indent=2) + '\n')  # also if a later seed fails
  passed = sum(run['passed'] for run in runs)
  slowest = max(run['seconds_to_policy'] for run in runs)
  print(f'{arguments.skill}: {passed} of {len(runs)} seeds passed; the slowest policy took {slowest:.1f} s')
  save(f'time_to_skill_{arguments.skill}', result)
  partial.unlink()
  if passed < len(runs):
    sys.exit(1)


def one(skill: str, seed: int, episodes: int, folder: Path, overrides: list[str], *, cold: bool) -> dict[str, Any]:
  """One run of the train command, and one of evaluate."""
  environment = dict(os.environ)
  if cold:
    environment['JAX_COMPILATION_CACHE_DIR'] = str(folder / 'cache')
  command = [sys.executable, '-m', 'mjx_humanoid.train', f'--config={skill}', f'--config.seed={seed}']
  command += [f'--config.run_dir={folder}', f'--config.name={skill}', *overrides]
  run, start = folder / skill, time.time()
  process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
  metrics, policy = run / 'metrics.jsonl', run / 'policy.safetensors'
  first = wait_for(lambda: metrics.is_file() and metrics.stat().st_size > 0, process) - start
  output, _ = process.communicate()
  in_all = time.time() - start
  if process.returncode:
    raise SystemExit(f'the command failed:\n{output}')
  final = policy.stat().st_mtime - start  # also written at every checkpoint: this is the last
  card = folder / 'card.json'
  evaluate = [sys.executable, '-m', 'mjx_humanoid.evaluate', str(run), f'--episodes={episodes}', f'--json={card}']
  subprocess.run([*evaluate, '--seed=1234'], check=True, stdout=subprocess.DEVNULL)
  figures = json.loads(card.read_text())
  keep = ('passed', 'success_rate', 'survival_rate', *figures['worst'])  # every figure that the card measures
  return {
    'seed': seed,
    'seconds_to_first_update': round(first, 1),
    'seconds_to_policy': round(final, 1),
    'seconds_in_all': round(in_all, 1),
    'timesteps': figures['info']['timesteps'],
    **{name: figures[name] for name in dict.fromkeys(keep)},
  }


def wait_for(condition: Any, process: subprocess.Popen[str]) -> float:
  """The time at which `condition` first held."""
  while not condition():
    if process.poll() is not None and not condition():
      raise SystemExit(f'the command ended with status {process.returncode} too early')
    time.sleep(POLL)
  return time.time()


if __name__ == '__main__':
  main()
