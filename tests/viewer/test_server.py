"""Protects the MJPEG face over real connections: pictures, requests, and all that must be refused."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time

import pytest

from mjx_humanoid.viewer.gate import BURST, MOST_BAD, MOST_VIEWERS, Gate
from mjx_humanoid.viewer.painter import Projector
from mjx_humanoid.viewer.requests import LARGEST
from mjx_humanoid.viewer.server import Ended, PictureServer, make_server
from mjx_humanoid.viewer.serving import free_port

pytest.importorskip('starlette')
pytest.importorskip('uvicorn')


@pytest.fixture
def served(make_viewer, monkeypatch):
  """A running server of a viewer: `port`, `viewer`, `projector`, `gate`; `host` and `token` as the test sets them."""
  running = []

  def start(host='127.0.0.1', token='', pictures=True):
    viewer = make_viewer()
    gate = Gate(host, free_port(host, 0), token)
    projector = Projector(viewer.simulation)
    server = make_server(PictureServer(viewer, gate, projector).app(), gate)
    thread = threading.Thread(target=server.run, daemon=True)
    viewer.start()
    if pictures:
      projector.start()
    thread.start()
    while not server.started:
      assert thread.is_alive()
      time.sleep(0.01)
    viewer.gate, viewer.port, viewer.projector = gate, gate.port, projector
    running.append((server, thread, projector))
    return viewer

  yield start
  for server, thread, projector in running:
    projector.close()
    server.should_exit = True
    thread.join(10)


def get(viewer, path='/', **headers):
  connection = http.client.HTTPConnection('127.0.0.1', viewer.port, timeout=20)
  connection.putrequest('GET', path, skip_host='host' in headers)
  for name, value in headers.items():
    connection.putheader(name, value)
  connection.endheaders()
  return connection.getresponse()


def connect(viewer, origin=None, **headers):
  from websockets.sync.client import connect

  address = f'127.0.0.1:{viewer.port}'
  return connect(f'ws://{address}/live', origin=origin or f'http://{address}', additional_headers=headers or None)


def state_when(socket, condition, seconds=20):
  end = time.monotonic() + seconds
  while not condition(state := json.loads(socket.recv(timeout=10))):
    assert time.monotonic() < end, state
  return state


def test_the_page_its_files_and_nothing_else(served):
  viewer = served(pictures=False)
  page = get(viewer)
  assert page.status == 200
  assert b'/stream.mjpg' in page.read()
  assert get(viewer, '/page.js').status == 200
  others = ['/index.html', '/../server.py', '/%2e%2e/server.py', '/page/../server.py', '/videos/1', '/videos/../x']
  others += ['/videos/-1', '/videos/99999999999999999999', '//etc/passwd', '/..%5cserver.py', '/docs', '/openapi.json']
  assert {path: get(viewer, path).status for path in others} == dict.fromkeys(others, 404)
  connection = http.client.HTTPConnection('127.0.0.1', viewer.port, timeout=20)
  connection.request('POST', '/', body=b'x')
  assert connection.getresponse().status == 405


def test_foreign_hosts_and_origins_get_403(served):
  from websockets.exceptions import InvalidStatus

  viewer = served(pictures=False)
  assert get(viewer, host='evil.example').status == 403
  for path in ('/', '/page.js', '/stream.mjpg', '/videos/1', '/nothing'):
    assert get(viewer, path, Origin='http://evil.example').status == 403
  for origin in ('http://evil.example', 'null'):
    with pytest.raises(InvalidStatus) as refused:
      connect(viewer, origin)
    assert refused.value.response.status_code == 403
  assert get(viewer).status == 200


def test_beyond_loopback_everything_needs_the_token(served):
  from websockets.exceptions import InvalidStatus

  viewer = served('0.0.0.0', token=None, pictures=False)
  for path in ('/', '/page.js', '/stream.mjpg', '/?token=wrong', '/?token='):
    assert get(viewer, path).status == 403
  with pytest.raises(InvalidStatus):
    connect(viewer)
  page = get(viewer, f'/?token={viewer.gate.token}')
  cookie = page.getheader('Set-Cookie').partition(';')[0]
  assert page.status == get(viewer, '/page.js', Cookie=cookie).status == 200
  with connect(viewer, Cookie=cookie) as socket:
    assert json.loads(socket.recv())['policy'] == 'follow'


def test_a_page_steers_pauses_and_changes_the_speed(served):
  viewer = served(pictures=False)
  with connect(viewer) as socket:
    for message in (
      {'kind': 'steer', 'command': [0.5, 0, 0]},
      {'kind': 'speed', 'value': 2},
      {'kind': 'show', 'what': 'com', 'on': True},
    ):
      socket.send(json.dumps(message))
    state = state_when(socket, lambda s: s['command'] == [0.5, 0, 0] and s['time'] > 0.5)
    assert (state['speed'], state['steered'], state['shown']['com']) == (2, True, True)
    socket.send(json.dumps({'kind': 'pause', 'on': True}))
    state_when(socket, lambda s: s['paused'])
    socket.send(json.dumps({'kind': 'policy', 'name': 'walk'}))
    socket.send(json.dumps({'kind': 'pause', 'on': False}))
    state_when(socket, lambda s: s['policy'] == 'walk' and 'cannot observe' in s['notice'])


def test_malformed_messages_send_their_sender_away_and_nobody_else(served):
  from websockets.exceptions import ConnectionClosed

  viewer = served(pictures=False)
  with connect(viewer) as other, connect(viewer) as socket:
    with pytest.raises(ConnectionClosed) as end:
      for i in range(MOST_BAD + 10):
        socket.send(['{', '[]', '{"kind": "move", "how": "x", "x": 0, "y": 0}', '{"kind": "show"}'][i % 4])
      while True:
        socket.recv(timeout=10)
    assert end.value.rcvd.code == 1008
    assert json.loads(other.recv())['policy'] == 'follow'


def test_too_large_a_message_ends_its_connection(served):
  from websockets.exceptions import ConnectionClosed

  viewer = served(pictures=False)
  with connect(viewer) as socket:
    with pytest.raises(ConnectionClosed) as end:
      socket.send('x' * (LARGEST + 1))
      while True:
        socket.recv(timeout=10)
    assert end.value.rcvd.code == 1009
  assert get(viewer).status == 200


def test_too_many_messages_send_their_sender_away(served):
  from websockets.exceptions import ConnectionClosed

  viewer = served(pictures=False)
  with connect(viewer) as socket, pytest.raises(ConnectionClosed):
    for _ in range(20 * BURST):
      socket.send('{"kind": "step"}')
    while True:
      socket.recv(timeout=10)
  assert get(viewer).status == 200
  assert viewer.simulation.failure == ''


def test_a_viewer_that_leaves_makes_room(served, opengl):
  viewer = served()
  answers = [get(viewer, '/stream.mjpg') for _ in range(3)]
  assert {answer.status for answer in answers} == {200}
  assert viewer.gate.inside == 3
  for answer in answers:
    answer.close()
  end = time.monotonic() + 20
  while viewer.gate.inside:
    assert time.monotonic() < end
    time.sleep(0.05)


def test_there_are_only_so_many_viewers(served):
  from websockets.exceptions import InvalidStatus

  viewer = served(pictures=False)
  for _ in range(MOST_VIEWERS):
    assert viewer.gate.enter()
  assert get(viewer, '/stream.mjpg').status == 503
  with pytest.raises(InvalidStatus):
    connect(viewer)
  viewer.gate.leave()
  with connect(viewer) as socket:
    assert json.loads(socket.recv())['policy'] == 'follow'


def read_picture(answer):
  """The next picture of a stream."""
  length = 0
  while line := answer.readline().strip().lower():
    if line.startswith(b'content-length'):
      length = int(line.split(b':')[1])
  picture = answer.read(length)
  answer.readline()
  return picture


def test_the_stream_shows_the_robot_from_where_the_mouse_put_the_camera(served, opengl):
  import io

  import numpy as np
  from PIL import Image

  viewer = served()
  answer = get(viewer, '/stream.mjpg')
  assert answer.getheader('Content-Type') == 'multipart/x-mixed-replace; boundary=picture'

  def picture():
    return np.asarray(Image.open(io.BytesIO(read_picture(answer)))).astype(int)

  def robot(image):
    return ((image[..., 0] > 150) & (image[..., 2] < 90)).sum()  # its pixels are orange

  first = picture()
  assert first.shape == (480, 640, 3)
  assert robot(first) > 2000
  with connect(viewer) as socket:
    socket.send(json.dumps({'kind': 'pause', 'on': True}))
    state_when(socket, lambda s: s['paused'])
    socket.send(json.dumps({'kind': 'move', 'how': 'zoom', 'x': 0, 'y': 0.3}))
    end = time.monotonic() + 20
    while robot(picture()) < 1.3 * robot(first):
      assert time.monotonic() < end
    socket.send(json.dumps({'kind': 'click', 'x': 0.5, 'y': 0.5, 'force': 100}))
    socket.send(json.dumps({'kind': 'step'}))
    end = time.monotonic() + 10
    while not viewer.simulation.snapshot.hand_pushes[0]:
      assert time.monotonic() < end
      read_picture(answer)


@pytest.mark.slow
def test_a_video_of_the_last_seconds_is_saved_and_handed_out(served, opengl, read_video, tmp_path):
  viewer = served(pictures=False)
  with connect(viewer) as socket:
    state_when(socket, lambda s: s['time'] > 0.5)
    socket.send(json.dumps({'kind': 'pause', 'on': True}))
    socket.send(json.dumps({'kind': 'save'}))
    state_when(socket, lambda s: s['videos'] == 1, seconds=60)
  answer = get(viewer, '/videos/1')
  assert answer.getheader('Content-Type') == 'video/mp4'
  (tmp_path / 'got.mp4').write_bytes(answer.read())
  frames, rate = read_video(tmp_path / 'got.mp4')
  assert rate == 30
  assert 10 < len(frames) < 300
  assert [path.name for path in (tmp_path / 'videos').iterdir()] == ['follow-1.mp4']


def test_a_client_that_reads_nothing_does_not_slow_the_others(served, opengl):
  viewer = served()
  stalled = [get(viewer, '/stream.mjpg') for _ in range(2)]
  answer = get(viewer, '/stream.mjpg')
  read_picture(answer)
  number, seconds, began = viewer.projector.number, viewer.simulation.snapshot.seconds, time.monotonic()
  while time.monotonic() - began < 2:
    read_picture(answer)
  assert viewer.projector.number - number > 5
  assert viewer.simulation.snapshot.seconds - seconds > 1
  assert len(stalled) == 2


def test_a_stream_that_is_not_read_ends_and_leaves_its_place(monkeypatch):
  monkeypatch.setattr('mjx_humanoid.viewer.server.LONGEST_SEND', 0.05)
  ended = []

  async def endless(scope, receive, send):
    while True:
      await send({'type': 'http.response.body'})

  async def stuck(message):
    await asyncio.sleep(60)

  asyncio.run(asyncio.wait_for(Ended(endless, lambda: ended.append(True))({}, None, stuck), 10))
  assert ended == [True]
