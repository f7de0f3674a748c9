"""Protects the reading of photos: upright, cropped, within limits, and what is none is refused in one line."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.motions.photo import LONGEST_SIDE, Crop, files_in, parse_crop, read_photo


@pytest.fixture
def saved(tmp_path):
  """saved('a.png', width, height, **options) -> a picture whose left half is red and whose right half is blue."""

  def save(name, width=64, height=32, **options):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    Image.fromarray(pixels).save(tmp_path / name, **options)
    return tmp_path / name

  return save


def bomb(width, height):
  """A PNG of a few bytes that says it has this many pixels."""

  def chunk(kind, content):
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

  header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  return (
    b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(b'\0' * 100)) + chunk(b'IEND', b'')
  )


def test_a_photo_is_read_as_colours(saved):
  found = read_photo(saved('a.png'))
  assert found.shape == (32, 64, 3)
  assert found[5, 5].tolist() == [255, 0, 0]
  assert found[5, 60].tolist() == [0, 0, 255]


def test_a_photo_is_turned_upright(saved):
  """Orientation 6 of EXIF: the camera was held so that the picture must be turned by 90 degrees."""
  exif = Image.Exif()
  exif[0x0112] = 6
  assert read_photo(saved('a.jpg', exif=exif)).shape == (64, 32, 3)


def test_a_crop_is_in_pixels_of_the_picture(saved):
  found = read_photo(saved('a.png'), Crop(40, 8, 20, 16))
  assert found.shape == (16, 20, 3)
  assert (found == [0, 0, 255]).all()


def test_a_large_photo_is_made_smaller(saved):
  assert max(read_photo(saved('a.jpg', 4000, 1000)).shape) <= LONGEST_SIDE


MISTAKES = {
  'no file': (lambda p, s: p / 'none.jpg', 'there is no photo'),
  'a folder': (lambda p, s: p, 'is a folder; a library of its photos'),
  'text': (
    lambda p, s: p.joinpath('t.jpg').write_text('hello' * 99) and p / 't.jpg',
    'is not an image that can be read',
  ),
  'a GIF': (lambda p, s: s('a.gif'), 'is not an image that can be read: JPEG, PNG, WEBP, BMP'),
  'truncated': (
    lambda p, s: p.joinpath('t.jpg').write_bytes(s('a.jpg', 640, 480).read_bytes()[:2000]) and p / 't.jpg',
    'is a damaged image',
  ),
  'a bomb': (
    lambda p, s: p.joinpath('b.png').write_bytes(bomb(60_000, 60_000)) and p / 'b.png',
    'the limits are 64 MB',
  ),
  'many pixels': (lambda p, s: p.joinpath('b.png').write_bytes(bomb(9000, 9000)) and p / 'b.png', '9000 x 9000 pixels'),
  'an icon': (lambda p, s: s('a.png', 8, 8), 'has 8 x 8 pixels; a person cannot be seen'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_what_is_no_photo_is_refused(case, tmp_path, saved):
  make, words = MISTAKES[case]
  with pytest.raises(UserError) as error:
    read_photo(make(tmp_path, saved))
  assert words in str(error.value)
  assert '\n' not in str(error.value)


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
  with (tmp_path / 'a.jpg').open('wb') as file:
    file.truncate(65 * 2**20)  # a sparse file
  with pytest.raises(UserError, match='too large: the limits are 64 MB and 60 million pixels'):
    read_photo(tmp_path / 'a.jpg')


def test_a_crop_outside_the_picture_is_refused(saved):
  with pytest.raises(UserError, match=r'--crop=60,0,10,10 is not inside .*64 x 32 pixels'):
    read_photo(saved('a.png'), Crop(60, 0, 10, 10))


@pytest.mark.parametrize('text', ['1,2,3', 'a,b,c,d', '1,2,3,4,5', '-1,0,5,5', '0,0,0,5', '', '1.5,2,3,4'])
def test_a_crop_that_is_none_is_refused(text):
  with pytest.raises(UserError, match='--crop='):
    parse_crop(text)
  assert parse_crop('1,2,3,4') == Crop(1, 2, 3, 4)


def test_files_of_a_folder(tmp_path, saved):
  for name in ('b.png', 'a.JPEG'):
    saved(name)
  (tmp_path / 'notes.txt').write_text('')
  assert [path.name for path in files_in(tmp_path)] == ['a.JPEG', 'b.png']
  (tmp_path / 'empty').mkdir()
  with pytest.raises(UserError, match='holds no images'):
    files_in(tmp_path / 'empty')
  with pytest.raises(UserError, match='there is no folder'):
    files_in(tmp_path / 'none')
