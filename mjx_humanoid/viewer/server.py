"""The MJPEG face: a stream of pictures, and a page with the same controls. Starlette on uvicorn, behind the gate."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid.viewer.asgi import App, Guarded, Message, Receive, Send
from mjx_humanoid.viewer.gate import MOST_VIEWERS, Flow, Gate
from mjx_humanoid.viewer.painter import DRAWN, MOVES, Projector
from mjx_humanoid.viewer.requests import LARGEST, BadRequestError, handle, parse
from mjx_humanoid.viewer.simulation import finite

if TYPE_CHECKING:
  import uvicorn
  from starlette.requests import Request
  from starlette.responses import Response
  from starlette.websockets import WebSocket

  from mjx_humanoid.viewer.viewer import Viewer

PAGE = Path(__file__).resolve().parent / 'page'
FILES = {
  '/': ('index.html', 'text/html'),
  '/page.js': ('page.js', 'text/javascript'),
  '/page.css': ('page.css', 'text/css'),
}
STATES = 0.1  # s between two states that a page is sent
LONGEST_SEND = 10.0  # s; a client that takes longer for one picture or state has vanished
BOUNDARY = b'--picture\r\n'


class Ended:
  """A response after which a function is called, however it ends. A client that has vanished ends it too."""

  def __init__(self, response: App, end: Callable[[], None]) -> None:
    """Args: response: an ASGI application."""
    self._response, self._end = response, end

  async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
    """See the ASGI specification."""
    from starlette.requests import ClientDisconnect

    async def soon(message: Message) -> None:
      await asyncio.wait_for(send(message), LONGEST_SEND)

    try:
      with contextlib.suppress(TimeoutError, ClientDisconnect):  # the latter is what Starlette makes of the former
        await self._response(scope, receive, soon)
    finally:
      self._end()


class PictureServer:
  """Answers the requests of pages and streams."""

  def __init__(self, viewer: Viewer, gate: Gate, projector: Projector) -> None:
    """Args: gate: checks requests; projector: makes the pictures."""
    self._viewer, self._gate, self._projector = viewer, gate, projector
    self._files = {path: (PAGE / name).read_bytes() for path, (name, _) in FILES.items()}

  def app(self) -> App:
    """The ASGI application, behind the gate."""
    from starlette.applications import Starlette
    from starlette.routing import Route, WebSocketRoute

    pages = [Route(path, self._file, methods=['GET']) for path in FILES]
    stream, video = Route('/stream.mjpg', self._stream, methods=['GET']), Route('/videos/{number:int}', self._video)
    return Guarded(Starlette(routes=[*pages, stream, video, WebSocketRoute('/live', self._live)]), self._gate)

  async def _file(self, request: Request) -> Response:
    from starlette.responses import Response

    path = request.url.path
    return Response(self._files[path], media_type=FILES[path][1])

  async def _video(self, request: Request) -> Response:
    """A video that was saved, by its number from 1: no other file can be asked for."""
    from starlette.responses import FileResponse, PlainTextResponse

    number, videos = request.path_params['number'], self._viewer.videos
    if not 1 <= number <= len(videos):
      return PlainTextResponse('no such video\n', 404)
    return FileResponse(videos[number - 1], media_type='video/mp4', filename=videos[number - 1].name)

  async def _stream(self, request: Request) -> Any:
    from starlette.responses import PlainTextResponse, StreamingResponse

    if not self._gate.enter():
      return PlainTextResponse(f'there are {MOST_VIEWERS} viewers already\n', 503)
    stream = StreamingResponse(self._pictures(), media_type='multipart/x-mixed-replace; boundary=picture')
    return Ended(stream, self._gate.leave)

  async def _pictures(self) -> AsyncIterator[bytes]:
    """The latest picture whenever the client has taken the one before; a slow client gets fewer."""
    projector, seen = self._projector, 0
    with self._watching():
      while not projector.ended:
        if projector.number == seen:
          await asyncio.sleep(0.005)
          continue
        seen, picture = projector.number, projector.picture
        yield BOUNDARY + b'Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n' % len(picture) + picture + b'\r\n'

  async def _live(self, socket: WebSocket) -> None:
    """One page: sends it the state, takes its requests."""
    if not self._gate.enter():
      await socket.close(1013, 'too many viewers')
      return
    await socket.accept()
    try:
      with self._viewer.simulation.watching():
        tasks = [asyncio.create_task(work(socket)) for work in (self._tell, self._hear)]
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
          task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
      self._gate.leave()

  async def _tell(self, socket: WebSocket) -> None:
    while True:
      state = {**self._viewer.state(), 'shown': self._projector.painter.shown, 'failure': self._projector.failure}
      await asyncio.wait_for(socket.send_text(json.dumps(state)), LONGEST_SEND)
      await asyncio.sleep(STATES)

  async def _hear(self, socket: WebSocket) -> None:
    """Carries out requests; disconnects a page that sends too many, or malformed ones."""
    flow = Flow()
    while not flow.over:
      text = await socket.receive_text()
      if not flow.admits():
        continue
      try:
        message = json.loads(text) if len(text) <= LARGEST else None
        if isinstance(message, dict) and message.get('kind') in self._LOOKS:
          self._LOOKS[message['kind']](self, message)
        else:
          handle(self._viewer, parse(text))
      except (BadRequestError, ValueError, KeyError, TypeError, RecursionError):
        flow.blame()
    await socket.close(1008, 'too many messages, or malformed ones')

  def _move(self, message: Mapping[str, Any]) -> None:
    how, shift = message['how'], [finite(message[axis], -10, 10) for axis in ('x', 'y')]
    if how not in MOVES:
      raise BadRequestError('no such movement')
    self._projector.order(lambda: self._projector.painter.move(how, *shift))

  def _camera(self, message: Mapping[str, Any]) -> None:
    follow = message['follow'] is True
    self._projector.order(lambda: self._projector.painter.reset_camera(follow=follow))

  def _show(self, message: Mapping[str, Any]) -> None:
    if message['what'] not in ('command', *DRAWN) or not isinstance(message['on'], bool):
      raise BadRequestError('no such thing to show')
    self._projector.painter.shown[message['what']] = message['on']

  def _click(self, message: Mapping[str, Any]) -> None:
    """Pushes the body that the picture shows at a place."""
    x, y = (finite(message[axis], 0, 1) for axis in ('x', 'y'))
    force, degrees = finite(message['force'], 0, 2000), finite(message.get('degrees', 0), -360, 360)

    def push() -> None:
      body = self._projector.painter.body_at(x, y)
      if body is not None:
        with contextlib.suppress(BadRequestError):  # the picture shows a robot that was replaced since
          handle(self._viewer, {'kind': 'push', 'force': force, 'degrees': degrees, 'body': body})

    self._projector.order(push)

  @contextlib.contextmanager
  def _watching(self) -> Any:
    with self._viewer.simulation.watching():
      self._projector.watch(1)
      try:
        yield
      finally:
        self._projector.watch(-1)

  _LOOKS: Mapping[str, Callable[[PictureServer, Mapping[str, Any]], None]] = {
    'move': _move,
    'camera': _camera,
    'show': _show,
    'click': _click,
  }


def make_server(app: App, gate: Gate) -> uvicorn.Server:
  """A uvicorn server for an application. It prints nothing, and logs no token."""
  import uvicorn

  config = uvicorn.Config(
    app,
    host=gate.host,
    port=gate.port,
    log_config=None,
    access_log=False,
    lifespan='off',
    ws_max_size=LARGEST,
    ws_max_queue=8,
    ws_ping_interval=5,
    ws_ping_timeout=10,
    limit_concurrency=8 * MOST_VIEWERS,
    timeout_graceful_shutdown=1,
    server_header=False,
    proxy_headers=False,
  )
  return uvicorn.Server(config)
