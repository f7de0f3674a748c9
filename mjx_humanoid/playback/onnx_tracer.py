"""Arrays that record operations on them as ONNX nodes.

The functions of tasks and of the policy network use the array library of their arguments. Called with these arrays,
they build a graph, so that a deployed policy needs no second implementation of its context and observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

ELEMENTWISE = ('abs', 'sin', 'cos', 'acos', 'atan', 'exp', 'tanh', 'floor')  # whose operators have the same names
FLOAT, BOOL = np.dtype(np.float32), np.dtype(bool)


class Tracer:
  """Collects nodes and constants. Names of values are numbers."""

  def __init__(self, helper: Any, from_array: Any) -> None:
    """Takes onnx.helper and onnx.numpy_helper.from_array."""
    self.nodes: list[Any] = []
    self.constants: list[Any] = []
    self._helper, self._from_array, self._count = helper, from_array, 0

  def input(self, name: str, size: int) -> Traced:
    """An input of the graph, float32 [size]."""
    return Traced(self, name, (size,), FLOAT)

  def constant(self, values: Any) -> Traced:
    """A constant: bool if the values are, else float32."""
    array = np.asarray(values)
    array = array if array.dtype == bool else array.astype(np.float32)
    return Traced(self, self._add(array), array.shape, array.dtype)

  def indices(self, values: Any) -> str:
    """The name of an int64 constant."""
    return self._add(np.asarray(values, np.int64))

  def node(
    self, operator: str, inputs: Sequence[str], shape: tuple[int, ...], dtype: np.dtype, **attributes: Any
  ) -> Traced:
    """What an operator makes of its inputs."""
    name = self._next()
    self.nodes.append(self._helper.make_node(operator, list(inputs), [name], **attributes))
    return Traced(self, name, shape, dtype)

  def output(self, values: Any, name: str) -> None:
    """Gives a value the name of an output of the graph."""
    self.nodes.append(self._helper.make_node('Identity', [self.traced(values).name], [name]))

  def traced(self, values: Any) -> Traced:
    """The values as an array of this tracer."""
    return values if isinstance(values, Traced) else self.constant(values)

  def _add(self, array: np.ndarray) -> str:
    name = self._next()
    self.constants.append(self._from_array(array, name))
    return name

  def _next(self) -> str:
    self._count += 1
    return f'v{self._count}'


class Traced:
  """An array of a graph with a known shape: a number or a vector. It has the part of the array API that is used."""

  __array_ufunc__ = None  # operations with NumPy arrays use the methods of this class

  def __init__(self, tracer: Tracer, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    self.tracer, self.name, self.shape, self.dtype = tracer, name, shape, dtype

  def __array_namespace__(self) -> Namespace:
    return Namespace(self.tracer)

  def __len__(self) -> int:
    return self.shape[0]

  def __getitem__(self, key: Any) -> Traced:
    places = np.arange(int(np.prod(self.shape))).reshape(self.shape)[key]
    flat = self if len(self.shape) == 1 else self.reshape((-1,))
    inputs = [flat.name, self.tracer.indices(places)]
    return self.tracer.node('Gather', inputs, places.shape, self.dtype, axis=-1)

  def reshape(self, shape: tuple[int, ...]) -> Traced:
    """The same elements in another shape."""
    size = np.arange(int(np.prod(self.shape))).reshape(shape).shape
    return self.tracer.node('Reshape', [self.name, self.tracer.indices(shape)], size, self.dtype)

  def astype(self, dtype: Any) -> Traced:
    """Bool converted to numbers; numbers are unchanged."""
    if self.dtype != BOOL or np.dtype(dtype) == BOOL:
      return self
    return self.tracer.node('Cast', [self.name], self.shape, FLOAT, to=1)  # TensorProto.FLOAT

  def clip(self, low: Any, high: Any) -> Traced:
    """Clipped to bounds; one of them may be None."""
    return Namespace(self.tracer).clip(self, low, high)

  def sum(self, axis: int = -1, keepdims: bool = False) -> Traced:
    """The sum of a vector."""
    axes = self.tracer.indices([-1])
    shape = (1,) if keepdims else ()
    return self.tracer.node('ReduceSum', [self.astype(float).name, axes], shape, FLOAT, keepdims=int(keepdims))

  def max(self, axis: int = -1, keepdims: bool = False) -> Traced:
    """The largest element of a vector."""
    shape = (1,) if keepdims else ()
    return self.tracer.node('ReduceMax', [self.name], shape, FLOAT, axes=[-1], keepdims=int(keepdims))

  def __matmul__(self, other: np.ndarray) -> Traced:
    weights = self.tracer.constant(other)
    return self.tracer.node('MatMul', [self.name, weights.name], (weights.shape[1],), FLOAT)

  def __mod__(self, other: Any) -> Traced:
    quotient = self / other
    whole = self.tracer.node('Floor', [quotient.name], quotient.shape, FLOAT)
    return self - whole * other

  def __neg__(self) -> Traced:
    return self.tracer.node('Neg', [self.name], self.shape, FLOAT)

  def __invert__(self) -> Traced:
    return self.tracer.node('Not', [self.name], self.shape, BOOL)

  def __gt__(self, other: Any) -> Traced:
    return _binary('Greater', compares=True)(self, other)

  def __hash__(self) -> int:
    return hash(self.name)


def _binary(operator: str, *, reflected: bool = False, logical: bool = False, compares: bool = False) -> Any:
  """A method that records a binary operator."""

  def method(self: Traced, other: Any) -> Traced:
    tracer = self.tracer
    pair = [self, tracer.traced(other)]
    if not logical:
      pair = [x.astype(float) for x in pair]
    first, second = reversed(pair) if reflected else pair
    shape = np.broadcast_shapes(first.shape, second.shape)
    return tracer.node(operator, [first.name, second.name], shape, BOOL if logical or compares else FLOAT)

  return method


for _name, _operator in {'add': 'Add', 'sub': 'Sub', 'mul': 'Mul', 'truediv': 'Div', 'pow': 'Pow'}.items():
  setattr(Traced, f'__{_name}__', _binary(_operator))
  setattr(Traced, f'__r{_name}__', _binary(_operator, reflected=True))
for _name, _operator in {
  'lt': 'Less',
  'gt': 'Greater',
  'le': 'LessOrEqual',
  'ge': 'GreaterOrEqual',
  'eq': 'Equal',
}.items():
  setattr(Traced, f'__{_name}__', _binary(_operator, compares=True))
for _name, _operator in {'and': 'And', 'or': 'Or'}.items():
  setattr(Traced, f'__{_name}__', _binary(_operator, logical=True))
  setattr(Traced, f'__r{_name}__', _binary(_operator, logical=True))


class Namespace:
  """The part of the array API that tasks and the network use. Constants stay NumPy arrays."""

  float32, int32, bool_ = np.float32, np.int32, np.bool_

  def __init__(self, tracer: Tracer) -> None:
    self._tracer = tracer

  def __getattr__(self, name: str) -> Any:
    """Elementwise functions; those that make constants, such as zeros, are NumPy's."""
    if name in ELEMENTWISE:
      return lambda x: self._elementwise(name.capitalize(), getattr(np, name), x)
    return getattr(np, name)

  def _elementwise(self, operator: str, plain: Any, x: Any) -> Any:
    return self._tracer.node(operator, [x.name], x.shape, FLOAT) if isinstance(x, Traced) else plain(x)

  def asarray(self, x: Any, dtype: Any = None) -> Any:
    """An array; a traced array is unchanged."""
    return x.astype(dtype or x.dtype) if isinstance(x, Traced) else np.asarray(x, dtype)

  def zeros_like(self, x: Any) -> np.ndarray:
    """Zeros of the same shape."""
    return np.zeros(np.shape(x) if not isinstance(x, Traced) else x.shape, np.float32)

  def ones_like(self, x: Any) -> np.ndarray:
    """Ones of the same shape."""
    return self.zeros_like(x) + np.float32(1)

  def expm1(self, x: Any) -> Any:
    """exp(x) - 1."""
    return self.exp(x) - 1

  def where(self, condition: Any, a: Any, b: Any) -> Traced:
    """a where the condition holds, else b."""
    chosen = self._tracer.traced(condition)
    first, second = (self._tracer.traced(x) for x in (a, b))
    if first.dtype == second.dtype == BOOL:  # runtimes have no such operator
      return self._logical('Or', self._logical('And', chosen, first), self._logical('And', ~chosen, second))
    first, second = first.astype(float), second.astype(float)
    shape = np.broadcast_shapes(chosen.shape, first.shape, second.shape)
    return self._tracer.node('Where', [chosen.name, first.name, second.name], shape, FLOAT)

  def atan2(self, y: Any, x: Any) -> Any:
    """The angle of (x, y); 0 instead of pi for y = 0 and x < 0. ONNX has no such operator."""
    if not isinstance(y, Traced) and not isinstance(x, Traced):
      return np.atan2(y, x)
    return 2 * self.atan(y / self.maximum((x * x + y * y) ** 0.5 + x, 1e-9))

  def maximum(self, a: Any, b: Any) -> Traced:
    """The larger of two."""
    return self._pair('Max', a, b)

  def minimum(self, a: Any, b: Any) -> Traced:
    """The smaller of two."""
    return self._pair('Min', a, b)

  def clip(self, x: Any, low: Any, high: Any) -> Any:
    """Clipped to bounds; one of them may be None."""
    x = x if low is None else self.maximum(x, low)
    return x if high is None else self.minimum(x, high)

  def concatenate(self, parts: Sequence[Any], axis: int = -1) -> Traced:
    """Vectors as one."""
    traced = [self._tracer.traced(part).astype(float) for part in parts]
    return self._tracer.node('Concat', [x.name for x in traced], (sum(map(len, traced)),), FLOAT, axis=-1)

  def stack(self, parts: Sequence[Any], axis: int = -1) -> Traced:
    """Numbers as a vector."""
    return self.concatenate([self._tracer.traced(part).reshape((1,)) for part in parts])

  def _logical(self, operator: str, a: Traced, b: Traced) -> Traced:
    return self._tracer.node(operator, [a.name, b.name], np.broadcast_shapes(a.shape, b.shape), BOOL)

  def _pair(self, operator: str, a: Any, b: Any) -> Traced:
    first, second = (self._tracer.traced(x).astype(float) for x in (a, b))
    shape = np.broadcast_shapes(first.shape, second.shape)
    return self._tracer.node(operator, [first.name, second.name], shape, FLOAT)
