"""Videos during training, rendered by a process of low priority so that training does not wait for them."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.policy import Policy, save_policy

# Videos during training are short and small, because rendering may take CPU time from training.
BRIEF = 5.0  # s
SMALL = ['--width=480', '--height=360']
PATIENCE = 10.0  # s, in which a renderer that is asked to stop must do so
LOWEST = 19  # lowest priority (niceness) of the renderer


@dataclass
class Recorder:
  """Writes <folder>/<step>.mp4, a contact sheet and the policy, one video at a time."""

  folder: Path
  framerate: int
  seconds: float
  _waiting: list[Path] = field(default_factory=list)  # policy files whose videos are still to be made
  _running: subprocess.Popen[bytes] | None = None
  _failed: str = ''
  _errors: IO[bytes] = field(default_factory=io.BytesIO)  # what the running renderer writes to stderr

  def __call__(self, policy: Policy, step: int) -> None:
    """Queues a video of the policy, which is rendered after the earlier ones."""
    self._ask(policy, f'{step:012d}')
    if self._running is None or self._running.poll() is not None:
      self._next(low_priority=True)

  def final(self, policy: Policy) -> str:
    """Renders <folder>/final.mp4 after all queued videos. Returns a line for the user."""
    self._ask(policy, 'final')
    while self._running or self._waiting:
      self._next(low_priority=False)
    return self._failed or f'videos are in {self.folder}'

  def stop(self) -> str:
    """Ends the running video and forgets the others, where training ended early. Returns a line about it, or ''."""
    running = self._running is not None and self._running.poll() is None
    lost = len(self._waiting) + running
    self._waiting.clear()
    if self._running is not None and running:
      self._running.send_signal(signal.SIGINT)  # it removes its temporary file
      try:
        self._running.wait(timeout=PATIENCE)
      except subprocess.TimeoutExpired:
        self._running.kill()
        self._running.wait()
    self._running = None
    return f'videos that were not made because training ended: {lost}' if lost else ''

  def _ask(self, policy: Policy, name: str) -> None:
    """Queues a video. A full disk stops the videos, not the training."""
    try:
      save_policy(policy, self.folder / f'{name}.safetensors')
      self._waiting.append(self.folder / f'{name}.safetensors')
    except UserError as error:
      self._failed = f'no videos: {error}'

  def _next(self, *, low_priority: bool) -> None:
    """Waits for the running renderer, if any, and starts the next; starts none after a failure."""
    if self._running is not None:
      self._running.wait()
      if self._running.returncode:
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors='replace').strip().split('\n') if line]
        self._failed = f'no videos: {lines[-1] if lines else "the renderer ended"}'
      self._running = None
    if self._failed:
      self._waiting.clear()
    if self._waiting:
      try:
        self._start(self._waiting.pop(0), low_priority=low_priority)
      except OSError as error:  # no memory for a process
        self._failed = f'no videos: {error}'

  def _start(self, weights: Path, *, low_priority: bool) -> None:
    command = [
      sys.executable,
      '-m',
      'mjx_humanoid.play',
      str(weights),
      f'--out={weights.with_suffix(".mp4")}',
      '--force',
    ]
    command += [
      f'--framerate={self.framerate}',
      f'--seconds={min(self.seconds, BRIEF) if low_priority else self.seconds}',
    ]
    command += SMALL if low_priority else []
    self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (a pipe that nobody reads would fill and block the renderer)
    self._running = subprocess.Popen(
      command,
      stdout=subprocess.DEVNULL,
      stderr=self._errors,
      start_new_session=True,  # Ctrl-C stops the training but not the renderer
    )
    if low_priority and hasattr(os, 'setpriority'):
      with contextlib.suppress(OSError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, self._running.pid, LOWEST)
