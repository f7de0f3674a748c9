"""Protects the gate in front of an ASGI application, without any server."""

from __future__ import annotations

import asyncio

import pytest

from mjx_humanoid.viewer.asgi import Guarded, visit_of
from mjx_humanoid.viewer.gate import Gate


async def application(scope, receive, send):
  kind = scope['type']
  await send({'type': f'{kind}.response.start' if kind == 'http' else 'websocket.accept', 'status': 200, 'headers': []})


def call(gate, kind='http', path='/', query=b'', headers=()):
  sent = []

  async def receive():
    return {'type': 'websocket.connect'}

  async def send(message):
    sent.append(message)

  scope = {'type': kind, 'path': path, 'query_string': query, 'headers': list(headers)}
  asyncio.run(Guarded(application, gate)(scope, receive, send))
  return sent


OURS = (b'host', b'127.0.0.1:8080')


def test_a_request_of_ours_is_answered_with_headers_that_forbid_embedding():
  (start,) = call(Gate(port=8080), headers=[OURS])
  assert start['status'] == 200
  headers = dict(start['headers'])
  assert headers[b'x-frame-options'] == b'SAMEORIGIN'
  assert b"default-src 'self'" in headers[b'content-security-policy']
  assert b'set-cookie' not in headers


@pytest.mark.parametrize(
  'headers',
  [[], [(b'Host', b'evil.example')], [OURS, (b'Origin', b'http://evil.example')], [OURS, OURS],
   [OURS, (b'origin', b'http://127.0.0.1:8080'), (b'origin', b'http://evil.example')]],
)  # fmt: skip
def test_a_foreign_request_is_refused(headers):
  start, body = call(Gate(port=8080), headers=headers)
  assert start['status'] == 403
  assert b'foreign' in body['body']


def test_a_foreign_websocket_is_closed_before_it_opens():
  (message,) = call(Gate(port=8080), 'websocket', headers=[OURS, (b'origin', b'http://evil.example')])
  assert message == {'type': 'websocket.close', 'code': 1008, 'reason': 'foreign Origin'}
  (message,) = call(Gate(port=8080), 'websocket', headers=[OURS, (b'origin', b'http://127.0.0.1:8080')])
  assert message['type'] == 'websocket.accept'


def test_the_token_in_the_link_becomes_a_cookie():
  gate = Gate('0.0.0.0', 8080, token='secret')
  (start,) = call(gate, query=b'token=secret', headers=[OURS])
  cookie = dict(start['headers'])[b'set-cookie']
  assert cookie == b'mjx_humanoid_view_8080=secret; Path=/; HttpOnly; SameSite=Strict'
  (message,) = call(gate, 'websocket', headers=[OURS, (b'cookie', cookie.partition(b';')[0])])
  assert message['type'] == 'websocket.accept'
  assert call(gate, headers=[OURS])[0]['status'] == 403
  assert call(gate, 'websocket', headers=[OURS])[0]['type'] == 'websocket.close'


def test_other_kinds_of_messages_pass():
  assert call(Gate(), 'lifespan') == [{'type': 'websocket.accept', 'status': 200, 'headers': []}]
  assert visit_of({'path': '/a', 'query_string': b'token=b', 'headers': []}).token == 'b'
