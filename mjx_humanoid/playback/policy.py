"""The portable policy: a safetensors file with weights, normaliser and everything else for playback."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mjx_humanoid.core import saved_code
from mjx_humanoid.core.config.migration import migrate_task
from mjx_humanoid.core.config.settings import restore, to_dict
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import write_files
from mjx_humanoid.core.network import ACTIVATIONS, Actor, Mirror, on_base, output, squashed
from mjx_humanoid.core.user_code import split
from mjx_humanoid.motions import clips
from mjx_humanoid.motions.around import Around, from_lists, to_lists
from mjx_humanoid.motions.gait import Reference
from mjx_humanoid.motions.library import Library, carry, kept_library, typed

FORMAT = 2  # increased when older code can no longer read a file of this version
SQUASHED = 3  # the same with a squash, which code that reads format 2 would ignore
WITH_BASE = 4  # the same with a base, without which older code would play it
READABLE = ('1', '2', '3', '4')  # format 1 had no sections inside its task, and a digest of the weights alone
POSES, LIBRARY = 'library.qpos', 'library'  # the pose library of its starts: the array, and the key of its names
OWN_CODE = 'own_code'  # key in the info: SHA-256 of the user's own files, by the names in the task
NEEDED = {'robot': 'is of the robot', 'observation': 'observes', 'context part': 'needs the part of the context'}


@dataclass(frozen=True, eq=False)
class Policy:
  """Maps observations to controls in [-1, 1]. Arrays are float32, see core.network.Actor."""

  kernels: tuple[np.ndarray, ...]  # [in, out] of each layer; the last layer gives the mean action
  biases: tuple[np.ndarray, ...]  # [out] of each layer
  log_std: np.ndarray  # [A]
  mean: np.ndarray  # [O]
  std: np.ndarray  # [O]
  activation: str
  task: TaskConfig
  info: dict[str, Any]  # how it was made: name, seed, timesteps, versions, date
  mirror: Mirror | None = None  # of a symmetric policy, which averages over x and its mirror image
  squash: bool = False  # see core.network.Actor
  base: Reference | Around | None = None  # of a residual policy, which adds to its actions

  def __repr__(self) -> str:
    """Its name, its sizes and its task, without the weights."""
    sizes = f'{self.observation_size} observations, {self.action_size} actions'
    return f'Policy({self.name!r}, {sizes}, reward {self.task.reward!r})'

  @property
  def name(self) -> str:
    """Name of the run that made the policy."""
    return str(self.info.get('name', 'policy'))

  @property
  def observation_size(self) -> int:
    """Elements of an observation."""
    return len(self.mean)

  @property
  def action_size(self) -> int:
    """Elements of an action."""
    return len(self.log_std)

  @property
  def actor(self) -> Actor:
    """The actor alone."""
    return Actor(self.kernels, self.biases, self.log_std, self.mean, self.std, self.mirror, self.squash, self.base)

  def __call__(self, obs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """Controls [..., A] for observations [..., O]: the mean action, or a sample if `rng` is given.

    Raises:
      UserError: the observation has another size than the policy was trained on.
    """
    if np.shape(obs)[-1:] != self.mean.shape:
      raise UserError(f'{self.name} takes observations of {len(self.mean)} elements, not {np.shape(obs)}.')
    actor = self.actor
    value = np.asarray(output(actor, np.asarray(obs, np.float32), self.activation))
    if rng is not None:
      value = value + np.exp(self.log_std) * rng.standard_normal(value.shape, np.float32)
    return np.clip(on_base(self.base, squashed(actor, value), np.asarray(obs, np.float32)), -1.0, 1.0)


def save_policy(policy: Policy, path: Path) -> None:
  """Writes the policy, whole or not at all. Raises UserError where the disk is full or read-only.

  Of code of the user's own it says the names that the user typed, and which content it was trained with. A pose
  library that the task starts from is inside the file.
  """
  arrays = {'log_std': policy.log_std, 'normalizer.mean': policy.mean, 'normalizer.std': policy.std}
  for i, (kernel, bias) in enumerate(zip(policy.kernels, policy.biases, strict=True)):
    arrays |= {f'layer_{i}.kernel': kernel, f'layer_{i}.bias': bias}
  if policy.mirror is not None:
    arrays |= {f'mirror.{name}': array for name, array in policy.mirror._asdict().items()}
  metadata = {
    'format': str(WITH_BASE if policy.base else SQUASHED if policy.squash else FORMAT),
    'activation': policy.activation,
    **({'squash': 'tanh'} if policy.squash else {}),
    'task': json.dumps(to_dict(saved_code.renamed(policy.task, _typed))),
    'info': json.dumps({**policy.info, **_own_code(policy)}),
  }
  if (poses := kept_library(policy.task.start)) is not None:
    arrays[POSES] = poses.qpos
    metadata[LIBRARY] = json.dumps({'names': poses.names, 'robot': poses.robot, 'joints': poses.joints})
  if (clip := clips.kept_clip(policy.task.clip, policy.task.robot)) is not None:
    own, metadata[clips.KEY] = clips.packed(clip)
    arrays |= own
  if policy.base:
    metadata['base'] = json.dumps(to_lists(policy.base))
  metadata['sha256'] = digest(arrays, metadata)
  content = save({k: np.ascontiguousarray(v, np.float32) for k, v in arrays.items()}, metadata)
  write_files({path: content}, 'the policy')


def _typed(reference: str) -> str:
  return clips.typed(typed(saved_code.portable(reference)))


def _own_code(policy: Policy) -> dict[str, Any]:
  digests = {**policy.info.get(OWN_CODE, {}), **saved_code.digests(policy.task)}
  return {OWN_CODE: digests} if digests else {}


def load_policy(path: Path, *, allow_code: bool = False) -> Policy:
  """Reads a policy file. Nothing in it is run. Names of the user's own code mean the copies in the policy's run folder.

  Args:
    allow_code: allow that code to run in this process when it is needed.

  Raises:
    UserError: the file is missing, damaged, of another format, or not a policy.
  """
  try:
    path.open('rb').close()  # safe_open says of a file without permission that it does not exist
    with safe_open(path, 'numpy') as file:
      metadata = file.metadata() or {}
      arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
  except (OSError, SafetensorError) as error:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    raise UserError(f'{path} is not a readable policy file: {reason}.') from None
  if metadata.get('format') not in READABLE:
    raise UserError(
      f'{path} is a policy of format {metadata.get("format", "unknown")!r}; this version reads formats'
      f' {", ".join(READABLE[:-1])} and {READABLE[-1]}. Export it again with the version that made it, or update'
      ' mjx_humanoid.'
    )
  try:
    _check_digest(arrays, metadata)
    policy = _assemble(arrays, metadata)
  except (KeyError, ValueError, AttributeError, TypeError) as error:
    raise UserError(f'{path} is damaged: {error}') from None
  _check_shapes(policy, path)
  return dataclasses.replace(policy, task=saved_code.localized(policy.task, path.parent, allow_code=allow_code))


def check_code(policy: Policy) -> None:
  """Raises UserError if a user's own robot, observation or context part is missing or changed."""
  trained_with = policy.info.get(OWN_CODE, {})
  for kind, reference in saved_code.references(policy.task):
    file, typed = split(reference)[0].expanduser(), saved_code.portable(reference)
    if kind not in NEEDED or not saved_code.is_file(reference):
      continue
    does = f'policy {policy.name} {NEEDED[kind]} {typed}'
    if not file.is_file():
      raise UserError(f'{does}, which is missing: play it from its run folder, or put the file at {file.absolute()}.')
    if trained_with.get(typed, digest := saved_code.bundle_of(reference).digest) != digest:
      raise UserError(
        f'{does}, and {file.absolute()}, or what it imports, is not as it was when the policy was trained: play it from'
        ' its run folder, or put the file back.'
      )


def _check_digest(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
  """Raises ValueError or KeyError if the file has changed since it was written."""
  if metadata['format'] == '1':
    if metadata.get('sha256', digest(arrays)) != digest(arrays):
      raise ValueError('its weights were altered')
  elif metadata['sha256'] != digest(arrays, metadata):
    raise ValueError('its weights or its description were altered')


def _assemble(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> Policy:
  mirror = None
  if 'mirror.obs_sources' in arrays:
    parts = {name: arrays[f'mirror.{name}'] for name in Mirror._fields}
    mirror = Mirror(**{k: v.astype(int) if k.endswith('sources') else v for k, v in parts.items()})
  layers = range(sum(name.endswith('.kernel') for name in arrays))
  if metadata['activation'] not in ACTIVATIONS:
    raise ValueError(f'unknown activation {metadata["activation"]!r}')
  values = json.loads(metadata['task'])
  task = restore(TaskConfig, migrate_task(values) if metadata['format'] == '1' else values, 'task')
  return Policy(
    kernels=tuple(arrays[f'layer_{i}.kernel'] for i in layers),
    biases=tuple(arrays[f'layer_{i}.bias'] for i in layers),
    log_std=arrays['log_std'],
    mean=arrays['normalizer.mean'],
    std=arrays['normalizer.std'],
    mirror=mirror,
    base=from_lists(json.loads(metadata['base'])) if 'base' in metadata else None,
    activation=metadata['activation'],
    squash=metadata.get('squash') == 'tanh',
    task=_with_clip(_with_library(task, arrays, metadata), arrays, metadata),
    info=dict(json.loads(metadata['info']).items()),
  )


def _with_library(task: TaskConfig, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> TaskConfig:
  """The task that starts from the pose library inside the file, if there is one."""
  if LIBRARY not in metadata:
    return task
  words = json.loads(metadata[LIBRARY])
  library = Library(arrays[POSES].astype(float), tuple(words['names']), str(words['robot']), tuple(words['joints']))
  return dataclasses.replace(task, start=carry(library, task.start))


def _with_clip(task: TaskConfig, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> TaskConfig:
  """The task that follows the clip inside the file, if there is one."""
  if clips.KEY not in metadata:
    return task
  return dataclasses.replace(task, clip=clips.carry(clips.unpacked(arrays, metadata[clips.KEY]), task.clip))


def digest(arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> str:
  """SHA-256 of all arrays by name, then of all metadata by name except the digest itself.

  It detects a flipped bit, which safetensors does not.
  """
  parts = [name.encode() + np.ascontiguousarray(arrays[name], np.float32).tobytes() for name in sorted(arrays)]
  described = sorted((name, text) for name, text in (metadata or {}).items() if name != 'sha256')
  return hashlib.sha256(b''.join(parts) + (json.dumps(described).encode() if described else b'')).hexdigest()


def _check_shapes(policy: Policy, path: Path) -> None:
  widths = [policy.mean.size, *(b.size for b in policy.biases)]
  shapes = list(itertools.pairwise(widths))
  vectors = (policy.mean, policy.std, *policy.biases, policy.log_std)
  flat = [(n,) for n in (widths[0], *widths, widths[-1])]
  finite = all(np.isfinite(a).all() for a in (*policy.kernels, *vectors))
  fit = [k.shape for k in policy.kernels] == shapes and [v.shape for v in vectors] == flat
  if not shapes or not fit or not finite or not (policy.std > 0).all():
    raise UserError(f'{path} is damaged: its layers do not fit each other or hold numbers that are not finite.')
  if policy.mirror is not None:
    sides = [(policy.mirror.obs_sources, policy.mirror.obs_signs, widths[0])]
    sides += [(policy.mirror.action_sources, policy.mirror.action_signs, widths[-1])]
    if not all(_is_signed_permutation(*side) for side in sides):
      raise UserError(f'{path} is damaged: its mirror is not one of its observations and actions.')


def _is_signed_permutation(sources: np.ndarray, signs: np.ndarray, size: int) -> bool:
  return (
    sources.shape == signs.shape == (size,) and sorted(sources) == list(range(size)) and bool((abs(signs) == 1).all())
  )
