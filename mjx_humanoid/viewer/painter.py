"""Renders snapshots with MuJoCo: one camera that the mouse moves, and what is drawn beside the robot on demand."""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from mjx_humanoid.core.opengl import choose_gl
from mjx_humanoid.core.types import View
from mjx_humanoid.media.marks import arrows_at
from mjx_humanoid.physics.camera import draw_arrow, drawable
from mjx_humanoid.viewer.layout import offsets
from mjx_humanoid.viewer.snapshot import Snapshot

if TYPE_CHECKING:
  from mjx_humanoid.viewer.simulation import Simulation

WIDTH, HEIGHT = 640, 480
QUALITY = 80  # of JPEG
FRAMERATE = 40  # pictures/s, at most
MOVES = {
  'rotate': mujoco.mjtMouse.mjMOUSE_ROTATE_V,
  'turn': mujoco.mjtMouse.mjMOUSE_ROTATE_H,
  'pan': mujoco.mjtMouse.mjMOUSE_MOVE_V,
  'zoom': mujoco.mjtMouse.mjMOUSE_ZOOM,
}
DRAWN = {
  'contacts': (mujoco.mjtVisFlag.mjVIS_CONTACTPOINT, mujoco.mjtVisFlag.mjVIS_CONTACTFORCE),
  'com': (mujoco.mjtVisFlag.mjVIS_COM,),
}
STILL = 0.05  # s between two pictures while time stands still: the camera may move
SMALLEST_PAUSE = 0.001  # s between two pictures, in which other threads run
DISTANCE = 2.6  # of the camera, in standing heights


class Painter:
  """Makes pictures of snapshots. All methods but `look` and `show` belong to one thread, which owns the OpenGL."""

  def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
    """Loads OpenGL with the first picture. Args: width, height: pixels."""
    self._size = (width, height)
    self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
    self._generation = -1
    self._renderer: mujoco.Renderer | None = None
    self.shown = {'command': True, 'contacts': False, 'com': False}

  def picture(self, snapshot: Snapshot) -> np.ndarray:
    """A picture, uint8 [height, width, 3]. Raises UserError where there is no OpenGL."""
    if snapshot.generation != self._generation:
      self._open(snapshot)
    assert self._renderer is not None
    for name, flags in DRAWN.items():
      for flag in flags:
        self._option.flags[flag] = self.shown[name]
    scene, others = self._renderer.scene, offsets(len(snapshot.qpos), self._model.stat.extent)
    order = [snapshot.selected, *(i for i in range(len(snapshot.qpos)) if i != snapshot.selected)]
    for i in order:
      set_state(self._model, self._data, snapshot, i)
      first = 0 if i == snapshot.selected else scene.ngeom
      if i == snapshot.selected:
        self._renderer.update_scene(self._data, self._camera, self._option)
      else:
        moving = mujoco.mjtCatBit.mjCAT_DYNAMIC
        mujoco.mjv_addGeoms(self._model, self._data, self._option, mujoco.MjvPerturb(), moving, scene)
        shift = others[i] - others[snapshot.selected]
        for geom in scene.geoms[first : scene.ngeom]:
          geom.pos = geom.pos + shift
    set_state(self._model, self._data, snapshot, snapshot.selected)
    self._draw_arrows(snapshot)
    return np.asarray(self._renderer.render())

  def move(self, how: str, dx: float, dy: float) -> None:
    """Moves the camera: one of MOVES, by shares of the picture's height."""
    if self._renderer is not None:
      mujoco.mjv_moveCamera(self._model, MOVES[how], dx, dy, self._camera)

  def reset_camera(self, *, follow: bool = True) -> None:
    """Puts the camera back, at the side of the robot, following it or standing still; nothing before a picture."""
    if self._renderer is None:
      return
    kinds, camera = mujoco.mjtCamera, self._camera
    camera.type = kinds.mjCAMERA_TRACKING if follow else kinds.mjCAMERA_FREE
    camera.trackbodyid = self._root if follow else -1
    camera.azimuth, camera.elevation, camera.distance = 130.0, -12.0, self._distance

  def body_at(self, x: float, y: float) -> int | None:
    """The id of the body that the latest picture shows at x, y, in shares of its width and height from the top left."""
    if self._renderer is None:
      return None
    found = [np.full((1, 1), -1, np.int32) for _ in range(3)]
    aspect = self._size[0] / self._size[1]
    scene, point = self._renderer.scene, np.zeros((3, 1))
    body = mujoco.mjv_select(self._model, self._data, self._option, aspect, x, 1 - y, scene, point, *found)
    return int(body) if body > 0 else None

  def close(self) -> None:
    """Frees the OpenGL context."""
    if self._renderer is not None:
      self._renderer.close()
      self._renderer = None

  def _open(self, snapshot: Snapshot) -> None:
    self.close()
    software = choose_gl().software
    body = snapshot.stage.task.body
    width, height = self._size
    self._model = drawable(snapshot.stage.model, width, height, software=software)
    self._model.vis.quality.shadowsize = 1024 if software else self._model.vis.quality.shadowsize
    self._data = mujoco.MjData(self._model)
    self._renderer = mujoco.Renderer(self._model, height=height, width=width)
    if software:
      for flag in (mujoco.mjtRndFlag.mjRND_REFLECTION, mujoco.mjtRndFlag.mjRND_SHADOW):
        self._renderer.scene.flags[flag] = False
    self._root, self._distance = body.root.body, DISTANCE * max(body.robot.standing_height, 0.3)
    self._generation = snapshot.generation
    self.reset_camera()

  def _draw_arrows(self, snapshot: Snapshot) -> None:
    assert self._renderer is not None
    i, body = snapshot.selected, snapshot.stage.task.body
    push = snapshot.task_push[i] + sum((p.force for p in snapshot.hand_pushes[i]), np.zeros(3))
    command = snapshot.command[i] if self.shown['command'] else np.zeros(3)
    view = View(np.zeros(()), snapshot.qpos[i], snapshot.qvel[i], snapshot.ctrl[i], np.zeros(0))
    for arrow in arrows_at(view, body, push, command, snapshot.heading[i]):
      draw_arrow(self._renderer.scene, arrow)


def set_state(model: mujoco.MjModel, data: mujoco.MjData, snapshot: Snapshot, i: int) -> None:
  """Puts environment i of a snapshot into `data`, with contact forces; numbers that are not finite count as 0."""
  data.qpos[:], data.qvel[:] = np.nan_to_num(snapshot.qpos[i]), np.nan_to_num(snapshot.qvel[i])
  data.ctrl[:] = snapshot.ctrl[i]
  mujoco.mj_forward(model, data)


def jpeg(image: np.ndarray) -> bytes:
  """A picture as JPEG."""
  from PIL import Image

  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, 'JPEG', quality=QUALITY)
  return buffer.getvalue()


class Projector:
  """Pictures of a simulation as JPEG, made in a thread of its own while there are watchers."""

  def __init__(self, simulation: Simulation, painter: Painter | None = None) -> None:
    """Args: painter: makes the pictures; by default one of 640 x 480."""
    self.painter = painter or Painter()
    self.number = 0  # of pictures so far
    self.picture = b''  # the latest, JPEG
    self.failure = ''  # why no picture can be made
    self._simulation = simulation
    self._orders: queue.Queue[Callable[[], None]] = queue.Queue(200)
    self._watchers, self._lock = 0, threading.Lock()
    self._closing, self._wake = threading.Event(), threading.Event()
    self._thread = threading.Thread(target=self._run, name='pictures', daemon=True)

  def start(self) -> None:
    """Starts the thread."""
    self._thread.start()

  def close(self) -> None:
    """Ends the thread, which frees the OpenGL context."""
    self._closing.set()
    self._wake.set()
    if self._thread.is_alive():
      self._thread.join(5)

  @property
  def ended(self) -> bool:
    """Whether there will be no more pictures."""
    return self._closing.is_set() or bool(self.failure)

  def watch(self, change: int) -> None:
    """Adds (1) or removes (-1) a watcher."""
    with self._lock:
      self._watchers += change
    self._wake.set()

  def order(self, order: Callable[[], None]) -> None:
    """Has something done in the thread of the pictures, such as moving the camera; dropped if too much waits."""
    if not self._orders.full():
      self._orders.put(order)
    self._wake.set()

  def _run(self) -> None:
    seen = -1
    try:
      while not self._closing.is_set():
        while not self._orders.empty():
          self._orders.get()()
        if not self._watchers:
          self._wake.wait(0.5)
          self._wake.clear()
          continue
        begun = time.monotonic()
        snapshot = self._simulation.wait(seen, STILL)
        seen = snapshot.number
        self.picture = jpeg(self.painter.picture(snapshot))
        self.number += 1
        self._closing.wait(max(SMALLEST_PAUSE, 1 / FRAMERATE - (time.monotonic() - begun)))
    except Exception as error:  # of OpenGL, whose types depend on the backend
      self.failure = f'no pictures: {type(error).__name__}: {error}'
      self._simulation.tell(self.failure)
    finally:
      self.painter.close()
