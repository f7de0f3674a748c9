"""Chooses an OpenGL backend that works without a display.

MuJoCo reads MUJOCO_GL when it is imported, and PyOpenGL, which MuJoCo renders with, reads PYOPENGL_PLATFORM. Rendering
fails if the two disagree. This module imports neither package.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

from mjx_humanoid.core.errors import UserError

PROBE = """
import mujoco
context = mujoco.GLContext(16, 16)
context.make_current()
from OpenGL import GL
print(GL.glGetString(GL.GL_RENDERER).decode())
"""
# The modules in which mujoco chooses its backend on import: since 4.0, and before.
GL_MODULES = ('mujoco.rendering.classic.gl_context', 'mujoco.gl_context')
SOFTWARE = ('llvmpipe', 'softpipe', 'swrast', 'software')  # in the names of renderers without a GPU
HELP = (
  'no OpenGL can be loaded, so nothing can be rendered. On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri'
  ' (or libosmesa6); on other systems install Mesa or a graphics driver. Training works without it.'
)
SECONDS = 120  # that a trial may take: at the lowest priority on a busy machine it has taken more than 60
SLOW = 'OpenGL did not answer within 120 s, so nothing is rendered. Is the machine busy? Then try again later.'
# Values of MUJOCO_GL that `import mujoco` accepts (see its gl_context.py); with any other it raises.
OFF = ('disable', 'disabled', 'off', 'false', '0')
ANYWHERE = ('', 'glfw', 'enable', 'enabled', 'on', 'true', '1')
OF_SYSTEM = {'linux': ('egl', 'osmesa', 'glx'), 'win32': ('wgl',), 'darwin': ('cgl',)}
# On Linux PyOpenGL loads these libraries by name, and `import mujoco` raises if one is missing.
LIBRARIES = {'egl': 'EGL', 'osmesa': 'OSMesa'}
VERSIONS = ('', *(f'.{i}' for i in range(9, -1, -1)))  # lib<name>.so<version>, in the order of PyOpenGL

_wished = ''  # the user's MUJOCO_GL, if prepare() removed it from the environment variables
_chosen: Gl | None = None


class Gl(NamedTuple):
  """An OpenGL backend that works."""

  name: str  # value of MUJOCO_GL; '' leaves the choice to MuJoCo
  renderer: str

  @property
  def software(self) -> bool:
    """Whether the CPU renders: slow, so pictures are drawn without smoothing."""
    return any(word in self.renderer.lower() for word in SOFTWARE)


def prepare() -> None:
  """Makes `import mujoco` succeed for any MUJOCO_GL: training and evaluation need no rendering.

  Removes a value of MUJOCO_GL that MuJoCo does not know or whose library is not installed, and logs a warning. Does
  nothing if MUJOCO_GL is not set.
  """
  global _wished  # noqa: PLW0603 (of the process, as the environment is)
  name = wanted()
  if not name or 'mujoco' in sys.modules:
    return
  if name not in known_names():
    reason = f'here MuJoCo knows {", ".join((*OF_SYSTEM.get(sys.platform, ()), "glfw"))}'
  elif name in LIBRARIES and not has_library(LIBRARIES[name]):
    reason = f'there is no lib{LIBRARIES[name]}'
  else:
    return
  _wished = name
  given = os.environ.pop('MUJOCO_GL')
  logging.getLogger(__name__).warning('MUJOCO_GL=%s is ignored: %s.', given, reason)


def wanted() -> str:
  """The value of MUJOCO_GL, normalised as MuJoCo does."""
  return os.environ.get('MUJOCO_GL', '').lower().strip()


def known_names() -> tuple[str, ...]:
  """Values of MUJOCO_GL that MuJoCo accepts on this system."""
  return (*OF_SYSTEM.get(sys.platform, ()), *ANYWHERE, *OFF)


def has_library(name: str) -> bool:
  """Whether lib<name> can be loaded, under the names that PyOpenGL tries."""
  for version in VERSIONS:
    try:
      ctypes.CDLL(f'lib{name}.so{version}')
    except OSError:
      continue
    return True
  return False


def candidates() -> list[str]:
  """Values of MUJOCO_GL to try, in order; '' leaves the choice to MuJoCo."""
  usual = ['']
  if sys.platform.startswith('linux'):
    usual = ['egl', 'osmesa'] + ([''] if os.environ.get('DISPLAY') else [])
  return list(dict.fromkeys([name for name in (wanted(), _wished) if name] + usual))


def probe(name: str) -> str | None:
  """The renderer's name if a new process can make an OpenGL context with MUJOCO_GL=name, else None.

  Raises:
    subprocess.TimeoutExpired: it does not answer.
  """
  environment = {k: v for k, v in os.environ.items() if k not in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
  environment |= variables(name)
  command = [sys.executable, '-c', PROBE]
  run = subprocess.run(
    command, env=environment, capture_output=True, encoding='utf-8', errors='replace', timeout=SECONDS
  )
  return run.stdout.strip() if run.returncode == 0 else None


def variables(name: str) -> dict[str, str]:
  """Environment variables of an OpenGL backend, for MuJoCo and PyOpenGL: MuJoCo fails if they differ."""
  found = {'MUJOCO_GL': name} if name else {}
  return found | ({'PYOPENGL_PLATFORM': name} if name in LIBRARIES else {})


def adopt(name: str) -> None:
  """Sets the variables of an OpenGL backend, and reloads the part of mujoco that has read them already."""
  before = {key: os.environ.pop(key, None) for key in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
  os.environ.update(variables(name))
  changed = before != {key: os.environ.get(key) for key in before}
  chooser = next((sys.modules[m] for m in GL_MODULES if m in sys.modules), None)
  if changed and chooser is not None:
    importlib.reload(chooser)


def choose_gl() -> Gl:
  """Chooses the first OpenGL backend that works, once per process, and sets MUJOCO_GL and PYOPENGL_PLATFORM.

  Raises:
    UserError: no backend works; says what to install.
  """
  global _chosen  # noqa: PLW0603 (of the process, as the environment is)
  if _chosen is None or wanted() != _chosen.name:  # else already in use
    _chosen = first_working(candidates())
    adopt(_chosen.name)
  return _chosen


def first_working(names: Iterable[str]) -> Gl:
  """The first of these backends that works here. Raises UserError if none does."""
  slow = False
  for name in names:
    try:
      renderer = probe(name)
    except subprocess.TimeoutExpired:
      slow = True
      continue
    if renderer is not None:
      return Gl(name, renderer)
  raise UserError(SLOW if slow else HELP)
