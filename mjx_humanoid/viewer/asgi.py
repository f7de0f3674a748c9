"""The gate in front of an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mjx_humanoid.viewer.gate import Gate, Visit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HEADERS = (  # of every answer: no other page may frame or embed it, nothing is sniffed or kept
  (b'x-frame-options', b'SAMEORIGIN'),
  (b'x-content-type-options', b'nosniff'),
  (b'cache-control', b'no-store'),
  (b'referrer-policy', b'no-referrer'),
  (b'content-security-policy', b"default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'"),
)


def visit_of(scope: Message) -> Visit:
  """What the gate looks at in an ASGI scope. Of a header that comes twice, no value counts."""
  headers: dict[str, str] = {}
  for name, value in scope['headers']:
    key = name.decode('latin-1').lower()
    headers[key] = '\0' if key in headers and key in ('host', 'origin') else value.decode('latin-1')
  return Visit(f'{scope["path"]}?{scope["query_string"].decode("latin-1")}', headers)


class Guarded:
  """An ASGI application behind the gate, which refuses requests before they reach it."""

  def __init__(self, app: App, gate: Gate) -> None:
    """Args: app: an ASGI application."""
    self._app, self._gate = app, gate

  async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
    """See the ASGI specification. Refused WebSockets are closed before they open, which servers answer with 403."""
    if scope['type'] not in ('http', 'websocket'):
      await self._app(scope, receive, send)
      return
    visit = visit_of(scope)
    refusal = self._gate.check(visit)
    if refusal is None and scope['type'] == 'websocket':
      await self._app(scope, receive, send)
    elif refusal is None:
      await self._app(scope, receive, self._with_headers(send, visit))
    elif scope['type'] == 'websocket':
      await receive()
      await send({'type': 'websocket.close', 'code': 1008, 'reason': refusal.reason})
    else:
      headers = [(b'content-type', b'text/plain; charset=utf-8'), *HEADERS]
      await send({'type': 'http.response.start', 'status': refusal.status, 'headers': headers})
      await send({'type': 'http.response.body', 'body': f'{refusal.reason}\n'.encode()})

  def _with_headers(self, send: Send, visit: Visit) -> Send:
    cookie = self._gate.set_cookie(visit)
    extra = [*HEADERS, *([(b'set-cookie', cookie.encode())] if cookie else [])]

    async def sending(message: Message) -> None:
      if message['type'] == 'http.response.start':
        message = {**message, 'headers': [*message.get('headers', []), *extra]}
      await send(message)

    return sending
