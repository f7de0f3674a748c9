"""The robots of a simulation in viser's 3D scene: meshes, floor, and what is drawn beside them on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from mjx_humanoid.core.types import View
from mjx_humanoid.media.marks import BLUE, RED, arrows_at
from mjx_humanoid.viewer.layout import offsets
from mjx_humanoid.viewer.painter import set_state

if TYPE_CHECKING:
  from collections.abc import Callable

  import viser

  from mjx_humanoid.viewer.snapshot import Snapshot

VISIBLE_GROUPS = 3  # geoms of these first groups are shown, as in MuJoCo's viewers
WEIGHT_ARROW = 0.35  # of standing height: the arrow of a contact force as large as the robot's weight
GRAVITY = 9.81
ORANGE, WHITE = (235, 150, 60), (245, 245, 245)
NOTHING = np.zeros((1, 2, 3), np.float32)


class Scene:
  """The 3D objects for one model. `update` moves them; `remove` takes them away."""

  def __init__(self, server: viser.ViserServer, snapshot: Snapshot, clicked: Callable[[int, int], None]) -> None:
    """Adds the objects.

    Args:
      clicked: called with environment and body (id) when a user clicks a body.
    """
    self.generation = snapshot.generation
    self.shown = {'command': True, 'contacts': False, 'com': False}
    self.follow = True
    self._server, self._clicked = server, clicked
    self._model, self._body = snapshot.stage.model, snapshot.stage.task.body
    self._data = mujoco.MjData(self._model)
    self._offsets = offsets(len(snapshot.qpos), self._model.stat.extent)
    self._bodies: dict[int, Any] = {}
    self._add_floor()
    self._add_bodies(len(snapshot.qpos))
    self._add_marks()
    self.update(snapshot)

  def update(self, snapshot: Snapshot) -> None:
    """Shows a snapshot of the same model."""
    count, selected = len(snapshot.qpos), snapshot.selected
    places, turns = np.empty((count, self._model.nbody, 3)), np.empty((count, self._model.nbody, 4))
    for i in range(count):
      self._data.qpos[:] = np.nan_to_num(snapshot.qpos[i])
      mujoco.mj_kinematics(self._model, self._data)
      places[i], turns[i] = self._data.xpos + self._offsets[i], self._data.xquat
    shift = np.zeros(3)
    if self.follow:
      shift[:2] = -places[selected, self._body.root.body, :2]
    with self._server.atomic():
      for body, handle in self._bodies.items():
        handle.batched_positions = (places[:, body] + shift).astype(np.float32)
        handle.batched_wxyzs = turns[:, body].astype(np.float32)
      self._floor.position = tuple(shift % 1.0 - np.array([0.5, 0.5, 0]) if self.follow else shift)
      self._update_marks(snapshot, shift + self._offsets[selected])
    self._server.flush()

  def remove(self) -> None:
    """Takes all objects away."""
    for handle in (*self._bodies.values(), self._floor, *self._marks.values(), self._com):
      handle.remove()

  def _add_floor(self) -> None:
    """A grid that moves by whole cells with the robot, in place of planes."""
    self._floor = self._server.scene.add_grid(
      '/floor',
      infinite_grid=True,
      cell_size=0.5,
      section_size=1.0,
      fade_distance=25.0,
      plane_color=(225, 230, 238),
      plane_opacity=1.0,
      shadow_opacity=0.25,
    )

  def _add_bodies(self, count: int) -> None:
    from mjviser.conversions import merge_geoms

    model = self._model
    visible = (model.geom_group < VISIBLE_GROUPS) & (model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE)
    for body in range(model.nbody):
      geoms = [int(i) for i in np.flatnonzero(visible & (model.geom_bodyid == body))]
      if not geoms:
        continue
      try:
        mesh = merge_geoms(model, geoms)
      except ValueError:  # a kind of shape that mjviser does not know, such as a signed distance field
        continue
      turns, places = np.tile([1.0, 0, 0, 0], (count, 1)), np.zeros((count, 3))
      handle = self._server.scene.add_batched_meshes_trimesh(f'/robots/{body}', mesh, turns, places, lod='off')
      if body:
        handle.on_click(self._on_click(body))
      self._bodies[body] = handle

  def _on_click(self, body: int) -> Callable[[Any], None]:
    def clicked(event: Any) -> None:
      index = event.instance_index
      self._clicked(index if isinstance(index, int) else 0, body)

    return clicked

  def _add_marks(self) -> None:
    add = self._server.scene.add_arrows
    size = self._body.robot.standing_height
    colours: dict[str, Any] = {'push': RED[:3], 'command': BLUE[:3], 'contacts': np.array(ORANGE) / 255}
    self._marks = {
      name: add(
        f'/marks/{name}',
        NOTHING,
        np.array([int(255 * c) for c in colour]),
        shaft_radius=0.012 * size,
        head_radius=0.03 * size,
        head_length=0.07 * size,
        visible=False,
      )
      for name, colour in colours.items()
    }
    self._com = self._server.scene.add_icosphere('/marks/com', 0.05 * size, color=WHITE, visible=False)

  def _update_marks(self, snapshot: Snapshot, shift: np.ndarray) -> None:
    """Arrows and the centre of mass of the selected robot."""
    i = snapshot.selected
    push = snapshot.task_push[i] + sum((p.force for p in snapshot.hand_pushes[i]), np.zeros(3))
    view = View(np.zeros(()), snapshot.qpos[i], snapshot.qvel[i], snapshot.ctrl[i], np.zeros(0))
    nothing = np.zeros(3)
    command = snapshot.command[i] if self.shown['command'] else nothing
    for name, arrows in {
      'push': arrows_at(view, self._body, push, nothing, snapshot.heading[i]),
      'command': arrows_at(view, self._body, nothing, command, snapshot.heading[i]),
    }.items():
      self._draw(name, np.array([[a.tail, a.tip] for a in arrows]), shift)
    if self.shown['contacts'] or self.shown['com']:
      set_state(self._model, self._data, snapshot, i)
    contacts = contact_arrows(self._model, self._data, self._scale()) if self.shown['contacts'] else np.zeros((0, 2, 3))
    self._draw('contacts', contacts, shift)
    if self._com.visible != self.shown['com']:
      self._com.visible = self.shown['com']
    if self.shown['com']:
      self._com.position = tuple(self._data.subtree_com[self._body.root.body] + shift)

  def _draw(self, name: str, points: np.ndarray, shift: np.ndarray) -> None:
    """Shows arrows [N, 2, 3] from tail to tip; none at all hides them."""
    handle = self._marks[name]
    if len(points):
      handle.points = (points + shift).astype(np.float32)
    if handle.visible != bool(len(points)):
      handle.visible = bool(len(points))

  def _scale(self) -> float:
    """m of arrow per N of a contact force."""
    return WEIGHT_ARROW * self._body.robot.standing_height / (self._body.total_mass * GRAVITY)


def contact_arrows(model: mujoco.MjModel, data: mujoco.MjData, scale: float) -> np.ndarray:
  """An arrow [N, 2, 3] from tail to tip for each contact with a force, upwards where the floor carries the robot.

  Args:
    scale: m per N.
  """
  found = []
  force = np.zeros(6)
  for i in range(data.ncon):
    contact = data.contact[i]
    mujoco.mj_contactForce(model, data, i, force)
    world = contact.frame.reshape(3, 3).T @ force[:3]
    first = model.geom_bodyid[contact.geom[0]]
    on_robot = world if first == 0 else -world  # the force on the second body, unless that is the world
    if np.linalg.norm(on_robot) > 1.0:
      found.append([contact.pos, contact.pos + scale * on_robot])
  return np.array(found) if found else np.zeros((0, 2, 3))
