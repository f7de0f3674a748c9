"""The controls of the 3D face: buttons, sliders, keys. Whatever a page sends passes through `requests.handle`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mjx_humanoid.viewer.pace import FASTEST, SLOWEST
from mjx_humanoid.viewer.requests import BadRequestError, handle
from mjx_humanoid.viewer.steering import RANGES

if TYPE_CHECKING:
  from pathlib import Path

  import viser

  from mjx_humanoid.viewer.viewer import Viewer

# Key, part of the command, step, in words
STEERING = (
  ('W', 0, 0.1, 'faster forward'),
  ('S', 0, -0.1, 'slower, or backward'),
  ('A', 1, 0.05, 'to the left'),
  ('D', 1, -0.05, 'to the right'),
  ('Q', 2, 0.1, 'turn left'),
  ('E', 2, -0.1, 'turn right'),
)


class Panel:
  """Adds the controls to a page, and keeps them in step with the simulation."""

  def __init__(self, server: viser.ViserServer, viewer: Viewer) -> None:
    """Args: server: behind the gate."""
    self._server, self._viewer, self._gui = server, viewer, server.gui
    self._steering = threading.RLock()  # viser answers each key in a thread of its own
    self.status = self._gui.add_markdown('')
    with self._gui.add_folder('Time'):
      self._add_time()
    with self._gui.add_folder('Policy'):
      self._add_choices()
    with self._gui.add_folder('Command (W A S D Q E, X stops)'):
      self._add_steering()
    with self._gui.add_folder('Push (P, or click a body)'):
      self._force = self._gui.add_slider('strength [N]', 0, 500, 10, 100)
      self._degrees = self._gui.add_slider('direction [deg]', -180, 180, 5, 180, hint='0: from behind; 180: backwards')
      self._gui.add_button('Push').on_click(lambda _: self.push())
    self._add_keys()

  def ask(self, **message: Any) -> None:
    """Carries out a request of a page; one that is malformed does nothing."""
    try:
      handle(self._viewer, message)
    except BadRequestError as error:
      self._viewer.simulation.tell(f'refused: {error}')

  def push(self, body: int | None = None) -> None:
    """Pushes the selected robot as the sliders say. Args: body: id; None is the root."""
    message = {'kind': 'push', 'force': self._force.value, 'degrees': self._degrees.value}
    self.ask(**message, **({} if body is None else {'body': body}))

  def refresh(self) -> None:
    """Shows choices and chosen values as they are now."""
    state = self._viewer.state()
    _choose(self._policy, state['policies'], state['policy'])
    _choose(self._start, state['starts'], state['start'])
    self._pause.label = 'Continue' if state['paused'] else 'Pause'

  def _add_time(self) -> None:
    gui, simulation = self._gui, self._viewer.simulation
    self._pause = gui.add_button('Pause', hint='space')
    self._pause.on_click(lambda _: self.ask(kind='pause', on=not simulation.snapshot.paused))
    gui.add_button('Single step', hint='N').on_click(lambda _: self.ask(kind='step'))
    gui.add_button('Reset', hint='R').on_click(lambda _: self.ask(kind='reset'))
    speed = gui.add_slider('speed [times real]', SLOWEST, FASTEST, 0.1, 1.0)
    speed.on_update(lambda _: self.ask(kind='speed', value=speed.value))
    again = gui.add_checkbox('new episode after a fall', simulation.auto_reset)
    again.on_update(lambda _: self.ask(kind='auto_reset', on=again.value))
    gui.add_button('Save the last 10 s as MP4').on_click(
      lambda event: self._viewer.save_video(self._hand_out(event.client))
    )

  def _hand_out(self, client: Any) -> Callable[[Path], None]:
    """Sends a saved video to the page that asked for it, if that is still open."""

    def done(path: Path) -> None:
      if client is not None and client.client_id in self._server.get_clients():
        client.send_file_download(path.name, path.read_bytes(), save_immediately=True)

    return done

  def _add_choices(self) -> None:
    gui, state = self._gui, self._viewer.state()
    self._policy = gui.add_dropdown(
      'policy', state['policies'], initial_value=_shown(state['policies'], state['policy'])
    )
    self._policy.on_update(lambda event: self._chosen('policy', event))
    self._start = gui.add_dropdown('start', state['starts'], initial_value=state['start'])
    self._start.on_update(lambda event: self._chosen('start', event))
    if state['envs'] > 1:
      env = gui.add_slider('environment', 0, state['envs'] - 1, 1, 0)
      env.on_update(lambda _: self.ask(kind='env', index=env.value))

  def _chosen(self, kind: str, event: viser.GuiEvent[Any]) -> None:
    if event.client_id is not None:  # a user's choice; what the program shows has none
      self.ask(kind=kind, name=event.target.value)

  def _add_steering(self) -> None:
    gui = self._gui
    self._command: list[Any] = [gui.add_slider(name, low, high, 0.05, 0.0) for name, low, high in RANGES]
    for slider in self._command:
      slider.on_update(lambda _: self._steer())
    gui.add_button('Stop', hint='X').on_click(lambda _: self._stop())
    gui.add_button('Leave it to the task').on_click(lambda _: self.ask(kind='steer', command=None))

  def _steer(self) -> None:
    with self._steering:
      self.ask(kind='steer', command=[float(slider.value) for slider in self._command])

  def _stop(self) -> None:
    with self._steering:
      for slider in self._command:
        slider.value = 0.0
      self._steer()

  def _nudge(self, part: int, step: float) -> None:
    slider = self._command[part]
    _, low, high = RANGES[part]
    with self._steering:
      slider.value = round(min(high, max(low, slider.value + step)), 3)
      self._steer()

  def _add_keys(self) -> None:
    simulation = self._viewer.simulation
    for key, part, step, words in STEERING:
      self._add_key(words, key, functools.partial(self._nudge, part, step))
    self._add_key('stop', 'X', self._stop)
    self._add_key('push', 'P', self.push)
    self._add_key('reset', 'R', lambda: self.ask(kind='reset'))
    self._add_key('single step', 'N', lambda: self.ask(kind='step'))
    self._add_key('pause', 'space', lambda: self.ask(kind='pause', on=not simulation.snapshot.paused))

  def _add_key(self, words: str, key: Any, action: Callable[[], None]) -> None:
    self._gui.add_command(words, hotkey=key).on_trigger(lambda _: action())


def _choose(dropdown: Any, names: list[str], chosen: str) -> None:
  """Shows choices, and the one that is chosen, in a dropdown; sends nothing where they are shown already."""
  if list(dropdown.options) != names:
    dropdown.options = names
  shown = _shown(names, chosen)
  if dropdown.value != shown:
    dropdown.value = shown


def _shown(names: list[str], chosen: str) -> str:
  return chosen if chosen in names else names[0]
