"""What the tests of report cards share: episodes made by hand, and how they are judged."""

from __future__ import annotations

import numpy as np
from made_up import at_rest, sensor

from mjx_humanoid.playback.cards import CARDS
from mjx_humanoid.playback.figures import measure

SECOND = 40  # control steps of the humanoid
JUDGING = [name for name in CARDS if name != 'none']


def judged(card, paths, body):
  """Whether each episode passes, by all that is measured of it, and the figures."""
  figures = measure(paths, body)
  return CARDS[card].judge(figures, paths, body).tolist(), figures


def stride(paths, body, period, down):
  """Each foot on the floor for the first `down` steps of its stride of `period` steps, half a stride apart."""
  steps = np.arange(paths.terminated.shape[1])
  for i, foot in enumerate(body.robot.feet):
    through = (steps + i * period // 2) % period
    sensor(paths, body, f'{foot}_touch')[..., 0] = np.where(through < down, 300.0, 0.0)


def going(body, speed, down):
  """An episode of six seconds in this direction along x, with a stride of one second."""
  paths = at_rest(body, 1, 6 * SECOND)
  sensor(paths, body, 'com_vel')[..., 0] = speed
  paths.contexts.requested[..., 0] = speed
  stride(paths, body, SECOND, down)
  return paths
