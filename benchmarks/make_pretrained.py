"""Makes a pretrained policy from a run: policy, report card with config and versions, and a GIF for the README.

  python benchmarks/make_pretrained.py runs/walk runs/run ...

The policy gets the name of the run. Nothing is written unless the report card passes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np

import mjx_humanoid as mh

ROOT = Path(__file__).resolve().parent.parent
PRETRAINED, PICTURES = ROOT / 'mjx_humanoid' / 'policies', ROOT / 'assets'
SIZE = 200  # width and height of pictures in pixels
FRAMERATE = 15
COLOURS = 128
CAMERAS = {'walk': 'side', 'run': 'side', 'kneel': 'track', 'getup': 'track'}
SHOWN = {'stand_robust': {'push': 150.0, 'seconds': 6.0}, 'kneel': {'seconds': 3.0}, 'getup': {'seconds': 4.0}}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('runs', nargs='+', type=Path)
  arguments = parser.parse_args()
  for folder in arguments.runs:
    name = folder.name
    card = mh.evaluate(folder, episodes=100)
    print(f'{name}: {card["success_rate"]:.0%} of {card["episodes"]} episodes')
    if not card['passed']:
      sys.exit(f'{name} does not pass; nothing was written')
    shutil.copy(folder / 'policy.safetensors', PRETRAINED / f'{name}.safetensors')
    config = json.loads((folder / 'config.json').read_text()) | {
      'run_dir': 'runs'
    }  # not the folder where it was trained
    (PRETRAINED / f'{name}.json').write_text(json.dumps({**card, 'config': config}, indent=2) + '\n')
    draw(name)


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
