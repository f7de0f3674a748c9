"""Finds the model file of the person detector, or fetches it where the user asks for that."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

from mjx_humanoid.core.border import expanded
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_bytes, write_files

VARIABLE = 'MJX_HUMANOID_POSE_MODEL'
ADDRESS = (
  'https://storage.googleapis.com/mediapipe-models/pose_landmarker/pose_landmarker_full/float16/1/'
  'pose_landmarker_full.task'
)
FILE = 'pose_landmarker_full.task'
MODELS = ('pose_detector.tflite', 'pose_landmarks_detector.tflite')  # inside the bundle, which is a zip file
MOST_BYTES = 100 * 2**20
SECONDS = 30.0  # without an answer, after which fetching fails


def cached_model() -> Path:
  """Where the model file is kept: mjx_humanoid in the user's cache folder."""
  base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
  return Path(base) / 'mjx_humanoid' / FILE


def find_model(given: str = '') -> Path:
  """The model file: `given`, else the one that $MJX_HUMANOID_POSE_MODEL names, else the one in the cache folder.

  Raises:
    UserError: there is none, it is no such bundle, or the one in the cache is not what was fetched.
  """
  named = given or os.environ.get(VARIABLE, '')
  path = expanded(named) if named else cached_model()
  if not path.is_file():
    if named:
      raise UserError(f'there is no pose model {str(path)!r} ({"--model" if given else VARIABLE}).')
    raise UserError(
      f'the pose model is missing: put {FILE} from {ADDRESS} at {path}, or name the file by --model or {VARIABLE};'
      ' or fetch it with --fetch-model.'
    )
  _check_bundle(path)
  if not named:
    _check_recorded(path)
  return path


def fetch_model(expected: str = '') -> tuple[Path, str]:
  """Downloads the model file into the cache folder. Returns its path and its SHA-256.

  No digest is pinned in this package: none could be verified when it was written. So this is done only when the user
  asks for it. The digest is recorded beside the file, and every later use compares it.

  Args:
    expected: the SHA-256 that the file must have; '' accepts any.

  Raises:
    UserError: no network, a file that is too large or no bundle, or another digest.
  """
  content = _download()
  digest = hashlib.sha256(content).hexdigest()
  if expected and digest != expected.lower():
    raise UserError(f'{ADDRESS} has SHA-256 {digest}, not {expected}; nothing was kept.')
  path = cached_model()
  partial = path.with_name(f'.{FILE}.checked')
  write_files({partial: content}, 'the pose model')
  try:
    _check_bundle(partial)
  finally:
    partial.unlink(missing_ok=True)
  write_files({path: content, _record(path): f'{digest}\n'.encode()}, 'the pose model')
  return path, digest


def _download() -> bytes:
  import urllib.error
  import urllib.request

  try:
    with urllib.request.urlopen(ADDRESS, timeout=SECONDS) as answer:
      content: bytes = answer.read(MOST_BYTES + 1)
  except (urllib.error.URLError, OSError, ValueError) as error:
    reason = getattr(error, 'reason', None) or error
    raise UserError(
      f'the pose model cannot be fetched ({reason}): put {FILE} from {ADDRESS} at {cached_model()}, or name it by'
      f' --model or {VARIABLE}.'
    ) from None
  if len(content) > MOST_BYTES:
    raise UserError(f'{ADDRESS} has more than {MOST_BYTES // 2**20} MB; nothing was kept.')
  return content


def _check_bundle(path: Path) -> None:
  """Raises UserError if a file is not a bundle of MediaPipe's pose models."""
  if path.stat().st_size > MOST_BYTES:
    raise UserError(f'{path} is no pose model: it has more than {MOST_BYTES // 2**20} MB.')
  try:
    with zipfile.ZipFile(path) as bundle:
      names = bundle.namelist()
  except (OSError, zipfile.BadZipFile) as error:
    raise UserError(f'{path} is no pose model, a .task file of MediaPipe: {error}') from None
  missing = [name for name in MODELS if name not in names]
  if missing:
    raise UserError(f'{path} is no pose model: it lacks {", ".join(missing)}.')


def _record(path: Path) -> Path:
  return path.with_name(f'{path.name}.sha256')


def _check_recorded(path: Path) -> None:
  """Raises UserError if a digest was recorded when the file was fetched, and the file has another now."""
  record = _record(path)
  if not record.is_file():
    return
  digest = hashlib.sha256(read_bytes(path, 'pose model')).hexdigest()
  if digest != record.read_text(encoding='utf-8').strip():
    raise UserError(f'{path} has changed since it was fetched: remove it and fetch it again with --fetch-model.')
