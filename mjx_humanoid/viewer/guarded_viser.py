"""A viser server behind the gate. By itself viser takes any Host, Origin and message, and 50 MB of it.

viser has no place for such checks, so while its server is made, the function of `websockets` that opens the port is
replaced by one that asks the gate. If a version of viser no longer calls it, nothing is served.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.viewer.gate import MOST_VIEWERS, Flow, Gate, Visit

if TYPE_CHECKING:
  import viser
  from websockets.asyncio.server import ServerConnection
  from websockets.datastructures import Headers
  from websockets.http11 import Request, Response

LARGEST = 8192  # bytes of a message
LONGEST_TEXT = 300  # characters of a value
# What pages send that is of use here. Others, such as a request for a public address of the page, go nowhere.
KNOWN = {
  'GuiUpdateMessage',
  'ViewerCameraMessage',
  'CommandTriggerMessage',
  'SceneNodeClickMessage',
}
DROPPED = {'GuiButtonHoldMessage', 'ScenePointerMessage', 'SceneNodeDragMessage', 'ShareUrlRequest'}
# viser's page moves the camera with the keys that steer here. This runs before its own script, and hides them from it.
KEYS = b"""<script>document.addEventListener('keydown', (event) => {
  if (/^Key[WASDQE]$/.test(event.code)) event.stopImmediatePropagation();
});</script>"""
HEADERS = {'X-Frame-Options': 'SAMEORIGIN', 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer'}


def visit_of(path: str, headers: Headers) -> Visit:
  """What the gate looks at in a request. Of a Host or Origin that comes twice, no value counts."""
  found = {name.lower(): ', '.join(headers.get_all(name)) for name in headers}
  for name in ('host', 'origin'):
    if len(headers.get_all(name)) > 1:
      found[name] = '\0'
  return Visit(path, found)


def is_welcome(raw: object) -> bool | None:
  """Whether a message may reach viser: True, None for one that is dropped, False for one that is malformed."""
  import msgspec

  if not isinstance(raw, bytes):
    return False
  try:
    message = msgspec.msgpack.decode(raw)
  except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
    return False
  if not isinstance(message, dict) or not isinstance(message.get('type'), str):
    return False
  kind = message['type']
  if kind == 'GuiUpdateMessage':
    return _is_value(message)
  return True if kind in KNOWN else None if kind in DROPPED or kind.isidentifier() else False


def _is_value(message: Mapping[str, Any]) -> bool:
  """Whether a change of a control is one of its value: viser would set any attribute that a page names."""
  updates = message.get('updates')
  if not isinstance(updates, dict) or set(updates) != {'value'} or not isinstance(message.get('uuid'), str):
    return False
  value = updates['value']
  return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST_TEXT)


def make_server(gate: Gate, label: str) -> viser.ViserServer:
  """A viser server on the gate's host and port, behind the gate.

  Args:
    label: shown in the page's title.

  Raises:
    UserError: the port was taken meanwhile, or this version of viser cannot be guarded.
  """
  import viser

  with _guarding(gate) as guarded, contextlib.redirect_stdout(io.StringIO()):  # viser prints a box
    server = viser.ViserServer(host=gate.host, port=gate.port, label=label, verbose=False)
  port = server.get_port()
  if not guarded or port != gate.port:
    server.stop()
    raise UserError(
      f'port {gate.port} was taken meanwhile: choose another --port, or 0 for any free one.'
      if guarded
      else f'viser {viser.__version__} cannot be guarded; install viser 1.1: pip install "mjx_humanoid[view]".'
    )
  server.get_event_loop().set_exception_handler(lambda loop, context: None)  # of values of a wrong type
  return server


@contextlib.contextmanager
def _guarding(gate: Gate) -> Iterator[list[str]]:
  """Inside, ports that `websockets` opens are guarded; the list is not empty after one was."""
  import websockets.asyncio.server

  library: Any = websockets.asyncio.server

  guarded: list[str] = []
  serve = library.serve

  def guarded_serve(handler: Callable[..., Any], host: str, port: int, **options: Any) -> Any:
    guarded.append(host)
    process = options.pop('process_request')
    limits: dict[str, Any] = {
      'max_size': LARGEST,
      'max_queue': 16,
      'ping_interval': 5,
      'ping_timeout': 10,
      'close_timeout': 2,
    }
    limits |= {'open_timeout': 10, 'server_header': None}
    return serve(
      _counted(handler, gate),
      host,
      port,
      **{**options, **limits},
      process_request=_checked(process, gate),
      create_connection=_limited_connection(),
    )

  library.serve = guarded_serve
  try:
    yield guarded
  finally:
    library.serve = serve


def _counted(handler: Callable[..., Any], gate: Gate) -> Callable[..., Any]:
  """The handler of a connection, for as many viewers as may be."""

  async def counted(connection: ServerConnection) -> None:
    if not gate.enter():
      await connection.close(1013, f'there are {MOST_VIEWERS} viewers already')
      return
    try:
      await handler(connection)
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError):  # of a message that viser cannot read
      await connection.close(1008, 'malformed message')
    finally:
      gate.leave()

  return counted


def _checked(process: Callable[..., Any], gate: Gate) -> Callable[..., Any]:
  """Answers a request: a refusal of the gate, or what viser answers."""

  def checked(connection: ServerConnection, request: Request) -> Response | None:
    visit = visit_of(request.path, request.headers)
    if refusal := gate.check(visit):
      return connection.respond(refusal.status, f'{refusal.reason}\n')
    with contextlib.suppress(KeyError):
      del request.headers['Accept-Encoding']  # the page is compressed inside, and is changed below
    answer: Response | None = process(connection, request)
    if answer is not None:
      _hide_keys(answer)
      for name, value in HEADERS.items():
        answer.headers[name] = value
      if cookie := gate.set_cookie(visit):
        answer.headers['Set-Cookie'] = cookie
    return answer

  return checked


def _hide_keys(answer: Response) -> None:
  """Adds KEYS to the page; leaves other files."""
  if b'<head>' in answer.body[:1000]:
    answer.body = answer.body.replace(b'<head>', b'<head>' + KEYS, 1)
    del answer.headers['Content-Length']
    answer.headers['Content-Length'] = str(len(answer.body))


def _limited_connection() -> type[ServerConnection]:
  from websockets.asyncio.server import ServerConnection

  class LimitedConnection(ServerConnection):
    """A connection that hands on only messages that are welcome and not too many."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
      super().__init__(*arguments, **options)
      self._flow = Flow()

    async def recv(self, decode: bool | None = None) -> Any:
      """The next message that may reach viser."""
      while True:
        raw = await super().recv(decode)
        if self._flow.admits():
          welcome = is_welcome(raw)
          if welcome:
            return raw
          if welcome is False:
            self._flow.blame()
        if self._flow.over:
          await self.close(1008, 'too many messages, or malformed ones')

  return LimitedConnection
