"""Variants of a config file, such as stand:gpu: settings that fit other hardware, chosen by name or by themselves.

A config file with variants has a dict VARIANTS (name -> one line of help), and its `get_config` takes the name of one;
the empty name is the config without a variant.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from mjx_humanoid.core.errors import UserError, unknown

GPU = 'gpu'  # the variant that training chooses where JAX sees a GPU
SIGNS_OF_GPU = ('/dev/nvidia0', '/dev/kfd')  # devices of NVIDIA and AMD GPUs; without them JAX need not be asked
OWN = ('config.num_envs', 'config.engine')  # a user who sets these has chosen a size


def split(name: str) -> tuple[str, str]:
  """A config as the user named it, without its variant, and the variant, '' for none: 'stand:gpu' is (stand, gpu)."""
  base, colon, variant = name.rpartition(':')
  if not colon or not base or Path(name).exists() or not variant.isidentifier():
    return name, ''
  return base, variant


def variants_of(module: ModuleType) -> Mapping[str, str]:
  """The variants of a loaded config file, with one line of help each."""
  return getattr(module, 'VARIANTS', {})


def arguments(module: ModuleType, name: str, variant: str) -> tuple[str, ...]:
  """Arguments for get_config of a loaded config file.

  Raises:
    UserError: the file has no such variant, or variants and a get_config without a parameter for them.
  """
  known = variants_of(module)
  if variant and not known:
    raise UserError(f'the config {name} has no variants: leave out :{variant}')
  if variant and variant not in known:
    raise unknown(f'variant of the config {name}:', variant, known)
  if known and not inspect.signature(module.get_config).parameters:
    raise UserError(f'the config {name} has VARIANTS, so its get_config must take the name of one.')
  return (variant,) if known else ()


def may_fit_gpu(name: str, settings: Iterable[str]) -> bool:
  """Whether a config that the user named may need its variant for GPUs; without loading the file or JAX.

  Args:
    settings: dotted names of the settings that the user gave.
  """
  return not split(name)[1] and not set(OWN) & set(settings) and any(Path(sign).exists() for sign in SIGNS_OF_GPU)
