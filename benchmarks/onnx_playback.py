"""Speed of an exported policy without this package: ONNX Runtime on one core, and start of a process.

  python benchmarks/onnx_playback.py

Exports the pretrained policy `stand` and measures actions/s, one observation at a time, and seconds from the start of
a process to its first action: Python, NumPy, MuJoCo and ONNX Runtime imported, the robot's model and the graph loaded.
All files have been read before, so that the disk is not measured. Everything runs on one core.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import save

from mjx_humanoid.playback.export_formats import export
from mjx_humanoid.playback.find import load

EXAMPLES = Path(__file__).resolve().parent.parent / 'examples'
ACTIONS = 20_000  # in one measurement of the rate
LEAST_RATE, MOST_SECONDS = 10_000, 1.0  # required rate and start time

# What both processes begin with; the observation is that of the start pose.
START = """
import json, sys, time
import mujoco, numpy as np, onnxruntime
from play_onnx import observe
file = sys.argv[1]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])
about = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
data = mujoco.MjData(mujoco.MjModel.from_xml_path(file.replace('.onnx', '.xml')))
seen = observe(data, about, 0, np.zeros(3), 1 + 0j, 0j)[None].astype(np.float32)
data.ctrl[:] = session.run(['action'], {'observation': seen})[0][0]
print('acted', flush=True)
"""
RATE = """
count = int(sys.argv[2])
start = time.perf_counter()
for _ in range(count):
  session.run(['action'], {'observation': seen})
print(count / (time.perf_counter() - start))
"""


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--policy', default='stand', help='run, policy file or pretrained policy (%(default)s)')
  parser.add_argument('--repetitions', type=int, default=9)
  arguments = parser.parse_args()
  if hasattr(os, 'sched_setaffinity'):
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
  with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / 'policy.onnx'
    export(load(arguments.policy), 'onnx', file)
    first_action(file)  # reads everything from disk once
    seconds = [first_action(file) for _ in range(arguments.repetitions)]
    rates = [actions_per_second(file) for _ in range(arguments.repetitions)]
  result: dict[str, Any] = {
    'policy': arguments.policy,
    'onnxruntime': importlib.metadata.version('onnxruntime'),
    'repetitions': arguments.repetitions,
    'actions_per_second': spread(rates),
    'seconds_to_first_action': spread(seconds),
  }
  passed = result['actions_per_second']['median'] >= LEAST_RATE
  passed &= result['seconds_to_first_action']['median'] <= MOST_SECONDS
  print(json.dumps(result, indent=2), f'\n{"PASSED" if passed else "NOT PASSED"}', flush=True)
  save('onnx_playback', {**result, 'passed': passed})


def process(code: str, file: Path) -> subprocess.Popen[str]:
  """A Python process that can import the example but not this package."""
  environment = {**os.environ, 'PYTHONPATH': str(EXAMPLES)}
  command = [sys.executable, '-c', code, str(file), str(ACTIONS)]
  return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=file.parent)


def first_action(file: Path) -> float:
  """Seconds from the start of the process to its first action."""
  start = time.perf_counter()
  with process(START, file) as child:
    assert child.stdout is not None
    line = child.stdout.readline()
    seconds = time.perf_counter() - start
  if line != 'acted\n':
    raise SystemExit('the process that should act has failed')
  return seconds


def actions_per_second(file: Path) -> float:
  """Actions per second in Python, one observation at a time."""
  with process(START + RATE, file) as child:
    out, _ = child.communicate()
  return float(out.split()[-1])


def spread(values: list[float]) -> dict[str, float]:
  """Minimum, median and maximum."""
  return {'least': min(values), 'median': statistics.median(values), 'most': max(values)}


if __name__ == '__main__':
  main()
