"""run.log: the messages of a training, for reading later."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import Appender
from mjx_humanoid.core.output import lost_reader
from mjx_humanoid.run.listeners import Listener

if TYPE_CHECKING:
  from mjx_humanoid.run.loop import Loop

LOG_FILE = 'run.log'


class RunLog(Listener):
  """Adds a line with date and time for everything that a training says. A full disk stops the lines alone."""

  _path: Path | None = None

  def on_start(self, loop: Loop) -> None:
    self._path, self._told = loop.folder / LOG_FILE, False
    self.on_message(f'training from step {loop.step:,} of {loop.total:,}')

  def on_message(self, line: str) -> None:
    if self._path is None:
      return
    try:
      file = Appender(self._path, 'the log')
    except UserError:
      return
    try:
      file.append(
        f'{datetime.datetime.now().astimezone().isoformat(" ", "seconds")} {line}\n'.encode(errors='backslashreplace')
      )
    except UserError:
      pass  # metrics say that the disk is full
    finally:
      file.close()

  def on_update(self, step: int, metrics: Mapping[str, float]) -> None:
    reason = lost_reader()
    if reason and not self._told:
      self._told = True
      self.on_message(f'nobody reads what is printed ({reason}); training goes on without it from step {step:,}')

  def on_end(self, report: Mapping[str, Any]) -> None:
    self.on_message('stopped and saved' if report['stopped_early'] else 'finished')
