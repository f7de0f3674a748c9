"""Picking an OpenGL that works without a display."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import NamedTuple

from mjx_humanoid.core.errors import UserError

PROBE = """
import mujoco
context = mujoco.GLContext(16, 16)
context.make_current()
from OpenGL import GL
print(GL.glGetString(GL.GL_RENDERER).decode())
"""
# Where mujoco makes its choice, when it is imported: since 4.0, and before.
GL_MODULES = ('mujoco.rendering.classic.gl_context', 'mujoco.gl_context')
SOFTWARE = ('llvmpipe', 'softpipe', 'swrast', 'software')  # in the names of renderers without a GPU
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


class Gl(NamedTuple):
  """An OpenGL that works. software: it draws on the CPU, where every sample of every pixel takes time."""

  name: str
  renderer: str

  @property
  def software(self) -> bool:
    """Whether pictures are drawn by the CPU."""
    return any(word in self.renderer.lower() for word in SOFTWARE)


def probe(name: str) -> str | None:
  """The renderer's name, where a fresh process can make an OpenGL context with MUJOCO_GL=name; else None."""
  environment = {k: v for k, v in os.environ.items() if k not in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
  if name:
    environment['MUJOCO_GL'] = name
  try:
    run = subprocess.run([sys.executable, '-c', PROBE], env=environment, capture_output=True, text=True, timeout=60)
  except subprocess.TimeoutExpired:
    return None
  return run.stdout.strip() if run.returncode == 0 else None


def adopt(name: str) -> None:
  """Sets MUJOCO_GL, also for a mujoco that this process has imported already: it read the variable then."""
  changed = os.environ.get('MUJOCO_GL') != name
  os.environ['MUJOCO_GL'] = name
  chooser = next((sys.modules[m] for m in GL_MODULES if m in sys.modules), None)
  if changed and chooser is not None:
    importlib.reload(chooser)


def choose_gl() -> Gl:
  """Sets MUJOCO_GL to the first that works and returns it.

  Raises:
    UserError: none does; says what to install.
  """
  for name in candidates():
    if (renderer := probe(name)) is not None:
      if name:
        adopt(name)
      return Gl(name, renderer)
  raise UserError(HELP)
