"""What lies between a policy and its robot in playback, as in training: late actions, noisy sensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mjx_humanoid.physics.randomize import VELOCITY_NOISE_RATIO
from mjx_humanoid.core.types import View


class Wiring:
  """The way of observations to the policy and of controls back, for N episodes."""

  def __init__(self, randomization: Mapping[str, float], count: int, actions: int, rng: np.random.Generator) -> None:
    """Draws the delays.

    Args:
      randomization: strengths by name, of which `action_delay` and `sensor_noise` count.
      rng: of each episode's delay, and of the noise of every step; untouched where there is neither.
    """
    most = round(randomization.get('action_delay', 0))
    self.noise, self.rng = randomization.get('sensor_noise', 0.0), rng
    self.delay = rng.integers(most + 1, size=count) if most else None
    self.sent = np.zeros((count, most, actions), np.float32)  # newest first

  def sense(self, view: View) -> View:
    """The view with the noise of its sensors."""
    if not self.noise:
      return view
    angles = self.noise * self.rng.standard_normal(view.qpos[:, 7:].shape)
    rates = self.noise * VELOCITY_NOISE_RATIO * self.rng.standard_normal(view.qvel.shape)
    qpos = np.concatenate([view.qpos[:, :7], view.qpos[:, 7:] + angles], axis=1, dtype=np.float32)
    return view._replace(qpos=qpos, qvel=np.add(view.qvel, rates, dtype=np.float32))

  def send(self, ctrl: np.ndarray) -> np.ndarray:
    """What arrives [N, A] in the control step in which the policy says ctrl [N, A]."""
    if self.delay is None:
      return ctrl
    sent = np.concatenate([ctrl[:, None], self.sent], axis=1)
    self.sent = sent[:, :-1]
    arrived: np.ndarray = sent[np.arange(len(ctrl)), self.delay]
    return arrived
