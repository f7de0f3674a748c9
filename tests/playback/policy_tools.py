"""Policy files taken apart and put together otherwise."""

from __future__ import annotations

from safetensors import safe_open
from safetensors.numpy import save_file

from mjx_humanoid.playback.policy import digest


def parts(path):
  """Arrays and metadata of a file, to write it again otherwise."""
  with safe_open(path, 'numpy') as file:
    return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata())  # noqa: SIM118


def rewrite(path, arrays=None, metadata=None):
  """Changes or, where None, removes parts of a file, under a digest that fits: what it guards has checks of its own."""
  arrays, metadata = (
    {name: value for name, value in {**old, **(new or {})}.items() if value is not None}
    for old, new in zip(parts(path), (arrays, metadata), strict=True)
  )
  save_file(arrays, path, {**metadata, 'sha256': digest(arrays, metadata)})
