"""A policy as an ONNX graph, with normaliser and mirror, and a comparison of its actions with the policy's.

The packages onnx and onnxruntime are imported only here: playback needs neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from mjx_humanoid import __version__
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.network import ACTIVATIONS, CLIP, Base
from mjx_humanoid.playback.onnx_tracer import Tracer
from mjx_humanoid.playback.policy import Policy

# Old enough for every onnxruntime in use; it has all operators used below.
OPSET = 13
IR_VERSION = 7  # the file format that came with that opset
INPUT, OUTPUT = 'observation', 'action'
TRIED = 256  # observations in the comparison of a graph with its policy


class Graph:
  """Nodes and constants of a graph. All methods return the name of the new value."""

  def __init__(self, helper: Any, from_array: Any) -> None:
    """Takes onnx.helper and onnx.numpy_helper.from_array."""
    self.nodes: list[Any] = []
    self.constants: list[Any] = []
    self._helper, self._from_array = helper, from_array

  def constant(self, name: str, values: np.ndarray | float) -> str:
    """A float32 array or number."""
    self.constants.append(self._from_array(np.asarray(values, np.float32), name))
    return name

  def indices(self, name: str, values: np.ndarray) -> str:
    """An int64 array."""
    self.constants.append(self._from_array(np.asarray(values, np.int64), name))
    return name

  def traced(self, base: Base, size: int) -> str:
    """The action of a base for the graph's input, an observation of `size` elements."""
    tracer = Tracer(self._helper, self._from_array)
    action = base.action(tracer.input(INPUT, size))
    self.nodes += tracer.nodes
    self.constants += tracer.constants
    return str(action.name)

  def node(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
    """The output of an operator for these inputs."""
    self.nodes.append(self._helper.make_node(operator, inputs, [name], name=f'{name}/{operator}', **attributes))
    return name


def to_onnx(policy: Policy, metadata: Mapping[str, Any]) -> bytes:
  """The file: 'observation' [batch, O] to 'action' [batch, A] in [-1, 1], both float32, any batch.

  Args:
    metadata: goes into the file's properties, each value as JSON.

  Raises:
    UserError: onnx is not installed.
  """
  try:
    import onnx
    from onnx import helper, numpy_helper
  except ImportError:
    raise UserError("ONNX export needs the extra onnx: pip install 'mjx_humanoid[onnx]'") from None
  graph = Graph(helper, numpy_helper.from_array)
  _build(graph, policy)
  ends = [
    helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ['batch', size])
    for name, size in ((INPUT, policy.observation_size), (OUTPUT, policy.action_size))
  ]
  return packed(graph.nodes, graph.constants, ends[:1], ends[1:], policy, metadata)


def packed(
  nodes: list[Any],
  constants: list[Any],
  inputs: list[Any],
  outputs: list[Any],
  policy: Policy,
  metadata: Mapping[str, Any],
) -> bytes:
  """The file of a graph: checked by onnx, the same bytes for the same policy, metadata as JSON strings."""
  import onnx
  from onnx import helper

  model = helper.make_model(
    helper.make_graph(nodes, policy.name or 'policy', inputs, outputs, constants),
    opset_imports=[helper.make_opsetid('', OPSET)],
    ir_version=IR_VERSION,
    producer_name='mjx_humanoid',
    producer_version=__version__,
  )
  helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
  onnx.checker.check_model(model, full_check=True)
  return bytes(model.SerializeToString(deterministic=True))


def _build(graph: Graph, policy: Policy) -> None:
  """The steps of core.network.mean_action in the same order, and the clip of Policy.__call__."""
  mean, std = graph.constant('normalizer.mean', policy.mean), graph.constant('normalizer.std', policy.std)
  low, high = graph.constant('normalizer.low', -CLIP), graph.constant('normalizer.high', CLIP)
  layers = [
    (graph.constant(f'layer_{i}.kernel', kernel), graph.constant(f'layer_{i}.bias', bias))
    for i, (kernel, bias) in enumerate(zip(policy.kernels, policy.biases, strict=True))
  ]
  centred = graph.node('Sub', INPUT, mean, name='centred')
  scaled = graph.node('Div', centred, std, name='scaled')
  x = graph.node('Clip', scaled, low, high, name='normalized')
  action = _network(graph, x, layers, policy.activation, 'network')
  if (mirror := policy.mirror) is not None:
    image = _mirrored(graph, x, mirror.obs_sources, mirror.obs_signs, 'mirror.obs')
    answer = _network(graph, image, layers, policy.activation, 'image')
    back = _mirrored(graph, answer, mirror.action_sources, mirror.action_signs, 'mirror.action')
    total = graph.node('Add', action, back, name='both')
    action = graph.node('Mul', total, graph.constant('half', 0.5), name='average')
  if policy.squash:
    action = graph.node('Tanh', action, name='squashed')
  least, most = graph.constant('action.low', -1.0), graph.constant('action.high', 1.0)
  if policy.base is not None:
    own = graph.node('Clip', action, least, most, name='residual')
    action = graph.node('Add', own, graph.traced(policy.base, policy.observation_size), name='sum')
  graph.node('Clip', action, least, most, name=OUTPUT)


def _network(graph: Graph, x: str, layers: list[tuple[str, str]], activation: str, name: str) -> str:
  """All layers with the activation between them."""
  for i, (kernel, bias) in enumerate(layers):
    x = graph.node('Gemm', x, kernel, bias, name=f'{name}.layer_{i}')
    if i < len(layers) - 1:
      x = _activate(graph, x, activation)
  return x


def _activate(graph: Graph, x: str, activation: str) -> str:
  first, *product = ACTIVATIONS[activation].onnx
  if not product:
    return graph.node(first, x, name=f'{x}.{activation}')
  return graph.node(product[0], x, graph.node(first, x, name=f'{x}.{first.lower()}'), name=f'{x}.{activation}')


def _mirrored(graph: Graph, x: str, sources: np.ndarray, signs: np.ndarray, name: str) -> str:
  """signs * x[:, sources]."""
  gathered = graph.node('Gather', x, graph.indices(f'{name}_sources', sources), name=f'{name}_gathered', axis=1)
  return graph.node('Mul', gathered, graph.constant(f'{name}_signs', signs), name=f'{name}_mirrored')


def largest_difference(content: bytes, policy: Policy) -> float | None:
  """Largest difference between the actions of a graph and of its policy; None if onnxruntime is not installed.

  The observations are normally distributed like those of training; a tenth of the elements is mostly beyond the clip.
  """
  try:
    import onnxruntime
  except ImportError:
    return None
  rng = np.random.default_rng(0)
  deviations = rng.normal(size=(TRIED, policy.observation_size))
  deviations[rng.random(deviations.shape) < 0.1] *= 20
  obs = (policy.mean + policy.std * deviations).astype(np.float32)
  session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
  actions = session.run([OUTPUT], {INPUT: obs})[0]
  return float(np.abs(actions - policy(obs)).max())
