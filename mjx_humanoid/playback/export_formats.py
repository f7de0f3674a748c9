"""Exports policies for other programs: as an ONNX graph with the robot's model, or as arrays in an .npz.

This package can load safetensors only; it writes the other formats but does not read them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config.settings import replaced, to_dict
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.files import check_free, write_files
from mjx_humanoid.core.network import CLIP
from mjx_humanoid.physics.model import self_contained_xml
from mjx_humanoid.playback import onnx_controller, onnx_graph
from mjx_humanoid.playback.policy import Policy, save_policy
from mjx_humanoid.playback.rollout import check_fit, rollout, standing, start_states, task_and_model
from mjx_humanoid.tasks.observations import slices
from mjx_humanoid.tasks.task import Task, make_task, robot_of

FORMAT = 5  # increased when readers of the metadata must change
TOLERANCE = 1e-5  # of an action in [-1, 1]
CONTROLLER_TOLERANCE = 1e-3  # the same for a controller, where errors of a whole episode accumulate in the context
TRIED_STEPS = 100
STEADY = {'push.kind': 'none', 'randomization': {}}  # without disturbances, which are not part of a controller


class Exported(NamedTuple):
  """What an export wrote, and in a sentence how it was tried; '' where there is nothing to try."""

  files: tuple[Path, ...]
  tried: str


def export(policy: Policy, kind: str, out: Path, *, force: bool = False) -> Exported:
  """Writes a policy in the format `kind` to `out`, whole or not at all.

  Args:
    force: replace files that exist.

  Raises:
    UserError: an unknown format, a file that exists or cannot be written, a policy that does not fit its robot, a
      missing package, or a graph whose actions differ from the policy's.
  """
  if kind not in FORMATS:
    raise unknown('format', kind, FORMATS)
  if out.suffix != f'.{kind}':
    raise UserError(f'--out={out}: a policy in the format {kind} is written as .{kind}.')
  files = (out, controller_path(out), out.with_suffix('.xml')) if kind == 'onnx' else (out,)
  check_free(files, force=force)
  return Exported(files, FORMATS[kind](policy, files))


def describe(policy: Policy, task: Task, model: mujoco.MjModel) -> dict[str, Any]:
  """Everything that a program without this package needs to play the policy, as JSON types.

  Raises:
    UserError: the policy does not fit its robot and observations.
  """
  check_fit(policy, task, model)
  body = task.body
  places = slices(task.config.observations, *standing(task, model), body=body)
  return {
    'format': FORMAT,
    'robot': saved_code.portable(task.config.robot),
    'root': body.root.kind,  # how it is joined to the world: free, planar or fixed
    'fallen_height': body.robot.fallen_height,  # m, of the root, below which the robot counts as fallen
    'off_balance_height': body.robot.off_balance_height,  # m, of the root, below which it steps
    'observations': {
      saved_code.portable(name): list(place) for name, place in places.items()
    },  # first element, one past the last
    'control_step': body.control_step,  # s
    'timestep': float(model.opt.timestep),  # s, of physics
    'substeps': body.substeps,  # physics steps per control step
    'joints': list(body.joint_names),  # of the last elements of qpos and qvel, after those of the root
    'actuators': list(body.actuator_names),
    'activation': policy.activation,
    'clip': CLIP,  # standard deviations, of the normalised observation
    'squash': 'tanh' if policy.squash else 'clip',  # from the last layer to actions in [-1, 1]
    'task': to_dict(saved_code.renamed(policy.task, saved_code.portable)),
    'info': policy.info,
  }


def arrays(policy: Policy) -> dict[str, np.ndarray]:
  """The arrays of a policy by their names in its safetensors file; sources are integers."""
  found = {'log_std': policy.log_std, 'normalizer.mean': policy.mean, 'normalizer.std': policy.std}
  for i, (kernel, bias) in enumerate(zip(policy.kernels, policy.biases, strict=True)):
    found |= {f'layer_{i}.kernel': kernel, f'layer_{i}.bias': bias}
  if policy.mirror is not None:
    found |= {f'mirror.{name}': array for name, array in policy.mirror._asdict().items()}
  return {name: np.asarray(x, np.int64 if name.endswith('_sources') else np.float32) for name, x in found.items()}


def controller_path(out: Path) -> Path:
  """The path of the controller of an exported policy: walk_controller.onnx beside walk.onnx."""
  return out.with_name(f'{out.stem}_controller.onnx')


def _export_onnx(policy: Policy, files: Sequence[Path]) -> str:
  task, model = task_and_model(policy.task)
  about = describe(policy, task, model)
  network, controller = onnx_graph.to_onnx(policy, about), onnx_controller.to_onnx(policy, task, about)
  steady = make_task(replaced(policy.task, STEADY, 'config.task'), task.body)
  rng = np.random.default_rng(0)
  paths = rollout(steady, model, policy, *start_states(steady, model, rng, 1), TRIED_STEPS, rng=rng, stop_at_end=False)
  _check_alike(policy, onnx_graph.largest_difference(network, policy), TOLERANCE)
  difference = onnx_controller.largest_difference(controller, policy, steady, paths)
  _check_alike(policy, difference, CONTROLLER_TOLERANCE)
  contents = (network, controller, self_contained_xml(robot_of(policy.task)).encode())
  write_files(dict(zip(files, contents, strict=True)), 'the policy')
  if difference is None:
    return 'the graphs are well formed; they could not be tried, because onnxruntime is not installed'
  return (
    f'tried in onnxruntime: the network on {onnx_graph.TRIED} observations, the controller in an episode of'
    f' {TRIED_STEPS} control steps; no action differs by more than {difference:.1e}'
  )


def _check_alike(policy: Policy, difference: float | None, tolerance: float) -> None:
  """Raises UserError if actions differ by more than the tolerance; None: they were not compared."""
  if difference is not None and not difference <= tolerance:  # so that NaN is rejected too
    raise UserError(
      f'the ONNX graph of {policy.name} differs from the policy by up to {difference:.1e} in an action, more than'
      f' {tolerance:.0e}; nothing was written.'
    )


def _export_npz(policy: Policy, files: Sequence[Path]) -> str:
  if policy.base is not None:
    raise UserError('an .npz holds a network alone, not a reference gait; export to onnx or safetensors.')
  buffer = io.BytesIO()
  metadata = np.array(json.dumps(describe(policy, *task_and_model(policy.task))))  # text, which loads without pickle
  contents: dict[str, Any] = {'metadata': metadata, **arrays(policy)}
  np.savez(buffer, **contents)
  write_files({files[0]: buffer.getvalue()}, 'the policy')
  return ''


def _export_safetensors(policy: Policy, files: Sequence[Path]) -> str:
  save_policy(policy, files[0])
  return ''


FORMATS: dict[str, Callable[[Policy, Sequence[Path]], str]] = {
  'onnx': _export_onnx,
  'safetensors': _export_safetensors,
  'npz': _export_npz,
}
