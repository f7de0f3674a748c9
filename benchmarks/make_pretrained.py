"""Makes a pretrained policy from a run: policy, report card with config and versions, GIF, and numbers for its test.

  python benchmarks/make_pretrained.py runs/walk runs/run ...
  python benchmarks/make_pretrained.py stand kneel                  # pretrained policies, judged again by today's code

The policy gets the name of the run. Nothing is written unless the report card passes. Of policies that are judged again
the GIF stays.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mjx_humanoid as mh
from mjx_humanoid.playback.cards import find_card
from mjx_humanoid.playback.chain import cut, steps_of
from mjx_humanoid.playback.figures import measure
from mjx_humanoid.playback.judge import judge
from mjx_humanoid.playback.rollout import task_and_model

ROOT = Path(__file__).resolve().parent.parent
PRETRAINED, PICTURES = ROOT / 'mjx_humanoid' / 'policies', ROOT / 'assets'
SIZE = 200  # width and height of pictures in pixels
FRAMERATE = 15
COLOURS = 128
FIXTURE = ROOT / 'tests/fixtures/cards.json'  # see tests/playback/test_pretrained_cards.py
EPISODES = 4  # in the fixture
ROUNDING, TRIALS = 1e-7, 3  # noise added to actions, and how often, to see by how much rounding changes a figure
CAMERAS = {
  'walk': 'side',
  'walk_natural': 'side',
  'run': 'side',
  'clip_run': 'side',
  'kneel': 'track',
  'getup': 'track',
}
SHOWN = {'stand_robust': {'push': 150.0, 'seconds': 6.0}, 'kneel': {'seconds': 3.0}, 'getup': {'seconds': 4.0}}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('runs', nargs='+', type=Path)
  arguments = parser.parse_args()
  for folder in arguments.runs:
    name, again = folder.name, str(folder) == folder.name and not folder.is_dir()
    card = mh.evaluate(name if again else folder, episodes=100)
    print(f'{name}: {card["success_rate"]:.0%} of {card["episodes"]} episodes')
    if not card['passed']:
      sys.exit(f'{name} does not pass; nothing was written')
    config = config_of(PRETRAINED / f'{name}.json' if again else folder / 'config.json')
    (PRETRAINED / f'{name}.json').write_text(json.dumps({**card, 'config': config}, indent=2) + '\n')
    if not again:
      shutil.copy(folder / 'policy.safetensors', PRETRAINED / f'{name}.safetensors')
      draw(name)
    record(name)


def config_of(path: Path) -> dict[str, Any]:
  """The config of a run, or of a card, without the folder where it was trained."""
  found = json.loads(path.read_text())
  return {**found.get('config', found), 'run_dir': 'runs'}


def record(name: str) -> None:
  """The figures of a few episodes, and by how much rounding changes them, for the test of pretrained policies."""
  policy, noise = mh.load(name), np.random.default_rng(0)
  runs = [figures_of(policy, lambda action: action)]
  for _ in range(TRIALS):
    runs.append(figures_of(policy, lambda action: action + ROUNDING * noise.normal(size=action.shape)))
  (_, *exact), others = runs[0], runs[1:]
  # None: decided by rounding.
  passed = [each[0] if len(set(each)) == 1 else None for each in zip(*(run[0] for run in runs), strict=True)]
  parts = {}
  for number, part in enumerate(('first_second', 'whole'), 1):
    figures = exact[number - 1]
    parts[part] = {
      key: {
        'values': [float(f'{x:.9g}') for x in values],
        'rounding': float(f'{max(np.abs(other[number][key] - values).max() for other in others):.2g}'),
      }
      for key, values in figures.items()
    }
  known = json.loads(FIXTURE.read_text()) | {name: {'passed': passed, **parts}}
  FIXTURE.write_text(json.dumps(dict(sorted(known.items()))) + '\n')


def figures_of(policy: mh.Policy, change: Callable[[np.ndarray], np.ndarray]) -> tuple[Any, ...]:
  """Which of EPISODES pass, and the figures of their first second and of the whole, with changed actions."""
  task, model = task_and_model(policy.task)
  _, paths = judge(task, model, lambda *seen: change(policy(*seen)), EPISODES, 0)
  first, whole = measure(cut(paths, steps_of(1.0, task.body)), task.body), measure(paths, task.body)
  passed = find_card(policy.task.card).judge(whole, paths, task.body)
  return passed.tolist(), first, whole


def draw(name: str) -> None:
  """A small video of the pretrained policy, as a GIF that repeats."""
  from PIL import Image

  how = {'seconds': 4.0, 'camera': CAMERAS.get(name, 'track'), **SHOWN.get(name, {})}
  frames = mh.render(PRETRAINED / f'{name}.safetensors', width=SIZE, height=SIZE, framerate=FRAMERATE, **how)
  # One palette for all frames; otherwise colours would change between frames.
  palette = Image.fromarray(np.concatenate(frames[:: max(1, len(frames) // 8)])).quantize(COLOURS)
  images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
  path = PICTURES / f'{name}.gif'
  images[0].save(path, save_all=True, append_images=images[1:], duration=1000 // FRAMERATE, loop=0, optimize=True)
  print(f'wrote {path}, {path.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
  main()
