"""Protects runs of earlier versions: they go on as they would have."""

from __future__ import annotations

import json
import shutil

import orbax.checkpoint as ocp
from loop_tools import same_arrays, store

from mjx_humanoid import train
from mjx_humanoid.run.checkpoint import MANIFEST, digests

# Runs of earlier versions

# Of arrays in checkpoints, in the order in which they are replaced: today's names, and those before `format` 2.
ARRAYS = {
  '.context.requested': '.context.asked',
  '.context.target_position': '.context.place',
  "['env'].episode.": "['env'].",
}
SETTINGS = {  # the same of settings of the task, which had no sections
  'command': {
    'kind': 'commands',
    'value': 'command',
    'low': 'command_low',
    'high': 'command_high',
    'interval': 'command_interval',
    'rest': 'command_rest',
  },
  'station': {'gain': 'hold', 'radius': 'hold_radius'},
  'gait': {'frequency': 'gait_frequency', 'speedup': 'gait_hurry', 'duty': 'gait_duty'},
  'push': {'kind': 'pushes', 'force': 'push_force', 'duration': 'push_duration', 'interval': 'push_interval'},
}


def make_older(run):
  """Writes the config and the checkpoints of a run as earlier versions did."""
  config = json.loads((run / 'config.json').read_text())
  assert config.pop('format') == 2
  del config['custom'], config['task']['context']
  for section, names in SETTINGS.items():
    values = config['task'].pop(section)
    config['task'] |= {old: values[name] for name, old in names.items()}  # newer settings were not there
  (run / 'config.json').write_text(json.dumps(config))
  for step in store(run).steps():
    arrays, path = store(run).load(step)[1:]
    del arrays["['env'].length"]
    for new, old in ARRAYS.items():
      arrays = {name.replace(new, old): array for name, array in arrays.items()}
    shutil.rmtree(path)
    ocp.PyTreeCheckpointer().save(path, arrays)
    (path / MANIFEST).write_text(json.dumps(digests(path)))


def test_a_run_of_an_earlier_version_goes_on_exactly(finished_run, run_copy):
  """In all but the lengths of the episodes under way, which only metrics need: they were not kept then."""
  shutil.rmtree(store(run_copy).path(256))
  make_older(run_copy)
  assert {"['env'].context.asked", "['env'].context.place", "['env'].delay"} <= set(
    ocp.PyTreeCheckpointer().restore(store(run_copy).path(128))
  )
  train.main([f'--resume={run_copy}'])
  once, again = (store(run).load(256)[1] for run in (finished_run, run_copy))
  for arrays in (once, again):
    del arrays["['env'].length"]
  same_arrays(once, again)
  assert (run_copy / 'config.json').read_text() == (finished_run / 'config.json').read_text()
