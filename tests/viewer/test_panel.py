"""Protects the controls of the 3D face: several keys at once, each in a thread of its own, and choices of users."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from mjx_humanoid.viewer.gate import Gate
from mjx_humanoid.viewer.serving import free_port

pytest.importorskip('viser')
pytest.importorskip('mjviser')

from mjx_humanoid.viewer.guarded_viser import make_server
from mjx_humanoid.viewer.panel import STEERING, Panel


@pytest.fixture
def panel(make_viewer):
  """The controls of a viewer, whose `commands` collects what the simulation is told."""
  server = make_server(Gate(port=free_port('127.0.0.1', 0), token=''), 'test')
  viewer = make_viewer()
  made = Panel(server, viewer)
  made.commands = []
  viewer.simulation.steer = made.commands.append
  interval = sys.getswitchinterval()
  sys.setswitchinterval(1e-6)  # threads take turns within a few instructions
  yield made
  sys.setswitchinterval(interval)
  server.stop()


def test_no_key_of_many_pressed_at_once_is_lost(panel):
  part, step = STEERING[0][1:3]
  with ThreadPoolExecutor(8) as pool:
    for end in (1.5, 0.0):  # up by 15 presses, and down again
      for pressed in [pool.submit(panel._nudge, part, step if end else -step) for _ in range(15)]:
        pressed.result()
      assert panel._command[part].value == pytest.approx(end)
      assert panel.commands[-1] == pytest.approx([end, 0, 0])


def test_what_is_shown_is_no_choice_and_what_a_user_chooses_is_one(panel, monkeypatch):
  asked = []
  monkeypatch.setattr(panel, 'ask', lambda **message: asked.append(message))
  panel._policy.value = 'stand'  # as the program shows a policy that was taken up
  assert asked == []
  panel._chosen('policy', SimpleNamespace(client_id=3, target=panel._policy))
  assert asked == [{'kind': 'policy', 'name': 'stand'}]
