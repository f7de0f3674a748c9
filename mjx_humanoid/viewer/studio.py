"""The simulation inside MuJoCo Studio: a policy that drives the physics which Studio steps.

Studio has the inspector, the mouse, the pause and the history. Only its native window is offered: its page in the
browser listens on all interfaces of the machine, and lets anybody in.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.rollout import standing
from mjx_humanoid.viewer.steering import Steering

if TYPE_CHECKING:
  from mjx_humanoid.viewer.viewer import Viewer


def check_display() -> None:
  """Raises UserError where there is no screen for a window."""
  if sys.platform.startswith('linux') and not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
    raise UserError('MuJoCo Studio needs a screen, and neither DISPLAY nor WAYLAND_DISPLAY is set; leave out --studio.')


def show(viewer: Viewer, seed: int = 0) -> None:
  """Shows the policy of a viewer in Studio's native window, until it is closed.

  Args:
    seed: of commands and pushes.

  Raises:
    UserError: MuJoCo Studio is not installed.
  """
  try:
    from mujoco.studio import app as studio_app
    from mujoco.studio import launch_native

    from mjx_humanoid.viewer.studio_plugins import make_plugins
  except ImportError as error:
    raise UserError(f'MuJoCo Studio is not installed: pip install mujoco-studio. ({error})') from None
  stage = viewer.simulation.snapshot.stage
  plugins = [*make_plugins(stage, Steering(), np.random.default_rng(seed)), studio_app.App(), *studio_app.SIM_PLUGINS]
  data = mujoco.MjData(stage.model)
  data.qpos[:] = standing(stage.task, stage.model)[0].qpos[0]
  launch_native.run(model=stage.model, data=data, plugins=plugins)
