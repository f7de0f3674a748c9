"""Converts configs of earlier formats to the present names of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Format 1 had no sections inside `task`: old name -> present section and name.
MOVED = {
  'commands': ('command', 'kind'),
  'command': ('command', 'value'),
  'command_low': ('command', 'low'),
  'command_high': ('command', 'high'),
  'command_interval': ('command', 'interval'),
  'command_rest': ('command', 'rest'),
  'hold': ('station', 'gain'),
  'hold_radius': ('station', 'radius'),
  'gait_frequency': ('gait', 'frequency'),
  'gait_hurry': ('gait', 'speedup'),
  'gait_duty': ('gait', 'duty'),
  'pushes': ('push', 'kind'),
  'push_force': ('push', 'force'),
  'push_duration': ('push', 'duration'),
  'push_interval': ('push', 'interval'),
}
# Reward terms and observations that were renamed.
RENAMED = {
  'place': 'position',
  'place_error': 'position_error',
  'course': 'cross_track',
  'course_error': 'cross_track_error',
}


def migrate_task(task: Mapping[str, Any]) -> dict[str, Any]:
  """A task of format 1, converted to the present format."""
  migrated: dict[str, Any] = {}
  for name, value in task.items():
    if name in MOVED:
      section, leaf = MOVED[name]
      migrated.setdefault(section, {})[leaf] = value
    else:
      migrated[name] = value
  if 'weights' in migrated:
    migrated['weights'] = {RENAMED.get(term, term): weight for term, weight in migrated['weights'].items()}
  if 'observations' in migrated:
    migrated['observations'] = [RENAMED.get(name, name) for name in migrated['observations']]
  return migrated


def migrate_config(config: Mapping[str, Any]) -> dict[str, Any]:
  """A whole config of format 1, converted to the present format."""
  return {**config, 'task': migrate_task(config.get('task', {}))}
