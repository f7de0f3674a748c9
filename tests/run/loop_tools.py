"""What the tests of whole trainings share."""

from __future__ import annotations

import json
import time

from mjx_humanoid.run.checkpoint import CheckpointStore


def store(folder):
  return CheckpointStore(folder / 'checkpoints', 9)


def go(loop, resume=False):
  return loop.run(loop.begin(resume))


def metrics(folder):
  return [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def same_arrays(first, second):
  """Bit for bit, every leaf: learner, environment, physics, keys and counters."""
  assert first.keys() == second.keys()
  different = [name for name in first if first[name].tobytes() != second[name].tobytes()]
  assert different == []


def metrics_lines(folder):
  return (folder / 'metrics.jsonl').read_text().count('\n')


def wait_for(ready, process, limit=240):
  end = time.monotonic() + limit
  while not ready():
    assert process.poll() is None, process.stderr.read()
    assert time.monotonic() < end, 'it never got that far'
    time.sleep(0.2)
