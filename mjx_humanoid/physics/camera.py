"""Renders pictures of a model with MuJoCo, from one of the model's cameras."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.opengl import choose_gl

ARROW_WIDTH = 0.035  # m


class Arrow(NamedTuple):
  """An arrow in a picture."""

  tail: np.ndarray  # [3] m, in the world
  tip: np.ndarray  # [3]
  colour: tuple[float, float, float, float]  # red, green, blue, opacity in [0, 1]


class Camera:
  """One camera of a model.

  The first picture loads OpenGL; `close` or the end of a `with` block frees it. The model is not changed. Later changes
  to the model, such as colours, take effect only after `close`.
  """

  def __init__(self, model: mujoco.MjModel, name: str, width: int, height: int, *, software: bool = False) -> None:
    """Loads no OpenGL yet.

    Args:
      name: name of the camera: track, front, ...
      width, height: size of pictures in pixels.
      software: leave out smoothing and reflections, which are slow on a CPU.

    Raises:
      UserError: the model has no such camera, or a picture would have no pixels.
    """
    names = [model.camera(i).name for i in range(model.ncam)]
    if name not in names:
      raise unknown('camera', name, names)
    if not (_is_count(width) and _is_count(height)):
      raise UserError(f'width={width}, height={height}: a picture needs at least one pixel each way, in whole numbers.')
    self._name, self._size, self._software = name, (int(height), int(width)), software
    self._model, self._data = model, mujoco.MjData(model)
    self._renderer: mujoco.Renderer | None = None

  def picture(self, qpos: np.ndarray, arrows: Sequence[Arrow] = ()) -> np.ndarray:
    """A picture of the robot at qpos [nq], uint8 [height, width, 3]; numbers that are not finite count as 0.

    Raises:
      UserError: no OpenGL can be loaded, or it fails.
    """
    if self._renderer is None:
      self._renderer = self._open()
    self._data.qpos[:] = np.nan_to_num(qpos)
    mujoco.mj_forward(self._model, self._data)
    self._renderer.update_scene(self._data, camera=self._name)
    for arrow in arrows:
      draw_arrow(self._renderer.scene, arrow)
    return np.array(self._renderer.render())

  def frames(self, rows: Iterable[np.ndarray], arrows: Iterable[Sequence[Arrow]] | None = None) -> Iterator[np.ndarray]:
    """One picture for each row of qpos [F, nq]. Raises UserError like `picture`."""
    return map(self.picture, rows) if arrows is None else map(self.picture, rows, arrows)

  def close(self) -> None:
    """Frees the OpenGL context; the next picture makes another."""
    if self._renderer is not None:
      self._renderer.close()
      self._renderer = None

  def __enter__(self) -> Camera:
    return self

  def __exit__(self, *error: object) -> None:
    self.close()

  def _open(self) -> mujoco.Renderer:
    choose_gl()
    height, width = self._size
    try:
      model = drawable(self._model, width, height, software=self._software)
      renderer = mujoco.Renderer(model, height=height, width=width)
    except Exception as error:  # the type depends on the OpenGL backend
      detail = f'{type(error).__name__}: {error}'.splitlines()[0]
      raise UserError(
        'nothing can be rendered, although an OpenGL was found; start Python with MUJOCO_GL=egl or MUJOCO_GL=osmesa,'
        f' or run python -m mjx_humanoid.doctor. ({detail})'
      ) from None
    renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = not self._software
    return renderer


def draw_arrow(scene: mujoco.MjvScene, arrow: Arrow) -> None:
  """Adds an arrow to a scene; nothing where the scene is full."""
  if scene.ngeom >= scene.maxgeom:
    return
  geom = scene.geoms[scene.ngeom]
  kind = mujoco.mjtGeom.mjGEOM_ARROW
  mujoco.mjv_initGeom(geom, kind, np.zeros(3), np.zeros(3), np.zeros(9), np.array(arrow.colour, np.float32))
  mujoco.mjv_connector(geom, kind, ARROW_WIDTH, np.asarray(arrow.tail, float), np.asarray(arrow.tip, float))
  scene.ngeom += 1


def drawable(model: mujoco.MjModel, width: int, height: int, *, software: bool) -> mujoco.MjModel:
  """A copy of a model with buffers large enough for a picture; with software=True, without smoothing of edges."""
  copied = copy.copy(model)
  buffers = copied.vis.global_
  buffers.offwidth, buffers.offheight = max(buffers.offwidth, width), max(buffers.offheight, height)
  if software:
    copied.vis.quality.offsamples = 0
  return copied


def _is_count(value: object) -> bool:
  return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)
