"""Reinforcement learning for humanoid robots in MuJoCo: training, evaluation and export, on a GPU or two CPU cores.

import mjx_humanoid as mh

run = mh.train('stand')       # a Run: run.policy, run.report, run.metrics
policy = mh.load('walk')      # a pretrained policy, a run or a policy file: policy(obs) -> controls
mh.evaluate(policy)           # its report card, in C MuJoCo
mh.render(policy)             # frames of a video
mh.export(policy, 'walk.onnx')
mh.trajectory(policy)         # one episode as arrays
mh.pose('photo.jpg')          # the humanoid in the pose of a person
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core import opengl as _opengl
from mjx_humanoid.core import process as _environment
from mjx_humanoid.envs import registration as _gymnasium

if TYPE_CHECKING:
  from mjx_humanoid.api import Run, evaluate, export, load, pose, render, show, train, trajectory
  from mjx_humanoid.core.errors import UserError

__version__ = '0.1.0'
__all__ = ['Run', 'UserError', 'evaluate', 'export', 'load', 'pose', 'render', 'show', 'train', 'trajectory']

_environment.prepare()
_opengl.prepare()
_gymnasium.register_when_imported()


def __getattr__(name: str) -> Any:
  """The functions of `api`, imported on first use, so that commands start fast.

  If a command has the same name, this is its module, which can be called like the function.
  """
  if name not in __all__:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  if importlib.util.find_spec(f'{__name__}.{name}'):
    return importlib.import_module(f'{__name__}.{name}')
  return getattr(importlib.import_module(f'{__name__}.{"core.errors" if name == "UserError" else "api"}'), name)
