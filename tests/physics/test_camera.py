"""Protects pictures: they show the model where it is, through the camera asked for, and say why where they cannot."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics import camera as module
from mjx_humanoid.physics.camera import Camera

# A white ball that slides along x, on black: a camera straight above it, and one that sees its side.
BALL = """
<mujoco>
  <visual><headlight ambient="1 1 1" diffuse="0 0 0" specular="0 0 0"/></visual>
  <worldbody>
    <camera name="above" pos="0 0 4" fovy="53.13"/>
    <camera name="beside" pos="0 -4 0" xyaxes="1 0 0 0 0 1" fovy="53.13"/>
    <body>
      <joint name="along" type="slide" axis="1 0 0"/>
      <geom type="sphere" size="0.4" rgba="1 1 1 1"/>
    </body>
    <geom type="box" size="0.1 0.1 0.1" pos="0 0 -1" rgba="1 0 0 1"/>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def model():
  return mujoco.MjModel.from_xml_string(BALL)


def centre(picture):
  """Column and row of the middle of what is white."""
  rows, columns = np.nonzero((picture > 200).all(axis=-1))
  return columns.mean() + 0.5, rows.mean() + 0.5


def test_the_ball_is_drawn_where_it_is(opengl, model):
  """At 4 m and 53.13 degrees a picture is 4 m high: of 40 rows, 1 m is 10 pixels."""
  with Camera(model, 'above', 80, 40) as camera:
    pictures = list(camera.frames(np.array([[0.0], [2.0], [-1.0], [0.0]])))
  assert all(picture.shape == (40, 80, 3) and picture.dtype == np.uint8 for picture in pictures)
  for picture, column in zip(pictures, (40, 60, 30, 40), strict=True):
    assert centre(picture) == pytest.approx((column, 20), abs=0.6)


def test_each_camera_sees_its_own_side(opengl, model):
  """The red box lies below the ball: hidden from above."""
  red = {}
  for name in ('above', 'beside'):
    with Camera(model, name, 60, 60) as camera:
      picture = camera.picture(np.zeros(1)).astype(int)
    red[name] = int(((picture[..., 0] > 100) & (picture[..., 1] < 50)).sum())
  assert red['above'] == 0
  assert red['beside'] > 4


def test_pictures_are_the_callers_own(opengl, model):
  with Camera(model, 'above', 40, 40) as camera:
    first = camera.picture(np.zeros(1))
    before = first.copy()
    camera.picture(np.ones(1))
  np.testing.assert_array_equal(first, before)


def test_a_picture_may_be_larger_than_the_models_own_buffer(opengl, model):
  with Camera(model, 'above', 1280, 16) as camera:
    assert camera.picture(np.zeros(1)).shape == (16, 1280, 3)


def test_the_model_that_is_drawn_is_not_changed(opengl, model):
  """Its buffers must grow for a picture, but in a copy: physics and other pictures go on with it."""
  before = (model.vis.global_.offwidth, model.vis.quality.offsamples)
  with Camera(model, 'above', 2000, 16, software=True) as camera:
    camera.picture(np.zeros(1))
  assert (model.vis.global_.offwidth, model.vis.quality.offsamples) == before


def test_the_copy_that_is_drawn_has_room_and_no_smoothing_for_a_cpu(model):
  quick, fine = (module.drawable(model, 2000, 16, software=software) for software in (True, False))
  assert (quick.vis.global_.offwidth, quick.vis.global_.offheight) == (2000, model.vis.global_.offheight)
  assert (quick.vis.quality.offsamples, fine.vis.quality.offsamples) == (0, model.vis.quality.offsamples)
  assert model.vis.quality.offsamples > 0


def test_without_smoothing_the_same_is_seen(opengl, model):
  pictures = []
  for software in (True, False):
    with Camera(model, 'above', 80, 40, software=software) as camera:
      pictures.append(camera.picture(np.ones(1)))
  assert centre(pictures[0]) == pytest.approx(centre(pictures[1]), abs=0.5)


def test_a_state_that_is_not_finite_is_drawn_as_zero(opengl, model):
  with Camera(model, 'above', 40, 40) as camera:
    pictures = list(camera.frames([np.array([x]) for x in (np.nan, 0.0)]))
  np.testing.assert_array_equal(*pictures)


def test_it_can_be_closed_twice_and_used_again(opengl, model):
  camera = Camera(model, 'above', 40, 40)
  camera.close()
  first = camera.picture(np.zeros(1))
  camera.close()
  camera.close()
  np.testing.assert_array_equal(camera.picture(np.zeros(1)), first)
  camera.close()


# What is refused


def test_an_unknown_camera_lists_the_choices(model):
  with pytest.raises(UserError, match=r"unknown camera 'abov'. Did you mean 'above'\? Choices: above, beside"):
    Camera(model, 'abov', 40, 40)


@pytest.mark.parametrize(('width', 'height'), [(0, 480), (480, -1), (48.5, 48), ('48', 48), (True, 48)])
def test_a_picture_needs_pixels(model, width, height):
  with pytest.raises(UserError, match=f'width={width}, height={height}: a picture needs at least one pixel each way'):
    Camera(model, 'above', width, height)


def test_sizes_may_be_numpys(model):
  camera = Camera(model, 'above', np.int64(3), np.uint8(4))
  assert camera._size == (4, 3)  # rows, columns


class Blank:
  """A renderer without OpenGL."""

  def __init__(self, model, height, width):
    self.shape = (height, width, 3)
    self.scene = mujoco.MjvScene(model, 10)

  def update_scene(self, data, camera):
    pass

  def render(self):
    return np.zeros(self.shape, np.uint8)

  def close(self):
    pass


def test_an_opengl_is_chosen_before_the_first_picture_and_only_then(model, monkeypatch):
  done = []
  monkeypatch.setattr(module, 'choose_gl', lambda: done.append('gl'))
  monkeypatch.setattr(mujoco, 'Renderer', lambda *a, **k: done.append('renderer') or Blank(*a, **k))
  camera = Camera(model, 'above', 4, 3)
  assert done == []
  for _ in range(2):
    assert camera.picture(np.zeros(1)).shape == (3, 4, 3)
  assert done == ['gl', 'renderer']


def test_without_opengl_the_first_picture_says_what_to_install(model, no_opengl):
  with pytest.raises(UserError, match=r'^no OpenGL can be loaded.* apt-get install libegl1'):
    Camera(model, 'above', 4, 3).picture(np.zeros(1))


def test_a_renderer_that_fails_all_the_same_says_why(model, monkeypatch):
  def refuse(*args, **kwargs):
    raise mujoco.FatalError('no library\nmore lines')

  monkeypatch.setattr(module, 'choose_gl', lambda: None)
  monkeypatch.setattr(mujoco, 'Renderer', refuse)
  with pytest.raises(UserError, match=r'MUJOCO_GL=egl .*\(FatalError: no library\)$'):
    Camera(model, 'above', 4, 3).picture(np.zeros(1))
