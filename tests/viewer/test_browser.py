"""Protects the pages in a real browser: headless Chromium, WebGL in software. Slow: run with -m slow.

The pictures of the documentation come from here: MJX_HUMANOID_SCREENSHOTS=folder keeps them.
"""

from __future__ import annotations

import io
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mjx_humanoid.viewer.gate import Gate
from mjx_humanoid.viewer.serving import free_port

playwright = pytest.importorskip('playwright.sync_api')
pytest.importorskip('viser')
pytest.importorskip('starlette')

CHROMIUM = next(
  (path for name in ('chromium', 'chromium-browser', 'google-chrome') if (path := shutil.which(name))), ''
)
FLAGS = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-dev-shm-usage']
WAIT = 90.0  # s, for what a busy machine may take
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason='there is no Chromium')]


@pytest.fixture(scope='module')
def browser():
  with playwright.sync_playwright() as driver:
    chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield chromium
    chromium.close()


@pytest.fixture
def page(browser):
  """A page; fails the test if an error of JavaScript came up in it."""
  opened = browser.new_page(viewport={'width': 1040, 'height': 560}, accept_downloads=True)
  opened.set_default_timeout(1000 * WAIT)
  errors = []
  opened.on('pageerror', lambda error: errors.append(str(error)))
  yield opened
  opened.close()
  assert errors == []


def until(page, condition, seconds=WAIT):
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'it never came'
    page.wait_for_timeout(50)


def screenshot(page, name):
  """The page as numbers [height, width, 3]; kept if the environment asks for it."""
  picture = page.screenshot(timeout=1000 * WAIT)
  if folder := os.environ.get('MJX_HUMANOID_SCREENSHOTS'):
    Path(folder, f'{name}.png').write_bytes(picture)
  return np.asarray(Image.open(io.BytesIO(picture)).convert('RGB')).astype(int)


def pass_time(page, simulation, seconds):
  """Waits for simulated time, which a busy machine makes slower than real. Returns when it began, in s."""
  begun = simulation.snapshot.seconds
  until(page, lambda: simulation.snapshot.seconds > begun + seconds)
  return begun


def mean_speed(page, simulation, seconds=2.0):
  """m/s forward over some simulated time."""
  begun = pass_time(page, simulation, seconds)
  times, values = simulation.series.read()
  return float(values[times > begun, simulation.series.names.index('speed')].mean())


@pytest.fixture
def face(page, make_viewer, opengl):
  """The page in 3D of `follow`, commanded to stand still, with its robot drawn: a Face."""
  from mjx_humanoid.viewer.face import Face

  viewer = make_viewer()
  face = Face(viewer, Gate(port=free_port('127.0.0.1', 0), token=''))
  viewer.start()
  face.start()
  viewer.simulation.steer((0, 0, 0))
  face.simulation, face.choose_policy = viewer.simulation, viewer.choose_policy
  try:
    page.goto(f'http://127.0.0.1:{face.server.get_port()}/')
    until(page, lambda: face.updates > 50)
    page.locator('.mantine-Notification-closeButton').click()  # that WebGL is drawn by software
    page.wait_for_timeout(3000)
    yield face
  finally:
    face.close()


def test_the_robot_is_drawn(page, face):
  """Many pixels differ from those of the same scene without its bodies."""
  shown = screenshot(page, 'robot')[:, :550]
  face.scene.shown['command'] = False
  for handle in face.scene._bodies.values():
    handle.visible = False
  page.wait_for_timeout(3000)
  empty = screenshot(page, 'empty')[:, :550]
  assert (np.abs(shown - empty).max(axis=-1) > 40).sum() > 1000


def test_a_slider_and_keys_change_the_speed_and_keys_leave_the_camera(page, face):
  simulation = face.simulation
  number = page.locator(f'[id="{face.panel._command[0]._impl.uuid}"] + div input')
  number.fill('0.8')
  number.press('Enter')
  until(page, lambda: simulation.command == (0.8, 0, 0))
  pass_time(page, simulation, 2.0)
  assert 0.6 < mean_speed(page, simulation) < 1.0

  page.mouse.click(30, 300)  # the focus leaves the slider
  before = np.array(next(iter(face.server.get_clients().values())).camera.position)
  for _ in range(8):
    page.keyboard.press('s')
  until(page, lambda: simulation.command is not None and abs(simulation.command[0]) < 0.01)
  pass_time(page, simulation, 2.5)
  assert abs(mean_speed(page, simulation)) < 0.2
  after = np.array(next(iter(face.server.get_clients().values())).camera.position)
  np.testing.assert_allclose(after, before, atol=0.02)


def test_a_push_moves_the_robot_backwards(page, face):
  simulation, still = face.simulation, face.simulation.snapshot
  page.mouse.click(30, 300)
  page.keyboard.press('p')
  until(page, lambda: any(simulation.snapshot.hand_pushes[0]) or simulation.snapshot.number > still.number + 500)
  pass_time(page, simulation, 0.6)
  times, values = simulation.series.read()
  assert values[times > still.seconds, simulation.series.names.index('speed')].min() < -0.15


def test_a_policy_is_swapped_and_a_video_is_saved_that_plays(page, face, read_video, tmp_path):
  face.choose_policy('stand')
  until(page, lambda: face.simulation.snapshot.policy == 'stand')
  page.get_by_text('stand', exact=False).first.wait_for()
  pass_time(page, face.simulation, 1.2)
  face.simulation.pause(True)  # nothing else is drawn meanwhile
  with page.expect_download(timeout=4000 * WAIT) as download:  # drawn by the processor
    page.get_by_role('button', name='Save the last 10 s as MP4').click()
  download.value.save_as(tmp_path / 'got.mp4')
  frames, rate = read_video(tmp_path / 'got.mp4')
  assert rate == 30
  assert len(frames) > 20


def test_contact_forces_are_drawn_on_demand(page, face):
  face.simulation.steer((0.8, 0, 0.2))
  pass_time(page, face.simulation, 3.0)
  face.scene.shown['contacts'] = True
  until(page, lambda: face.scene._marks['contacts'].visible)
  screenshot(page, 'view_3d')


@pytest.fixture
def pictures(page, make_viewer, opengl):
  """The page with pictures of `follow`, commanded to stand still: its Simulation."""
  import threading

  from mjx_humanoid.viewer.painter import Projector
  from mjx_humanoid.viewer.server import PictureServer, make_server

  viewer = make_viewer()
  gate = Gate(port=free_port('127.0.0.1', 0), token='')
  projector = Projector(viewer.simulation)
  server = make_server(PictureServer(viewer, gate, projector).app(), gate)
  thread = threading.Thread(target=server.run, daemon=True)
  viewer.start()
  projector.start()
  thread.start()
  until(page, lambda: server.started)
  viewer.simulation.steer((0, 0, 0))
  try:
    page.goto(gate.link())
    until(page, lambda: projector.number > 20)
    yield viewer.simulation
  finally:
    projector.close()
    server.should_exit = True
    thread.join(10)


def test_pictures_refresh_and_sliders_and_keys_steer(page, pictures):
  first = screenshot(page, 'view')[12:492, 12:652]
  assert ((first[..., 0] > 150) & (first[..., 2] < 90)).sum() > 1000  # the robot is orange
  page.locator('#forward').fill('0.8')
  until(page, lambda: pictures.command == (0.8, 0, 0))
  pass_time(page, pictures, 2.0)
  assert 0.6 < mean_speed(page, pictures) < 1.0
  second = screenshot(page, 'later')[12:492, 12:652]
  assert np.abs(second - first).mean() > 1
  page.locator('#picture').click(modifiers=['Shift'])
  page.keyboard.press('w')
  until(page, lambda: pictures.command == (0.9, 0, 0))
  page.keyboard.press('x')
  until(page, lambda: pictures.command == (0, 0, 0))


def test_a_click_pushes_the_body_under_it_and_buttons_pause_and_swap_the_policy(page, pictures):
  number = pictures.snapshot.number
  page.locator('#picture').click(modifiers=['Control'], position={'x': 320, 'y': 240})
  until(page, lambda: any(pictures.snapshot.hand_pushes[0]) or pictures.snapshot.number > number + 400)
  assert pictures.snapshot.number <= number + 400
  page.get_by_role('button', name='Pause').click()
  until(page, lambda: pictures.snapshot.paused)
  page.locator('#policy').select_option('walk')
  page.get_by_role('button', name='Continue').click()
  until(page, lambda: pictures.snapshot.policy == 'walk')
  page.get_by_text('cannot observe another').wait_for()
