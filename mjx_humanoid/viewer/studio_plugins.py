"""Plugins for MuJoCo Studio: one steps physics under a policy, the other is a window to steer it.

Studio reads the annotations of handlers when they are defined, so this file leaves them as they are.
"""

import time
from typing import Any

import mujoco
import numpy as np
from mujoco.studio import messages, plugin, sim
from mujoco.studio.dear_imgui import dear_imgui as imgui

from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.viewer.driver import Driver
from mjx_humanoid.viewer.pace import FASTEST, SLOWEST, Pace
from mjx_humanoid.viewer.steering import RANGES, Steering

YIELD = 0.001  # s that other threads have between two looks at the clock


class PolicySteps(plugin.SimPlugin):  # type: ignore[misc, unused-ignore]
  """Steps physics in real time under a policy, instead of Studio's own stepping."""

  def __init__(self, driver: Driver) -> None:
    """Args: driver: the policy."""
    self.paused, self.singles = False, 0
    self._driver, self._pace = driver, Pace()

  @messages.handler(priority=messages.Priority.USER)
  def on_control(self, event: messages.StepControlSnapshot) -> None:
    """Takes pause and speed from Studio's controls."""
    self.paused = event.pause_state != sim.PauseState.UNPAUSED
    self._pace.speed = min(FASTEST, max(SLOWEST, event.speed / 100))

  @messages.handler(priority=messages.Priority.USER)
  def on_pause(self, event: messages.RequestPauseEvent) -> None:
    """Pauses, or continues."""
    self.paused = event.pause_state != sim.PauseState.UNPAUSED

  @messages.handler(priority=messages.Priority.USER)
  def on_single_step(self, event: messages.SingleStepEvent) -> None:
    """One physics step."""
    self.singles += 1

  @messages.handler(priority=messages.Priority.USER)
  def on_step(self, event: messages.StepEvent) -> bool:
    """Steps once, when it is time to; Studio's own stepping then does not."""
    if self.paused and not self.singles:
      self._pace.restart()
      time.sleep(YIELD)
      return True
    self.singles = max(0, self.singles - 1)
    self._pace.wait_until(self._pace.begin(event.model.opt.timestep))
    self._driver.before_step(event.data)
    mujoco.mj_step(event.model, event.data)
    return True


class PolicyWindow(plugin.ViewerPlugin):  # type: ignore[misc, unused-ignore]
  """A window with the velocity command."""

  def __init__(self, name: str, steering: Steering) -> None:
    """Args: name: of the policy."""
    self._name, self._steering = name, steering

  @messages.handler
  def on_build_gui(self, event: messages.BuildGuiEvent) -> None:
    """The sliders."""
    steering = self._steering
    if imgui.Begin(f'{self._name}###policy'):
      command = np.zeros(3) if steering.command is None else steering.command.copy()
      for i, (name, low, high) in enumerate(RANGES):
        changed, value = imgui.SliderFloat(name, float(command[i]), low, high)
        if changed:
          command[i] = value
          steering.command = command
      if imgui.Button('Leave it to the task'):
        steering.command = None
    imgui.End()


def make_plugins(stage: Stage, steering: Steering, rng: np.random.Generator) -> list[Any]:
  """Both plugins. Args: steering: the user's command; rng: of commands and pushes."""
  return [PolicySteps(Driver(stage, steering, rng)), PolicyWindow(stage.name, steering)]
