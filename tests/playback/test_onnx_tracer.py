"""What is computed with traced arrays is what NumPy computes, when ONNX Runtime plays the graph."""

import numpy as np
import pytest

from mjx_humanoid.core.network import ACTIVATIONS
from mjx_humanoid.physics.rotations import heading_of, in_frame, turned, vertical_of
from mjx_humanoid.playback.onnx_tracer import Tracer

X = np.array([0.5, -1.25, 2.0, -0.75], np.float32)
Y = np.array([3.0, 0.5, -2.0, 1.0], np.float32)


def played(function, *arguments):
  """The outputs of the graph that a function of vectors writes."""
  onnx = pytest.importorskip('onnx')
  runtime = pytest.importorskip('onnxruntime')
  tracer = Tracer(onnx.helper, onnx.numpy_helper.from_array)
  names = [f'x{i}' for i in range(len(arguments))]
  result = tracer.traced(function(*(tracer.input(n, len(a)) for n, a in zip(names, arguments, strict=True))))
  assert result.shape == np.shape(function(*arguments))
  tracer.output(result.astype(float), 'y')

  def end(name, shape):
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

  inputs = [end(n, [len(a)]) for n, a in zip(names, arguments, strict=True)]
  graph = onnx.helper.make_graph(tracer.nodes, 'g', inputs, [end('y', list(result.shape))], tracer.constants)
  model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 13)], ir_version=7)
  session = runtime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
  return session.run(['y'], dict(zip(names, arguments, strict=True)))[0]


def xp_of(x):
  return x.__array_namespace__()


@pytest.mark.parametrize(
  'function',
  [
    lambda x, y: x + 2 * y - x / y,
    lambda x, y: np.float32(2) * x - np.ones(4, np.float32) * y,
    lambda x, y: 1 - x,
    lambda x, y: -(x**2),
    lambda x, y: (y * y) ** 0.5,
    lambda x, y: (10 + x) % 1.5,
    lambda x, y: x[..., 1:3],
    lambda x, y: x[..., 2],
    lambda x, y: x[..., 2][..., None],
    lambda x, y: x[..., np.array([3, 0, 1])] * np.array([1, -1, 1], np.float32),
    lambda x, y: (x > 0) & ~(y <= 0.5) | (x == 2.0),
    lambda x, y: (x < y) * y,
    lambda x, y: x.sum(axis=-1, keepdims=True) + y.max(axis=-1),
    lambda x, y: x.clip(-1.0, 1.0),
    lambda x, y: x @ np.arange(12, dtype=np.float32).reshape(4, 3),
    lambda x, y: xp_of(x).where(x > 0, 1.0, y),
    lambda x, y: xp_of(x).where(x > 0, x > 1, y > 0),
    lambda x, y: xp_of(x).stack([x[0], y[1], xp_of(x).asarray(7.0)], axis=-1),
    lambda x, y: xp_of(x).concatenate([x, np.zeros(2, np.float32), y[:1]], axis=-1),
    lambda x, y: xp_of(x).maximum(xp_of(x).abs(x), y) + xp_of(x).zeros_like(x),
    lambda x, y: xp_of(x).cos(x) + xp_of(x).sin(y) + xp_of(x).tanh(x) + xp_of(x).exp(y) + xp_of(x).expm1(x),
    lambda x, y: heading_of(x),
    lambda x, y: xp_of(x).concatenate(vertical_of(x), axis=-1),
    lambda x, y: xp_of(x).concatenate(in_frame(x, y), axis=-1),
    lambda x, y: turned(heading_of(x), y[:1]),
  ],
)
def test_operations_are_those_of_numpy(function):
  expected = np.asarray(function(X, Y), np.float32)
  np.testing.assert_allclose(played(function, X, Y), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize('name', ACTIVATIONS)
def test_activations_of_the_network(name):
  function = ACTIVATIONS[name].function
  np.testing.assert_allclose(played(function, X), function(X), rtol=2e-6, atol=2e-6)


def test_numpy_leaves_operations_with_traced_arrays_to_them():
  onnx = pytest.importorskip('onnx')
  tracer = Tracer(onnx.helper, onnx.numpy_helper.from_array)
  x = tracer.input('x', 4)
  assert (np.ones(4) + x).shape == (4,)
  assert (np.float32(1) < x).shape == (4,)
  assert hash(x) == hash('x')
