"""Protects the 3D face over real connections: the gate before viser, and what a page may make viser do."""

from __future__ import annotations

import http.client
import time

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.viewer.gate import BURST, MOST_BAD, MOST_VIEWERS, Gate
from mjx_humanoid.viewer.serving import free_port

viser = pytest.importorskip('viser')
pytest.importorskip('mjviser')
msgspec = pytest.importorskip('msgspec')

from mjx_humanoid.viewer import guarded_viser  # noqa: E402 (after the check that viser is there)
from mjx_humanoid.viewer.face import Face  # noqa: E402
from mjx_humanoid.viewer.guarded_viser import LARGEST, is_welcome  # noqa: E402


@pytest.fixture
def face(make_viewer):
  """face(host, token) -> a running Face with its `gate`, `viewer`; closed after the test."""
  running = []

  def start(host='127.0.0.1', token='', **options):
    viewer = make_viewer(**options)
    gate = Gate(host, free_port(host, 0), token)
    made = Face(viewer, gate)
    made.gate, made.viewer = gate, viewer
    running.append(made)
    viewer.start()
    made.start()
    return made

  yield start
  for made in running:
    made.close()


def get(face, path='/', **headers):
  connection = http.client.HTTPConnection('127.0.0.1', face.gate.port, timeout=20)
  connection.putrequest('GET', path, skip_host='host' in headers)
  for name, value in headers.items():
    connection.putheader(name, value)
  connection.endheaders()
  return connection.getresponse()


def connect(face, origin=None, **headers):
  from websockets.sync.client import connect
  from websockets.typing import Subprotocol

  address = f'127.0.0.1:{face.gate.port}'
  protocol = [Subprotocol(f'viser-v{viser.__version__}')]
  options = {'origin': origin or f'http://{address}', 'subprotocols': protocol, 'additional_headers': headers or None}
  return connect(f'ws://{address}/', max_size=None, compression=None, **options)


def until(condition, seconds=20):
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'it never came'
    time.sleep(0.02)


def pack(**message):
  return msgspec.msgpack.encode(message)


def set_value(handle, value):
  return pack(type='GuiUpdateMessage', uuid=handle._impl.uuid, updates={'value': value})


CAMERA = pack(  # the first message of a page, from which viser knows that it is open
  type='ViewerCameraMessage',
  wxyz=[1.0, 0, 0, 0],
  position=[3.0, 0, 1],
  fov=1.0,
  near=0.1,
  far=100.0,
  image_height=600,
  image_width=800,
  look_at=[0.0, 0, 0],
  up_direction=[0.0, 0, 1],
)
WELCOME = [
  ({'type': 'GuiUpdateMessage', 'uuid': 'u', 'updates': {'value': 0.5}}, True),
  ({'type': 'GuiUpdateMessage', 'uuid': 'u', 'updates': {'value': 'walk'}}, True),
  ({'type': 'GuiUpdateMessage', 'uuid': 'u', 'updates': {'value': 'x' * 301}}, False),
  ({'type': 'GuiUpdateMessage', 'uuid': 'u', 'updates': {'value': [1, 2]}}, False),
  ({'type': 'GuiUpdateMessage', 'uuid': 'u', 'updates': {'value': 1, 'removed': True}}, False),
  ({'type': 'GuiUpdateMessage', 'uuid': 'u', 'updates': {'update_cb': []}}, False),
  ({'type': 'GuiUpdateMessage', 'uuid': 7, 'updates': {'value': 1}}, False),
  ({'type': 'GuiUpdateMessage', 'uuid': 'u', 'updates': []}, False),
  ({'type': 'CommandTriggerMessage', 'uuid': 'u'}, True),
  ({'type': 'ShareUrlRequest'}, None),  # would ask a server elsewhere for a public address of this page
  ({'type': 'FileTransferStartUpload'}, None),
  ({'type': 'ViewerCameraMessage'}, True),
  ({'type': 7}, False),
  ({'type': '../x'}, False),
  ({}, False),
  ([1, 2], False),
]


@pytest.mark.parametrize(('message', 'welcome'), WELCOME, ids=str)
def test_which_messages_reach_viser(message, welcome):
  assert is_welcome(msgspec.msgpack.encode(message)) is welcome


@pytest.mark.parametrize('raw', ['text', b'', b'\xc1', b'\x81', b'\x91' * 5000, None])
def test_what_is_no_message_does_not(raw):
  assert is_welcome(raw) is False


def test_foreign_hosts_and_origins_get_403(face):
  from websockets.exceptions import InvalidStatus

  shown = face()
  assert get(shown).status == 200
  assert get(shown, host='evil.example').status == 403
  assert get(shown, Origin='http://evil.example').status == 403
  for origin in ('http://evil.example', 'null', f'http://localhost:{shown.gate.port}'):
    with pytest.raises(InvalidStatus) as refused:
      connect(shown, origin)
    assert refused.value.response.status_code == 403
  with pytest.raises(InvalidStatus):  # no other kind of upgrade passes either
    connect(shown, 'http://evil.example', Upgrade='WebSocket')


def test_no_other_file_can_be_read(face):
  shown = face()
  paths = [
    '/../infra/_infra.py',
    '/%2e%2e/%2e%2e/_viser.py',
    '/..%2f..%2f_viser.py',
    '//etc/passwd',
    '/..\\..\\_viser.py',
  ]
  assert {path: get(shown, path).status for path in paths} == dict.fromkeys(paths, 404)


def test_beyond_loopback_everything_needs_the_token(face):
  from websockets.exceptions import InvalidStatus

  shown = face('0.0.0.0', None)
  assert get(shown).status == get(shown, '/?token=wrong').status == 403
  with pytest.raises(InvalidStatus) as refused:
    connect(shown)
  assert refused.value.response.status_code == 403
  page = get(shown, f'/?token={shown.gate.token}')
  cookie = page.getheader('Set-Cookie').partition(';')[0]
  assert page.status == 200
  assert page.getheader('X-Frame-Options') == 'SAMEORIGIN'
  with connect(shown, Cookie=cookie) as socket:
    assert len(socket.recv(timeout=10)) > 16


def test_sliders_keys_and_clicks_do_what_they_say(face):
  """Messages as pages send them: the command, its key, a push by a click, another policy."""
  shown = face(num_envs=2)
  simulation = shown.viewer.simulation
  with connect(shown) as socket:
    socket.send(CAMERA)
    until(lambda: shown.updates > 5)
    socket.send(set_value(shown.panel._command[0], 0.5))
    until(lambda: simulation.command == (0.5, 0, 0))
    faster = next(c for c in shown.server.gui._command_handle_from_uuid.values() if c.hotkey == 'W')
    socket.send(pack(type='CommandTriggerMessage', uuid=faster._impl.uuid))
    until(lambda: simulation.command == (0.6, 0, 0))
    ray = {'ray_origin': [0, 0, 0], 'ray_direction': [1, 0, 0], 'screen_pos': [0.5, 0.5], 'modifier': None}
    click = {'type': 'SceneNodeClickMessage', 'name': '/robots/3', 'instance_index': 1, **ray, 'owner': ''}
    owner = {'owner': next((m.owner for m in [shown.scene._bodies[3]._impl] if hasattr(m, 'owner')), '')}
    socket.send(pack(**{**click, **owner}))
    until(lambda: simulation.snapshot.selected == 1)
    socket.send(set_value(shown.panel._policy, 'stand'))
    until(lambda: simulation.snapshot.policy == 'stand')


def test_malformed_values_change_nothing_and_the_server_lives(face, capfd):
  shown = face()
  simulation = shown.viewer.simulation
  with connect(shown) as socket:
    socket.recv(timeout=10)
    for value in (float('nan'), float('inf'), 1e9, 'fast', '../../etc/passwd'):
      socket.send(set_value(shown.panel._command[0], value))
      socket.send(set_value(shown.panel._policy, str(value)))
      socket.send(set_value(shown.panel._start, str(value)))
    socket.send(pack(type='SceneNodeClickMessage', name=7))
    time.sleep(0.5)
  assert simulation.snapshot.policy == 'follow'
  assert simulation.failure == ''
  with connect(shown) as socket:
    assert len(socket.recv(timeout=10)) > 16


@pytest.mark.parametrize('kind', ['malformed', 'rapid', 'large'])
def test_who_sends_nonsense_is_sent_away_and_nobody_else(face, kind):
  from websockets.exceptions import ConnectionClosed

  shown = face()
  count = {'malformed': MOST_BAD + 20, 'rapid': 20 * BURST, 'large': 1}[kind]
  message = {'malformed': b'\x01', 'rapid': pack(type='ViewerCamera'), 'large': b'x' * (LARGEST + 1)}[kind]
  with connect(shown) as other:
    with connect(shown) as socket, pytest.raises(ConnectionClosed) as end:
      for _ in range(count):
        socket.send(message)
      while True:
        socket.recv(timeout=10)
    assert end.value.rcvd is None or end.value.rcvd.code in (1008, 1009)
    assert len(other.recv(timeout=10)) > 16
  assert get(shown).status == 200


def test_there_are_only_so_many_viewers(face):
  from websockets.exceptions import ConnectionClosed

  shown = face()
  for _ in range(MOST_VIEWERS):
    assert shown.gate.enter()
  with connect(shown) as socket, pytest.raises(ConnectionClosed) as end:
    socket.recv(timeout=10)
  assert end.value.rcvd.code == 1013
  until(lambda: shown.gate.inside == MOST_VIEWERS)


def test_a_viser_that_does_not_ask_the_gate_is_not_served(monkeypatch):
  """As if a later version opened its port in another way."""
  import contextlib

  monkeypatch.setattr(guarded_viser, '_guarding', lambda gate: contextlib.nullcontext([]))
  with pytest.raises(UserError, match='cannot be guarded'):
    guarded_viser.make_server(Gate(port=free_port('127.0.0.1', 0)), 'x')


def test_contact_arrows_carry_the_weight(follow_stage):
  """Standing still on the floor, the forces add up to the weight, upwards."""
  import mujoco
  import numpy as np

  from mjx_humanoid.viewer.scene import contact_arrows

  model, body = follow_stage.model, follow_stage.task.body
  data = mujoco.MjData(model)
  data.qpos[:] = body.default_qpos
  for _ in range(40):  # 0.2 s: it sinks into the floor, and is not yet falling
    mujoco.mj_step(model, data)
  mujoco.mj_forward(model, data)
  arrows = contact_arrows(model, data, 1.0)
  force = (arrows[:, 1] - arrows[:, 0]).sum(axis=0)
  acceleration = data.sensor('torso_linvel').data
  assert force[2] == pytest.approx(body.total_mass * 9.81, rel=0.35), acceleration
  assert np.abs(force[:2]).max() < 0.3 * force[2]
