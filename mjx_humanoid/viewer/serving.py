"""Runs a viewer with one of its faces until Ctrl-C: extras, ports, the printed link."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.viewer.gate import Gate

if TYPE_CHECKING:
  import argparse

  from mjx_humanoid.viewer.viewer import Viewer

NEEDED = {'mjpeg': ('starlette', 'uvicorn', 'websockets'), 'scene': ('viser', 'mjviser')}
SWITCH = 0.0005  # s until Python lets another thread run: by default 5 ms, too long for the simulation
WATCHED, UNWATCHED = 'a page is open', 'no page is open'
LOWEST = 19  # priority (niceness)
LOOK = 0.5  # s between looks at whether the viewer, or the training beside it, still works


def check_installed(face: str = 'scene') -> None:
  """Raises UserError if packages of the extra `view` are missing. Args: face: a key of NEEDED."""
  missing = [name for name in NEEDED[face] if importlib.util.find_spec(name) is None]
  if missing:
    raise UserError(f"the live view needs {', '.join(missing)}: pip install 'mjx_humanoid[view]'.")


def free_port(host: str, port: int) -> int:
  """The port, or a free one for 0. Raises UserError if it is taken, or the host is no address of this machine."""
  try:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
      probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      probe.bind(address)
      return int(probe.getsockname()[1])
  except socket.gaierror:
    raise UserError(f'--host={host} is no address: 127.0.0.1 for this machine alone, 0.0.0.0 for others.') from None
  except OSError as error:
    raise UserError(
      f'port {port} of {host} cannot be used ({(error.strerror or str(error)).lower()}): choose another --port, or 0'
      ' for any free one.'
    ) from None


def lower_priority() -> None:
  """Leaves the processor to a training: this process runs where the training waits."""
  with contextlib.suppress(OSError, AttributeError):
    os.nice(LOWEST)
  with contextlib.suppress(OSError, AttributeError):  # of Linux: gives way at once, a nice process after its time slice
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def end_with_parent() -> None:
  """Ends this process with the one that started it, even if that was killed and could not end it."""
  parent = os.getppid()

  def watch() -> None:
    while os.getppid() == parent:
      time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)

  threading.Thread(target=watch, name='parent', daemon=True).start()


def serve(viewer: Viewer, arguments: argparse.Namespace) -> None:
  """Shows a viewer until Ctrl-C or SIGTERM, and prints the link."""
  gate = Gate(arguments.host, arguments.port)
  if gate.token:
    print('other machines are let in: whoever has the link can steer, and nothing is encrypted.')
  sys.setswitchinterval(SWITCH)
  with stop_signal() as stop:
    viewer.start()
    try:
      show = serve_pictures if arguments.mjpeg else serve_scene
      show(viewer, gate, stop, tell=arguments.beside_training)
    finally:
      viewer.close()


def serve_pictures(viewer: Viewer, gate: Gate, stop: threading.Event, *, tell: bool = False) -> None:
  """The MJPEG face, until `stop`. Raises UserError if the viewer or the server fails."""
  from mjx_humanoid.viewer.painter import Projector
  from mjx_humanoid.viewer.server import PictureServer, make_server

  projector = Projector(viewer.simulation)
  server = make_server(PictureServer(viewer, gate, projector).app(), gate)
  thread = threading.Thread(target=server.run, name='server', daemon=True)
  projector.start()
  thread.start()
  try:
    announce([f'open {gate.link()}', f'the pictures alone: {gate.link("stream.mjpg")}'])
    wait(viewer, stop, thread, tell=tell)
  finally:
    projector.close()  # which ends the streams
    server.should_exit = True
    thread.join(5)


def serve_scene(viewer: Viewer, gate: Gate, stop: threading.Event, *, tell: bool = False) -> None:
  """The face in 3D, until `stop`. Raises UserError if the viewer fails."""
  from mjx_humanoid.viewer.face import Face

  face = Face(viewer, gate)
  face.start()
  try:
    announce([f'open {gate.link()}'])
    wait(viewer, stop, face.thread, tell=tell)
  finally:
    face.close()


def announce(lines: list[str]) -> None:
  """Prints the links, and how to end."""
  print('\n'.join([*lines, 'Ctrl-C ends.']), flush=True)


def wait(viewer: Viewer, stop: threading.Event, thread: threading.Thread, *, tell: bool = False) -> None:
  """Waits for `stop`. Raises UserError if the simulation or the server ends before.

  Args:
    tell: print a line when the first page is opened, and when the last one is closed.
  """
  watched = False
  while not stop.wait(LOOK):
    if tell and watched != (watched := viewer.simulation.watchers > 0):
      print(WATCHED if watched else UNWATCHED, flush=True)
    if viewer.simulation.failure:
      raise UserError(f'the simulation has failed: {viewer.simulation.failure}')
    if not thread.is_alive():
      raise UserError('the server has ended: is its port taken by another program?')


@contextlib.contextmanager
def stop_signal() -> Iterator[threading.Event]:
  """An event that Ctrl-C and SIGTERM set; a second Ctrl-C interrupts at once."""
  stop, before = threading.Event(), {}

  def handle(number: int, frame: object) -> None:
    if stop.is_set():
      raise KeyboardInterrupt
    stop.set()

  for number in (signal.SIGINT, signal.SIGTERM):
    before[number] = signal.signal(number, handle)
  try:
    yield stop
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
