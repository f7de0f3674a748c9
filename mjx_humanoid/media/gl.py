"""Picking an OpenGL that works without a display. To be called before mujoco is imported."""

from __future__ import annotations

import os
import subprocess
import sys

from mjx_humanoid.errors import UserError

PROBE = 'import mujoco; c = mujoco.GLContext(16, 16); c.make_current(); c.free()'
HELP = (
  'no OpenGL can be loaded, so nothing can be rendered. On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri'
  ' (or libosmesa6); on other systems install Mesa or a graphics driver. Training works without it.'
)


def candidates() -> list[str]:
  """Values of MUJOCO_GL worth trying here, best first; '' leaves the choice to MuJoCo."""
  if given := os.environ.get('MUJOCO_GL'):
    return [given, 'egl', 'osmesa']
  if not sys.platform.startswith('linux'):
    return ['']
  return ['egl', 'osmesa'] + ([''] if os.environ.get('DISPLAY') else [])


def works(name: str) -> bool:
  """Whether a fresh process can make an OpenGL context with MUJOCO_GL=name."""
  environment = {k: v for k, v in os.environ.items() if k not in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
  if name:
    environment['MUJOCO_GL'] = name
  try:
    probe = subprocess.run([sys.executable, '-c', PROBE], env=environment, capture_output=True, timeout=60)
  except subprocess.TimeoutExpired:
    return False
  return probe.returncode == 0


def choose_gl() -> str:
  """Sets MUJOCO_GL to the first that works and returns it.

  Raises:
    UserError: none does; says what to install.
  """
  for name in candidates():
    if works(name):
      if name:
        os.environ['MUJOCO_GL'] = name
      return name
  raise UserError(HELP)
