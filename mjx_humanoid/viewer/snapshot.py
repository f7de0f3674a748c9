"""What a simulation publishes for its faces: the state of all environments at one instant."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.viewer.live_env import HandPush


@dataclass(frozen=True, eq=False)
class Snapshot:
  """The state of N environments. Arrays must not be changed."""

  number: int  # counts the snapshots
  generation: int  # counts the models: faces rebuild their scene when it changes
  stage: Stage  # policy, task and model
  policy: str  # as the user named it
  seconds: float  # simulated since the viewer started
  times: np.ndarray  # [N] s since the episode of each environment began
  qpos: np.ndarray  # [N, nq]
  qvel: np.ndarray  # [N, nv]
  ctrl: np.ndarray  # [N, nu]
  command: np.ndarray  # [N, 3] forward, left [m/s], turning left [rad/s]
  heading: np.ndarray  # [N, 2] target heading, a unit vector on the floor
  task_push: np.ndarray  # [N, 3] N on the root, of the task
  selected: int = 0  # the environment that commands, pushes and plots are about
  hand_pushes: tuple[tuple[HandPush, ...], ...] = field(default_factory=tuple)  # of each environment
  paused: bool = False
  speed: float = 1.0  # times real time, as chosen
