"""Picking an OpenGL that works without a display.

MuJoCo reads MUJOCO_GL when it is imported, and PyOpenGL, which it draws with, reads PYOPENGL_PLATFORM: where the two do
not agree, nothing can be drawn. Neither package is imported here.
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
# Where mujoco makes its choice, when it is imported: since 4.0, and before.
GL_MODULES = ('mujoco.rendering.classic.gl_context', 'mujoco.gl_context')
SOFTWARE = ('llvmpipe', 'softpipe', 'swrast', 'software')  # in the names of renderers without a GPU
HELP = (
  'no OpenGL can be loaded, so nothing can be rendered. On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri'
  ' (or libosmesa6); on other systems install Mesa or a graphics driver. Training works without it.'
)
# Values of MUJOCO_GL that `import mujoco` takes, as its gl_context.py has them; with any other it raises.
OFF = ('disable', 'disabled', 'off', 'false', '0')
ANYWHERE = ('', 'glfw', 'enable', 'enabled', 'on', 'true', '1')
OF_SYSTEM = {'linux': ('egl', 'osmesa', 'glx'), 'win32': ('wgl',), 'darwin': ('cgl',)}
# On Linux PyOpenGL loads the library of these by name, and `import mujoco` raises where there is none.
LIBRARIES = {'egl': 'EGL', 'osmesa': 'OSMesa'}
VERSIONS = ('', *(f'.{i}' for i in range(9, -1, -1)))  # lib<name>.so<version>, in the order that PyOpenGL tries

_wished = ''  # the user's MUJOCO_GL, where prepare() took it out of the environment
_chosen: Gl | None = None


class Gl(NamedTuple):
  """An OpenGL that works. software: it draws on the CPU, where every sample of every pixel takes time."""

  name: str  # of MUJOCO_GL; '' leaves the choice to MuJoCo
  renderer: str

  @property
  def software(self) -> bool:
    """Whether pictures are drawn by the CPU."""
    return any(word in self.renderer.lower() for word in SOFTWARE)


def prepare() -> None:
  """Lets `import mujoco` succeed whatever MUJOCO_GL is: training and judging draw nothing.

  A value that MuJoCo does not know, or whose library is not installed, is taken out of the environment and named in a
  warning. Nothing is loaded or tried where MUJOCO_GL is not set.
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
  """The value of MUJOCO_GL in the environment as MuJoCo reads it."""
  return os.environ.get('MUJOCO_GL', '').lower().strip()


def known_names() -> tuple[str, ...]:
  """Values of MUJOCO_GL that MuJoCo takes on this system."""
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
  """Values of MUJOCO_GL worth trying here, best first; '' leaves the choice to MuJoCo."""
  usual = ['']
  if sys.platform.startswith('linux'):
    usual = ['egl', 'osmesa'] + ([''] if os.environ.get('DISPLAY') else [])
  return list(dict.fromkeys([name for name in (wanted(), _wished) if name] + usual))


def probe(name: str) -> str | None:
  """The renderer's name, where a fresh process can make an OpenGL context with MUJOCO_GL=name; else None."""
  environment = {k: v for k, v in os.environ.items() if k not in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
  environment |= variables(name)
  command = [sys.executable, '-c', PROBE]
  try:
    run = subprocess.run(command, env=environment, capture_output=True, encoding='utf-8', errors='replace', timeout=60)
  except subprocess.TimeoutExpired:
    return None
  return run.stdout.strip() if run.returncode == 0 else None


def variables(name: str) -> dict[str, str]:
  """Environment variables of an OpenGL: MuJoCo's, and PyOpenGL's, which MuJoCo refuses to draw with if it differs."""
  found = {'MUJOCO_GL': name} if name else {}
  return found | ({'PYOPENGL_PLATFORM': name} if name in LIBRARIES else {})


def adopt(name: str) -> None:
  """Sets the variables of an OpenGL, also for a mujoco that this process has imported already: it read them then."""
  before = {key: os.environ.pop(key, None) for key in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
  os.environ.update(variables(name))
  changed = before != {key: os.environ.get(key) for key in before}
  chooser = next((sys.modules[m] for m in GL_MODULES if m in sys.modules), None)
  if changed and chooser is not None:
    importlib.reload(chooser)


def choose_gl() -> Gl:
  """Chooses the first OpenGL that works, once in a process, and sets MUJOCO_GL and PYOPENGL_PLATFORM to it.

  Raises:
    UserError: none does; says what to install.
  """
  global _chosen  # noqa: PLW0603 (of the process, as the environment is)
  if _chosen is None or wanted() != _chosen.name:  # else it is in force
    _chosen = first_working(candidates())
    adopt(_chosen.name)
  return _chosen


def first_working(names: Iterable[str]) -> Gl:
  """The first of these that works here. Raises UserError where none does."""
  for name in names:
    if (renderer := probe(name)) is not None:
      return Gl(name, renderer)
  raise UserError(HELP)
