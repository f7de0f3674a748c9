"""The live view: first picture, real time, updates and pictures per second, ten pages, and its cost to a training.

  python benchmarks/live_view.py --parts=first,scene,pictures,crowd,beside

Pages are processes that speak to the server as a browser does, but draw nothing. Simulated over wall time is that of
the part's whole length. `pictures` confines the server to one core; `beside` trains in turns without a viewer, with a
viewer that nobody watches, and with one that a page watches.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import Queue
from pathlib import Path
from typing import Any

import msgspec
import viser
from common import save
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from mjx_humanoid.viewer import serving
from mjx_humanoid.viewer.gate import Gate
from mjx_humanoid.viewer.viewer import Viewer, stage_of

SECONDS, CROWD_SECONDS = 30.0, 60.0
OPENING = 5.0  # s that pages have to open
PAGES, STALLED = 10, 2  # of the crowd; one more of the pages closes and opens again all the time
STEPS = 300_000  # of a training
SHAPES = 100_000  # bytes; messages are compressed, and only the one with the shapes is so large
CAMERA = {  # the first message of a page, from which viser knows that it is open
  'type': 'ViewerCameraMessage',
  'wxyz': [1.0, 0.0, 0.0, 0.0],
  'position': [3.0, 0.0, 1.0],
  'fov': 1.0,
  'near': 0.1,
  'far': 100.0,
  'image_height': 600,
  'image_width': 800,
  'look_at': [0.0, 0.0, 0.0],
  'up_direction': [0.0, 0.0, 1.0],
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--parts', default=','.join(PARTS))
  result: dict[str, Any] = {}
  for name in parser.parse_args().parts.split(','):
    result[name] = PARTS[name]()
    print(name, result[name], flush=True)
  save('live_view', result)


# Pages


def page(port: int, seconds: float, told: Queue[Any], *, reads: bool = True) -> None:
  """A page in 3D: puts the times of its first mesh, or 0, and of its end, and how many messages it got since."""
  address, meshed, count = f'127.0.0.1:{port}', 0.0, 0
  protocol = [Subprotocol(f'viser-v{viser.__version__}')]
  with contextlib.suppress(ConnectionClosed):
    origin = Origin(f'http://{address}')
    options: dict[str, Any] = {'subprotocols': protocol, 'compression': None, 'max_size': None, 'ping_interval': None}
    with connect(f'ws://{address}/', origin=origin, **options) as socket:
      socket.send(msgspec.msgpack.encode(CAMERA))
      end = time.monotonic() + seconds
      while time.monotonic() < end:
        if not reads:
          time.sleep(0.1)
          continue
        with contextlib.suppress(TimeoutError):
          message = socket.recv(timeout=0.5)
          count += meshed > 0
          if not meshed and len(message) > SHAPES:
            meshed = time.time()
  told.put((meshed, time.time(), count))


def stream(port: int, seconds: float, told: Queue[Any]) -> None:
  """Reads the stream of pictures: puts the time of the first, and how many there were in all."""
  connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
  connection.request('GET', '/stream.mjpg')
  answer, first, count = connection.getresponse(), 0.0, 0
  end = time.monotonic() + seconds
  while time.monotonic() < end:
    count += answer.read1(1 << 20).count(b'\xff\xd8\xff')  # a JPEG begins so
    first = first or (time.time() if count else 0.0)
  told.put((first, time.time(), count))


def reloaded(port: int, seconds: float, told: Queue[Any]) -> None:
  """A page that is closed and opened again every two seconds."""
  end, own = time.monotonic() + seconds, queue()
  while time.monotonic() < end:
    page(port, min(2.0, max(0.1, end - time.monotonic())), own)
  told.put((0.0, time.time(), 0))


def started(target: Callable[..., None], *arguments: Any, **keywords: Any) -> multiprocessing.process.BaseProcess:
  """A process that runs a page."""
  process = multiprocessing.get_context('spawn').Process(target=target, args=arguments, kwargs=keywords, daemon=True)
  process.start()
  return process


def queue() -> Queue[Any]:
  """For what pages put."""
  return multiprocessing.get_context('spawn').Queue()


# Servers


@contextlib.contextmanager
def shown(*, mjpeg: bool = False) -> Iterator[tuple[Viewer, int]]:
  """A viewer of `follow` in this process, with a face, as the command runs it; and its port."""
  viewer = Viewer(stage_of('follow'), 'follow', folder=Path(tempfile.mkdtemp()))
  gate = Gate('127.0.0.1', serving.free_port('127.0.0.1', 0))
  stop, show = threading.Event(), serving.serve_pictures if mjpeg else serving.serve_scene
  sys.setswitchinterval(serving.SWITCH)
  viewer.start()
  thread = threading.Thread(target=show, args=(viewer, gate, stop))
  thread.start()
  try:
    yield viewer, gate.port
  finally:
    stop.set()
    thread.join(10)
    viewer.close()


def paced(viewer: Viewer, seconds: float) -> dict[str, float]:
  """Simulated over wall time, and snapshots per second, while pages are open."""
  time.sleep(OPENING)
  before, start = viewer.simulation.snapshot, time.perf_counter()
  time.sleep(seconds)
  after, wall = viewer.simulation.snapshot, time.perf_counter() - start
  return {
    'simulated_over_wall': round((after.seconds - before.seconds) / wall, 4),
    'updates_per_second': round((after.number - before.number) / wall, 1),
  }


def resident() -> float:
  """Memory of this process in MB."""
  for line in Path('/proc/self/status').read_text().splitlines():
    if line.startswith('VmRSS'):
      return int(line.split()[1]) / 1e3
  return 0.0


# Parts


def first() -> dict[str, float]:
  """Seconds from the start of the command to the first mesh, or the first picture, of a page."""
  found = {}
  for name, options, target in (('scene', [], page), ('pictures', ['--mjpeg'], stream)):
    port, told = serving.free_port('127.0.0.1', 0), queue()
    start = time.time()
    command = [sys.executable, '-m', 'mjx_humanoid.view', 'follow', f'--port={port}', *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith('open '))
    started(target, port, 8.0, told)
    found[name] = round(told.get(timeout=60)[0] - start, 2)
    process.terminate()
    process.wait()
  return found


def scene() -> dict[str, float]:
  """One page in 3D."""
  with shown() as (viewer, port):
    told = queue()
    started(page, port, SECONDS + 10, told)
    before = time.process_time()
    result = paced(viewer, SECONDS)
    cores = (time.process_time() - before) / (SECONDS + OPENING)
    got = told.get(timeout=60)
  return {**result, 'messages_per_second': round(got[2] / (got[1] - got[0]), 1), 'cores_used': round(cores, 2)}


def pictures() -> dict[str, float]:
  """One stream of 640 x 480, with the server on one core."""
  cores = os.sched_getaffinity(0)
  os.sched_setaffinity(0, {min(cores)})
  try:
    with shown(mjpeg=True) as (viewer, port):
      told = queue()
      started(stream, port, SECONDS + 10, told)
      result = paced(viewer, SECONDS)
      got = told.get(timeout=60)
  finally:
    os.sched_setaffinity(0, cores)
  return {**result, 'pictures_per_second': round(got[2] / (got[1] - got[0]), 1)}


def crowd() -> dict[str, Any]:
  """Ten pages in 3D for a minute: two never read, one is opened anew every two seconds."""
  with shown() as (viewer, port):
    told, alive = queue(), CROWD_SECONDS + 15
    for _ in range(PAGES - STALLED - 1):
      started(page, port, alive, told)
    for _ in range(STALLED):
      started(page, port, alive, told, reads=False)
    started(reloaded, port, alive, told)
    time.sleep(10.0)
    memory = resident()
    result = paced(viewer, CROWD_SECONDS - 5)
    grown, failure = resident() - memory, viewer.simulation.failure
    got = [told.get(timeout=60) for _ in range(PAGES)]
  return {
    **result,
    'memory_growth_mb': round(grown, 1),
    'failure': failure,
    'least_messages_of_a_reading_page': sorted(count for _, _, count in got)[STALLED + 1],
  }


def beside() -> dict[str, Any]:
  """Environment steps per second of a training of stand, in turns."""
  speeds: dict[str, list[float]] = {'none': [], 'unwatched': [], 'watched': []}
  for _ in range(2):
    for kind, values in speeds.items():
      values.append(training(kind))
  means = {kind: round(sum(values) / len(values)) for kind, values in speeds.items()}
  return {
    **means,
    'cost_unwatched': 1 - means['unwatched'] / means['none'],
    'cost_watched': 1 - means['watched'] / means['none'],
  }


def training(kind: str) -> float:
  """Steps per second of one training, from its metrics."""
  with tempfile.TemporaryDirectory() as folder:
    options = [f'--config.run_dir={folder}', f'--config.total_timesteps={STEPS}', '--config.task.card=none']
    view = [] if kind == 'none' else ['--view']
    command = [sys.executable, '-m', 'mjx_humanoid.train', '--config=stand', *options, *view]
    told = queue()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for line in process.stdout:
      if kind == 'watched' and (link := re.search(r'open http://[^:]+:(\d+)', line)):
        started(page, int(link.group(1)), 600.0, told)
    process.wait()
    if kind == 'watched':
      meshed, end, count = told.get(timeout=60)
      print(f'the page received {count / (end - meshed):.0f} messages per second')
    rows = [json.loads(line) for line in (Path(folder) / 'stand' / 'metrics.jsonl').read_text().splitlines()]
  half = rows[len(rows) // 2]  # compiling, and opening the page, come before
  return (rows[-1]['timesteps'] - half['timesteps']) / (rows[-1]['seconds'] - half['seconds'])


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
  'first': first,
  'scene': scene,
  'pictures': pictures,
  'crowd': crowd,
  'beside': beside,
}

if __name__ == '__main__':
  main()
