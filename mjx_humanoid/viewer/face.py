"""The 3D face: viser's page with the robots, the controls and the plots, behind the gate."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from typing import TYPE_CHECKING, Any

from mjx_humanoid.viewer.charts import Charts
from mjx_humanoid.viewer.guarded_viser import make_server
from mjx_humanoid.viewer.panel import Panel
from mjx_humanoid.viewer.scene import Scene

if TYPE_CHECKING:
  from mjx_humanoid.viewer.gate import Gate
  from mjx_humanoid.viewer.viewer import Viewer

PROMPT = 0.001  # s that an update of the scene may come before the interval of the viewer is over
PANELS = 0.2  # s between two updates of controls and plots
IDLE = 0.2  # s between looks at whether a page is open
CAMERA = (1.6, -1.6, 0.45)  # of standing height, from the robot


class Face:
  """Shows a viewer in 3D. `updates` counts those of the scene."""

  def __init__(self, viewer: Viewer, gate: Gate) -> None:
    """Opens the port. Raises UserError as make_server does."""
    self.updates = 0
    self._viewer = viewer
    self.server = make_server(gate, f'mjx_humanoid: {viewer.simulation.snapshot.policy}')
    self.server.gui.configure_theme(control_width='large', show_share_button=False)
    self.server.gui.main_panel.dock_right()
    self.server.scene.set_up_direction('+z')
    self.server.scene.configure_default_lights(cast_shadow=False)  # slow where the CPU draws
    self.panel = Panel(self.server, viewer)
    self._add_looks()
    self.charts = Charts(self.server, viewer)
    self.scene = Scene(self.server, viewer.simulation.snapshot, self._clicked)
    self._place_camera()
    self._closing = threading.Event()
    self.thread = threading.Thread(target=self._run, name='scene', daemon=True)
    self._panels = threading.Thread(target=self._run_panels, name='panels', daemon=True)

  def start(self) -> None:
    """Starts to show."""
    self.thread.start()
    self._panels.start()

  def close(self) -> None:
    """Closes the port and all pages."""
    self._closing.set()
    for thread in (self.thread, self._panels):
      if thread.is_alive():
        thread.join(5)
    with contextlib.redirect_stdout(io.StringIO()):  # viser says that it stops
      self.server.stop()

  def _run(self) -> None:
    seen, least = -1, self._viewer.interval - PROMPT
    while not self._closing.is_set():
      if not self.server.get_clients():
        self._closing.wait(IDLE)
        continue
      with self._viewer.simulation.watching():
        while self.server.get_clients() and not self._closing.is_set():
          begun = time.monotonic()
          snapshot = self._viewer.simulation.wait(seen, IDLE)
          if snapshot.number != seen:
            seen = snapshot.number
            self._show(snapshot)
          self._closing.wait(max(0.0, least - (time.monotonic() - begun)))

  def _show(self, snapshot: Any) -> None:
    if snapshot.generation != self.scene.generation:
      self.scene.remove()
      before = self.scene
      self.scene = Scene(self.server, snapshot, self._clicked)
      self.scene.shown, self.scene.follow = before.shown, before.follow
    else:
      self.scene.update(snapshot)
    self.updates += 1

  def _run_panels(self) -> None:
    while not self._closing.wait(PANELS):
      if self.server.get_clients():
        self.panel.status.content = self._status()
        self.panel.refresh()
        self.charts.refresh()

  def _status(self) -> str:
    state = self._viewer.state()
    q, steered = state['quantities'], 'yours' if state['steered'] else "the task's"
    numbers = f'height {q.get("height", 0):.2f} m · speed {q.get("speed", 0):.2f} m/s · power {q.get("power", 0):.0f} W'
    command = ', '.join(f'{x:.2f}' for x in state['command'])
    trouble = self._viewer.follower.trouble if self._viewer.follower else ''
    notes = [f'*{_plain(line)}*' for line in (state['notice'], trouble) if line]
    lines = [
      f'**{_plain(state["policy"])}** · {state["time"]:.1f} s · real time {state["real_time"]:.2f}x',
      numbers,
      f'command {command} ({steered})',
    ]
    return '\n\n'.join([*lines, *notes])

  def _add_looks(self) -> None:
    gui = self.server.gui
    with gui.add_folder('Show', expand_by_default=False):
      boxes = {
        'command': gui.add_checkbox('command and pushes', True),
        'contacts': gui.add_checkbox('contact forces', False),
        'com': gui.add_checkbox('centre of mass', False),
      }
      follow = gui.add_checkbox('camera follows the robot', True)
      reset = gui.add_button('Reset the camera')

    def look() -> None:
      for name, box in boxes.items():
        self.scene.shown[name] = bool(box.value)
      self.scene.follow = bool(follow.value)

    for box in (*boxes.values(), follow):
      box.on_update(lambda _: look())
    reset.on_click(lambda event: self._reset_camera(event.client))

  def _clicked(self, env: int, body: int) -> None:
    """A user has clicked a body: it is pushed, and its environment is the selected one from then on."""
    if env != self._viewer.simulation.snapshot.selected:
      self.panel.ask(kind='env', index=env)
    self.panel.push(body)

  def _camera(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Position and target of the camera at first."""
    size = self._viewer.simulation.snapshot.stage.task.body.robot.standing_height
    distance = max(size, 0.4)
    return tuple(distance * x for x in CAMERA), (0.0, 0.0, 0.6 * size)  # type: ignore[return-value]

  def _place_camera(self) -> None:
    self.server.initial_camera.position, self.server.initial_camera.look_at = self._camera()

  def _reset_camera(self, client: Any) -> None:
    if client is not None:
      client.camera.position, client.camera.look_at = self._camera()


def _plain(text: str) -> str:
  """A text without what Markdown would read as its own."""
  return ''.join(f'\\{c}' if c in '\\`*_{}[]<>()#+!|' else c for c in text)
