"""A live view beside a training: a process of its own, at low priority."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.policy import save_policy
from mjx_humanoid.run.listeners import Listener
from mjx_humanoid.viewer.follow import LIVE_POLICY
from mjx_humanoid.viewer.serving import UNWATCHED, WATCHED

if TYPE_CHECKING:
  from mjx_humanoid.run.loop import Loop

EVERY = 5.0  # s between two policies that are saved for the viewer
ENDING = 5.0  # s that the viewer has to end


class LiveView(Listener):
  """Starts a viewer that follows the run. While a page is open, saves the newest policy for it every five seconds.

  Whatever goes wrong with the view is told once and does not end the training.
  """

  def __init__(self, port: int = 0) -> None:
    """Args: port: of the viewer; 0 takes a free one."""
    self._port = port
    self._process: subprocess.Popen[str] | None = None
    self._watched, self._saved = False, 0.0
    self._told = False  # that a policy could not be saved

  def on_start(self, loop: Loop) -> None:
    self._loop = loop
    command = [sys.executable, '-m', 'mjx_humanoid.view', f'--run={loop.folder}', '--follow', '--beside-training']
    # In a session of its own, so that Ctrl-C stops the training alone, which then ends the viewer.
    try:
      self._process = subprocess.Popen(
        [*command, f'--port={self._port}', '--allow-code'],  # code that this training runs anyway
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding='utf-8',
        errors='replace',
        env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
        start_new_session=True,
      )
    except OSError as error:  # no memory for a process
      loop.say(f'no live view: {error}')
      return
    threading.Thread(target=self._listen, args=(self._process,), name='live view', daemon=True).start()

  def _listen(self, process: subprocess.Popen[str]) -> None:
    """Passes on what the viewer says."""
    assert process.stdout is not None
    for line in process.stdout:
      text = line.strip()
      if text in (WATCHED, UNWATCHED):
        self._watched = text == WATCHED
      elif text.startswith(('open ', 'error: ')):
        self._loop.say(f'live view: {text}')
    self._watched = False

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    if self._watched and time.monotonic() - self._saved > EVERY:
      self._saved = time.monotonic()
      self._save()

  def _save(self) -> None:
    """Saves the newest policy for the viewer. A full disk stops the view, not the training."""
    try:
      save_policy(self._loop.policy(), self._loop.folder / LIVE_POLICY)
      self._told = False
    except UserError as error:
      if not self._told:
        self._loop.say(f'{error} Training goes on; the live view shows an older policy.')
      self._told = True

  def close(self) -> None:
    if self._process is None:
      return
    self._process.terminate()
    try:
      self._process.wait(ENDING)
    except subprocess.TimeoutExpired:
      self._process.kill()
