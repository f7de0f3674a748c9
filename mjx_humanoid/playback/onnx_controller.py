"""A whole controller as an ONNX graph: from the state of the robot and a command to controls.

The context, the observation and the policy network write the graph themselves, see onnx_tracer.py. Any ONNX runtime
plays it, in any language: each control step it takes what MuJoCo (or a robot) measures, and its own memory.

  inputs   qpos [nq], qvel [nv], sensordata [ns], command [3], memory [M]   float32
  outputs  ctrl [nu] in [-1, 1], memory_next [M], which is the memory of the next control step

The memory is all zeros at the start of an episode.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import mean_action
from mjx_humanoid.core.types import View
from mjx_humanoid.playback.onnx_graph import packed
from mjx_humanoid.playback.onnx_tracer import Traced, Tracer
from mjx_humanoid.playback.policy import Policy
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.tasks.context.before_step import BeforeStep
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.context.parts import ContextMaker
from mjx_humanoid.tasks.context.velocity import VelocityCommand
from mjx_humanoid.tasks.task import Task

INPUTS = ('qpos', 'qvel', 'sensordata', 'command', 'memory')
STEERED = 1e-6  # s between commands, so that a new command takes effect at once


def to_onnx(policy: Policy, task: Task, metadata: Mapping[str, Any]) -> bytes:
  """The file of a controller.

  Args:
    metadata: goes into the file's properties, each value as JSON.

  Raises:
    UserError: onnx is not installed, or the task has a part that cannot be written as a graph.
  """
  try:
    import onnx
    from onnx import helper, numpy_helper
  except ImportError:
    raise UserError("ONNX export needs the extra onnx: pip install 'mjx_humanoid[onnx]'") from None
  tracer, body = Tracer(helper, numpy_helper.from_array), task.body
  sizes = {'qpos': body.nq, 'qvel': body.nv, 'sensordata': max(p.stop for p in body.sensors.values()), 'command': 3}
  sizes['memory'] = memory_size(task)
  inputs = {name: tracer.input(name, sizes[name]) for name in INPUTS}
  try:
    ctrl, memory = control_step(policy, task, **inputs)
  except (AttributeError, TypeError, ValueError) as error:
    raise UserError(f'{policy.name} cannot be written as a controller: {type(error).__name__}: {error}') from error
  tracer.output(ctrl, 'ctrl')
  tracer.output(memory, 'memory_next')

  def ends(named: Mapping[str, int]) -> list[Any]:
    return [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [size]) for name, size in named.items()]

  outputs = ends({'ctrl': body.nu, 'memory_next': sizes['memory']})
  return packed(tracer.nodes, tracer.constants, ends(sizes), outputs, policy, metadata)


def control_step(
  policy: Policy, task: Task, qpos: Traced, qvel: Traced, sensordata: Traced, command: Traced, memory: Traced
) -> tuple[Any, Any]:
  """Controls [nu] and the memory for the next step, in the array library of the arguments."""
  xp = qpos.__array_namespace__()
  body, maker = task.body, steered(observed(task), command)
  entries, last = recalled(memory, task)
  view = View(np.float32(0), qpos, qvel, last, sensordata)
  uniform = qpos.tracer.constant(np.full(maker.draws, 0.5)) if maker.draws else np.zeros(0, np.float32)
  fresh = maker.start(view, uniform)
  following = maker.advance(fresh._replace(**entries), view, uniform)
  running = memory[0] > 0.5
  context = _chosen(running, following, fresh, xp)
  obs = task.observe(view, body, context)
  ctrl = xp.clip(mean_action(policy.actor, obs, policy.activation), -1.0, 1.0)
  return ctrl, xp.concatenate([np.ones(1), *_flat(context, xp), ctrl])


def memory_size(task: Task) -> int:
  """Elements of a controller's memory: a flag, the context, the last controls."""
  return 1 + sum(layout(task).values()) + task.body.nu


def layout(task: Task) -> dict[str, int]:
  """Entries of the context in a controller's memory, with their sizes; extra entries as extra/name."""
  context = _started(observed(task), task)
  named = {name: value for name, value in context._asdict().items() if name not in ('extra', 'last_action')}
  sizes = {name: int(np.size(value)) for name, value in named.items()}
  return sizes | {f'extra/{name}': int(np.size(value)) for name, value in context.extra.items()}


def observed(task: Task) -> ContextMaker:
  """The context without the parts that only rewards read, such as contact forces: a controller does not need them."""
  maker = task.context
  for part in maker.parts:
    rest = ContextMaker(maker.body, tuple(other for other in maker.parts if other is not part))
    if isinstance(part, BeforeStep) and _can_observe(task, rest):
      maker = rest
  return maker


def _can_observe(task: Task, maker: ContextMaker) -> bool:
  try:
    task.observe(View(*(x[None] for x in _still(task))), task.body, _started(maker, task))
  except (KeyError, UserError):
    return False
  return True


def _started(maker: ContextMaker, task: Task) -> Context:
  """The context [1, ...] of a robot in its standing pose."""
  return maker.start(View(*(x[None] for x in _still(task))), np.zeros((1, maker.draws), np.float32))


def recalled(memory: Traced, task: Task) -> tuple[dict[str, Any], Traced]:
  """The entries of the context [..] and the last controls [nu] that a memory holds."""
  entries: dict[str, Any] = {'extra': {}}
  first = 1
  for name, size in layout(task).items():
    value = memory[first : first + size] if _is_vector(name, size) else memory[first]
    first += size
    if name.startswith('extra/'):
      entries['extra'][name.removeprefix('extra/')] = value
    else:
      entries[name] = value
  return entries, memory[first:]


def steered(maker: ContextMaker, command: Traced) -> ContextMaker:
  """The same context with the command as an input of every step."""

  def given(config: Any, uniform: Any) -> Traced:
    return command

  parts = [
    dataclasses.replace(part, draw=given, config=dataclasses.replace(part.config, interval=STEERED))
    if isinstance(part, VelocityCommand)
    else part
    for part in maker.parts
  ]
  return ContextMaker(maker.body, tuple(parts))


def _is_vector(name: str, size: int) -> bool:
  return size > 1 or name in ('heading', 'command', 'requested', 'target_position')


def _still(task: Task) -> View:
  body = task.body
  width = max(place.stop for place in body.sensors.values())
  zeros = (np.zeros(n, np.float32) for n in (body.nv, body.nu, width))
  return View(np.zeros((), np.float32), body.default_qpos, *zeros)


def _chosen(condition: Traced, a: Context, b: Context, xp: Any) -> Context:
  """The context a where the condition holds, else b."""
  extra = {name: xp.where(condition, a.extra[name], b.extra[name]) for name in a.extra}
  fields = {
    name: xp.where(condition, getattr(a, name), getattr(b, name)) for name in Context._fields if name != 'extra'
  }
  return Context(**fields, extra=extra)


def _flat(context: Context, xp: Any) -> list[Any]:
  """The entries that a memory holds, in the order of layout, as vectors."""
  entries = [value for name, value in context._asdict().items() if name not in ('extra', 'last_action')]
  return [x.reshape((-1,)) for x in (*entries, *context.extra.values())]


def largest_difference(content: bytes, policy: Policy, task: Task, paths: Trajectories) -> float | None:
  """Between the controls of a graph and those of its policy in one recorded episode; None without onnxruntime.

  Args:
    paths: of one episode [1, T, ...] under the policy's deterministic actions.
  """
  try:
    import onnxruntime
  except ImportError:
    return None
  session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
  memory, worst = np.zeros(memory_size(task), np.float32), 0.0
  views, steps = paths.views, paths.terminated.shape[1]
  for step in range(steps):
    qpos, qvel, sensordata = (
      getattr(paths.start, name)[0] if step == 0 else getattr(views, name)[0, step - 1]
      for name in ('qpos', 'qvel', 'sensordata')
    )
    command = paths.contexts.requested[0, step].astype(np.float32)
    state = {'qpos': qpos, 'qvel': qvel, 'sensordata': sensordata, 'command': command, 'memory': memory}
    ctrl, memory = session.run(['ctrl', 'memory_next'], state)
    worst = max(worst, float(np.abs(ctrl - views.ctrl[0, step]).max()))
  return worst
