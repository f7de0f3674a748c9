"""Ranges of what is asked of playback, the same for commands and functions."""

from __future__ import annotations

from typing import Any

from mjx_humanoid.core.border import plain
from mjx_humanoid.core.errors import UserError

LIMITS = {  # least, most, and the same in words
  'seconds': (0.1, 600, '0.1 to 600'),
  'framerate': (1, 240, '1 to 240'),
  'width': (16, 3840, '16 to 3840'),
  'height': (16, 2160, '16 to 2160'),
  'seed': (0, float('inf'), '0 or more'),
  'push': (0, 10_000, '0 to 10000 N'),
  'start_strength': (0, 100, '0 to 100'),
}
FASTEST = 10.0  # m/s and rad/s, of a command
WHOLE = ('framerate', 'width', 'height', 'seed')


def checked(**values: Any) -> dict[str, Any]:
  """Values by their names in LIMITS, and a `command`, in Python's own types. None stands for a default.

  Raises:
    UserError: a value of another type, or out of range.
  """
  values = {name: plain(value) for name, value in values.items()}
  command = values.get('command')
  if command is not None and not (len(command) == 3 and all(abs(x) <= FASTEST for x in command)):
    raise UserError(
      f'command={command} is out of range: forward, sideways and turning velocity, -10 to 10 m/s and rad/s.'
    )
  for name, value in values.items():
    if value is None or name == 'command':
      continue
    low, high, words = LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int if name in WHOLE else int | float):
      raise UserError(f'{name} must be a {"whole " if name in WHOLE else ""}number, not {value!r}.')
    if not low <= value <= high:
      raise UserError(f'{name}={value} is out of range: {words}.')
  return values
