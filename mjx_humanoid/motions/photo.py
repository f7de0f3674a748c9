"""Reads photographs: with limits, upright, and cropped. Nothing larger than the limits is ever decoded."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mjx_humanoid.core.errors import UserError

MOST_BYTES = 64 * 2**20
MOST_PIXELS = 60_000_000
LONGEST_SIDE = 1600  # pixels; larger pictures are made smaller, which the detector would do anyway
SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp')
FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP')
LIMITS = f'{MOST_BYTES // 2**20} MB and {MOST_PIXELS // 10**6} million pixels'


class Crop(NamedTuple):
  """A part of a picture, in pixels of the original."""

  x: int
  y: int
  width: int
  height: int


def read_photo(path: Path, crop: Crop | None = None) -> np.ndarray:
  """A photograph, uint8 [height, width, 3], turned as its EXIF data says.

  Args:
    crop: the part to keep, in pixels of the upright picture.

  Raises:
    UserError: no such file, not an image, truncated, beyond the limits, or a crop outside the picture.
  """
  from PIL import Image, ImageOps

  _check_file(path)
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # Pillow warns of what is refused below
      with Image.open(path, formats=FORMATS) as picture:
        _check_size(path, picture.size)
        if crop is None:
          picture.draft('RGB', (LONGEST_SIDE, LONGEST_SIDE))
        upright = ImageOps.exif_transpose(picture).convert('RGB')
  except Image.UnidentifiedImageError:
    raise UserError(f'{path} is not an image that can be read: {", ".join(FORMATS)}.') from None
  except Image.DecompressionBombError:
    raise UserError(f'{path} is too large: the limits are {LIMITS}.') from None
  except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError) as error:
    raise UserError(f'{path} is a damaged image: {str(error).splitlines()[0] if str(error) else error!r}.') from None
  if crop is not None:
    upright = upright.crop(_box(crop, upright.size, path))
  upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
  return np.array(upright)


def files_in(folder: Path) -> list[Path]:
  """The photographs, and the landmarks as .json, in a folder, by name. Raises UserError if it has none."""
  if not folder.is_dir():
    raise UserError(f'there is no folder {str(folder)!r}.')
  found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (*SUFFIXES, '.json') and path.is_file())
  if not found:
    raise UserError(f'{folder} holds no images: {", ".join(SUFFIXES)}.')
  return found


def parse_crop(text: str) -> Crop:
  """A crop from 'x,y,w,h'. Raises UserError."""
  try:
    crop = Crop(*map(int, text.split(',')))
  except (TypeError, ValueError):
    raise UserError(f'--crop={text}: it must be x,y,w,h in whole pixels, such as --crop=100,50,400,600.') from None
  if min(crop.x, crop.y) < 0 or min(crop.width, crop.height) < 1:
    raise UserError(f'--crop={text}: x and y must be 0 or more, w and h 1 or more.')
  return crop


def _box(crop: Crop, size: tuple[int, int], path: Path) -> tuple[int, int, int, int]:
  if crop.x + crop.width > size[0] or crop.y + crop.height > size[1]:
    raise UserError(f'--crop={",".join(map(str, crop))} is not inside {path}, which has {size[0]} x {size[1]} pixels.')
  return crop.x, crop.y, crop.x + crop.width, crop.y + crop.height


def _check_file(path: Path) -> None:
  if path.is_dir():
    raise UserError(f'{path} is a folder; a library of its photos: python -m mjx_humanoid.pose library {path}')
  if not path.is_file():
    raise UserError(f'there is no photo {str(path)!r}.')
  if path.stat().st_size > MOST_BYTES:
    raise UserError(f'{path} is too large: the limits are {LIMITS}.')


def _check_size(path: Path, size: tuple[int, int]) -> None:
  width, height = size
  if width * height > MOST_PIXELS:
    raise UserError(f'{path} has {width} x {height} pixels; the limits are {LIMITS}.')
  if min(width, height) < 16:
    raise UserError(f'{path} has {width} x {height} pixels; a person cannot be seen in it.')
