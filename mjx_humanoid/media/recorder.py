"""Videos while training, made by a process of low priority so that training does not wait for them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mjx_humanoid.errors import UserError
from mjx_humanoid.playback.policy import Policy, save_policy

LOWEST = 19  # priority: the renderer takes what training leaves


@dataclass
class Recorder:
  """Writes <folder>/<step>.mp4 with a contact sheet beside it, one at a time."""

  folder: Path
  framerate: int
  seconds: float
  _running: subprocess.Popen[str] | None = None
  _failed: str = ''

  def __call__(self, policy: Policy, step: int) -> None:
    """Starts a video of the policy, unless the one before is still being made."""
    if self._failed or (self._running and self._running.poll() is None):
      return
    self._collect()
    if not self._failed:
      self._try(policy, f'{step:012d}', low_priority=True)

  def final(self, policy: Policy) -> str:
    """Makes <folder>/final.mp4 and waits for it. Returns what a person should know of it, in a line."""
    if self._running and self._running.poll() is None:
      self._running.terminate()  # the last one is what matters now
      self._running.wait()
      self._running = None
    self._collect()
    if not self._failed:
      self._try(policy, 'final', low_priority=False)
      self._collect()
    return self._failed or f'videos are in {self.folder}'

  def _try(self, policy: Policy, name: str, *, low_priority: bool) -> None:
    try:
      self._start(policy, name, low_priority=low_priority)
    except (UserError, OSError) as error:  # a full disk, no memory for a process: training goes on
      self._failed = f'no videos: {error}'

  def _start(self, policy: Policy, name: str, *, low_priority: bool) -> None:
    self.folder.mkdir(exist_ok=True)
    weights = self.folder / f'{name}.safetensors'
    save_policy(policy, weights)
    command = [sys.executable, '-m', 'mjx_humanoid.play', str(weights), f'--out={self.folder / name}.mp4']
    command += [f'--framerate={self.framerate}', f'--seconds={self.seconds}']
    self._running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if low_priority and hasattr(os, 'setpriority'):
      with contextlib.suppress(OSError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, self._running.pid, LOWEST)

  def _collect(self) -> None:
    if self._running is None:
      return
    _, errors = self._running.communicate()
    if self._running.returncode:
      lines = [line for line in errors.strip().split('\n') if line]
      self._failed = f'no videos: {lines[-1] if lines else "the renderer ended"}'
    self._running = None
