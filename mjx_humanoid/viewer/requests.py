"""What a face may ask of a simulation, as JSON messages: checked, and carried out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mjx_humanoid.viewer.simulation import finite

if TYPE_CHECKING:
  from mjx_humanoid.viewer.viewer import Viewer

LARGEST = 4096  # bytes of a message
Handler = Callable[['Viewer', Mapping[str, Any]], None]


class BadRequestError(ValueError):
  """A message that is malformed, or asks for what does not exist."""


def parse(text: str | bytes) -> dict[str, Any]:
  """A message as a dict. Raises BadRequestError if it is too long, no JSON object, or has no kind."""
  if len(text) > LARGEST:
    raise BadRequestError('too long')
  try:
    message = json.loads(text)
  except (ValueError, RecursionError):
    raise BadRequestError('no JSON') from None
  if not isinstance(message, dict) or str(message.get('kind')) not in HANDLERS:
    raise BadRequestError('no request')
  return message


def handle(viewer: Viewer, message: Mapping[str, Any]) -> None:
  """Carries out a message of `parse`. Raises BadRequestError if a value is missing, of another type or out of range."""
  try:
    HANDLERS[message['kind']](viewer, message)
  except BadRequestError:
    raise
  except (KeyError, TypeError, ValueError) as error:
    raise BadRequestError(str(error)) from None


def _flag(value: Any) -> bool:
  if not isinstance(value, bool):
    raise BadRequestError(f'{value!r} is neither true nor false')
  return value


def _text(value: Any) -> str:
  if not isinstance(value, str):
    raise BadRequestError(f'{value!r} is no text')
  return value


def _steer(viewer: Viewer, message: Mapping[str, Any]) -> None:
  viewer.simulation.steer(message['command'])


def _push(viewer: Viewer, message: Mapping[str, Any]) -> None:
  angle = math.radians(finite(message.get('degrees', 0.0), -360, 360))
  viewer.simulation.push(message['force'], angle, body=message.get('body'))


HANDLERS: dict[str, Handler] = {
  'steer': _steer,
  'push': _push,
  'pause': lambda viewer, message: viewer.simulation.pause(_flag(message['on'])),
  'step': lambda viewer, message: viewer.simulation.step_once(),
  'speed': lambda viewer, message: viewer.simulation.set_speed(message['value']),
  'reset': lambda viewer, message: viewer.simulation.reset(),
  'auto_reset': lambda viewer, message: viewer.simulation.set_auto_reset(_flag(message['on'])),
  'start': lambda viewer, message: viewer.simulation.choose_start(_text(message['name'])),
  'env': lambda viewer, message: viewer.simulation.select(message['index']),
  'policy': lambda viewer, message: viewer.choose_policy(_text(message['name'])),
  'save': lambda viewer, message: viewer.save_video(),
}
