"""Protects the choice of an OpenGL: the first that works, and what to install where none does."""

from __future__ import annotations

import os
import subprocess

import pytest

from mjx_humanoid.core import opengl
from mjx_humanoid.core.errors import UserError

REALLY_CHOSEN = os.environ.get('MUJOCO_GL', '')  # by conftest.py, before any test changes it


@pytest.fixture(autouse=True)
def linux_without_display(monkeypatch):
  """And with MUJOCO_GL put back afterwards, whatever a test lets it be set to."""
  for name in ('MUJOCO_GL', 'PYOPENGL_PLATFORM'):
    monkeypatch.setenv(name, 'before')
    monkeypatch.delenv(name)
  monkeypatch.setattr(opengl, '_chosen', None)
  monkeypatch.setattr(opengl, '_wished', '')
  monkeypatch.setattr(opengl.importlib, 'reload', lambda module: None)  # of the mujoco that other tests draw with
  monkeypatch.delenv('DISPLAY', raising=False)
  monkeypatch.setattr(opengl.sys, 'platform', 'linux')


def working(monkeypatch, *names):
  """Only these work; returns the list of those tried."""
  tried = []
  monkeypatch.setattr(
    opengl, 'probe', lambda name: tried.append(name) or (f'renderer of {name}' if name in names else None)
  )
  return tried


def test_egl_comes_first(monkeypatch):
  tried = working(monkeypatch, 'egl', 'osmesa')
  assert opengl.choose_gl() == ('egl', 'renderer of egl')
  assert os.environ['MUJOCO_GL'] == 'egl'
  assert tried == ['egl']


def test_it_falls_through_to_the_next(monkeypatch):
  tried = working(monkeypatch, 'osmesa')
  assert opengl.choose_gl().name == 'osmesa' == os.environ['MUJOCO_GL']
  assert tried == ['egl', 'osmesa']


def test_a_display_is_the_last_resort_and_leaves_the_choice_to_mujoco(monkeypatch):
  monkeypatch.setenv('DISPLAY', ':0')
  tried = working(monkeypatch, '')
  assert opengl.choose_gl().name == ''
  assert tried == ['egl', 'osmesa', '']
  assert 'MUJOCO_GL' not in os.environ


def test_the_users_choice_comes_first_and_is_not_the_last(monkeypatch):
  monkeypatch.setenv('MUJOCO_GL', 'glfw')
  assert opengl.candidates() == ['glfw', 'egl', 'osmesa']
  working(monkeypatch, 'egl')
  assert opengl.choose_gl().name == 'egl'


def test_other_systems_leave_it_to_mujoco(monkeypatch):
  monkeypatch.setattr(opengl.sys, 'platform', 'darwin')
  assert opengl.candidates() == ['']
  monkeypatch.setenv('MUJOCO_GL', 'cgl')
  assert opengl.candidates() == ['cgl', '']


def test_it_is_chosen_once_and_again_where_the_user_changes_it(monkeypatch):
  tried = working(monkeypatch, 'egl', 'osmesa')
  assert [opengl.choose_gl().name for _ in range(3)] == ['egl'] * 3
  assert tried == ['egl']
  monkeypatch.setenv('MUJOCO_GL', 'osmesa')
  assert opengl.choose_gl().name == 'osmesa'


def test_where_none_works_it_says_what_to_install_and_sets_nothing(monkeypatch):
  working(monkeypatch)
  with pytest.raises(UserError, match=r'apt-get install libegl1.*Training works without it'):
    opengl.choose_gl()
  assert 'MUJOCO_GL' not in os.environ


def test_a_choice_that_mujoco_does_not_know_does_not_work():
  assert opengl.probe('no-such-thing') is None


def test_the_trial_runs_in_a_process_with_only_that_choice(monkeypatch):
  seen = {}

  def run(command, env, **options):
    seen.update(env=env)
    return subprocess.CompletedProcess(command, 0, 'llvmpipe (LLVM 19)\n')

  monkeypatch.setenv('MUJOCO_GL', 'stale')
  monkeypatch.setenv('PYOPENGL_PLATFORM', 'stale')
  monkeypatch.setattr(opengl.subprocess, 'run', run)
  assert opengl.probe('egl') == 'llvmpipe (LLVM 19)'
  assert seen['env']['MUJOCO_GL'] == seen['env']['PYOPENGL_PLATFORM'] == 'egl'
  assert opengl.probe('') is not None
  assert {'MUJOCO_GL', 'PYOPENGL_PLATFORM'} & set(seen['env']) == set()


# What the user has set


@pytest.mark.parametrize(
  ('chosen', 'expected'),
  [('egl', ('egl', 'egl')), ('osmesa', ('osmesa', 'osmesa')), ('glfw', ('glfw', None)), ('', (None, None))],
)
def test_pyopengl_is_set_to_what_was_chosen_whatever_the_user_had(monkeypatch, chosen, expected):
  """MuJoCo refuses to draw with a PYOPENGL_PLATFORM other than MUJOCO_GL, of which the trial knows nothing."""
  monkeypatch.setenv('PYOPENGL_PLATFORM', 'glx')
  opengl.adopt(chosen)
  assert (os.environ.get('MUJOCO_GL'), os.environ.get('PYOPENGL_PLATFORM')) == expected


def test_a_mujoco_that_was_imported_reads_its_variables_again_where_either_differs(monkeypatch):
  reloaded = []
  monkeypatch.setitem(opengl.sys.modules, opengl.GL_MODULES[0], 'the chooser')
  monkeypatch.setattr(opengl.importlib, 'reload', reloaded.append)
  opengl.adopt('egl')
  opengl.adopt('egl')
  assert reloaded == ['the chooser']
  monkeypatch.setenv('PYOPENGL_PLATFORM', 'osmesa')
  opengl.adopt('egl')
  assert reloaded == ['the chooser'] * 2


DRAW = """
import mjx_humanoid, mujoco
from mjx_humanoid.physics.camera import Camera
model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><camera name="c"/></worldbody></mujoco>')
print(Camera(model, 'c', 8, 6).picture([]).shape)
"""


@pytest.mark.parametrize('platform', ['osmesa', 'glx', 'nonsense'])
def test_pictures_are_drawn_whatever_pyopengl_was_set_to(opengl_works, run_python, platform):
  environment = {**os.environ, 'PYOPENGL_PLATFORM': platform}
  result = run_python('-c', DRAW, env=environment)
  assert (result.stdout, result.returncode) == ('(6, 8, 3)\n', 0), result.stderr
  environment['MUJOCO_GL'] = opengl_works
  result = run_python('-c', DRAW, env=environment)
  assert (result.stdout, result.returncode) == ('(6, 8, 3)\n', 0), result.stderr


@pytest.fixture
def opengl_works(opengl):
  """The MUJOCO_GL that works here."""
  return REALLY_CHOSEN


@pytest.mark.parametrize('value', ['nonsense', 'wgl', 'osmesa', 'egl', 'OSMesa ', 'off', 'glfw', ''])
def test_mujoco_can_be_imported_whatever_mujoco_gl_is(run_python, value):
  """Training, judging and Gymnasium draw nothing: a value that cannot be loaded is no reason to end in a traceback."""
  code = 'import mjx_humanoid, mujoco, os; print(repr(os.environ.get("MUJOCO_GL")))'
  result = run_python('-c', code, env={**os.environ, 'MUJOCO_GL': value})
  assert result.returncode == 0, result.stderr
  if value in ('nonsense', 'wgl'):
    assert result.stdout == 'None\n'
    assert result.stderr == f'MUJOCO_GL={value} is ignored: here MuJoCo knows egl, osmesa, glx, glfw.\n'
  if value in ('off', 'glfw', ''):
    assert (result.stdout, result.stderr) == (f'{value!r}\n', '')


@pytest.mark.parametrize(('value', 'library'), [('osmesa', 'OSMesa'), (' EGL', 'EGL')])
def test_a_library_that_is_not_there_is_named_and_the_wish_is_remembered(monkeypatch, caplog, value, library):
  monkeypatch.delitem(opengl.sys.modules, 'mujoco', raising=False)
  monkeypatch.setenv('MUJOCO_GL', value)
  monkeypatch.setattr(opengl, 'has_library', lambda name: name != library)
  opengl.prepare()
  assert 'MUJOCO_GL' not in os.environ
  assert [record.message for record in caplog.records] == [f'MUJOCO_GL={value} is ignored: there is no lib{library}.']
  assert opengl.candidates()[0] == value.lower().strip()  # the trial for pictures has the last word


@pytest.mark.parametrize('value', ['egl', 'osmesa', 'glx', 'glfw', 'disabled', ''])
def test_a_value_that_works_stays(monkeypatch, caplog, value):
  monkeypatch.delitem(opengl.sys.modules, 'mujoco', raising=False)
  monkeypatch.setenv('MUJOCO_GL', value)
  monkeypatch.setattr(opengl, 'has_library', lambda name: True)
  opengl.prepare()
  assert os.environ['MUJOCO_GL'] == value
  assert caplog.records == []


def test_nothing_is_loaded_or_tried_where_mujoco_gl_is_not_set(monkeypatch):
  monkeypatch.delitem(opengl.sys.modules, 'mujoco', raising=False)
  monkeypatch.setattr(opengl, 'has_library', lambda name: pytest.fail('it loaded something'))
  monkeypatch.setattr(opengl, 'probe', lambda name: pytest.fail('it tried something'))
  opengl.prepare()


def test_libraries_are_found_under_the_names_that_pyopengl_tries(monkeypatch):
  assert not opengl.has_library('no-such-library')
  tried = []

  def load(name):
    tried.append(name)
    if name != 'libOSMesa.so.8':
      raise OSError

  monkeypatch.setattr(opengl.ctypes, 'CDLL', load)
  assert opengl.has_library('OSMesa')
  assert tried == ['libOSMesa.so', 'libOSMesa.so.9', 'libOSMesa.so.8']


def test_a_trial_that_fails_does_not_work(monkeypatch):
  monkeypatch.setattr(opengl.subprocess, 'run', lambda command, **options: subprocess.CompletedProcess(command, 1))
  assert opengl.probe('egl') is None


def test_of_a_trial_that_hangs_the_next_is_taken_and_without_one_the_reason_is_told(monkeypatch):
  def run(command, env, **options):
    if env['MUJOCO_GL'] == 'egl':
      raise subprocess.TimeoutExpired(command, options['timeout'])
    return subprocess.CompletedProcess(command, 0, 'llvmpipe')

  monkeypatch.setattr(opengl.subprocess, 'run', run)
  assert opengl.first_working(['egl', 'osmesa']) == opengl.Gl('osmesa', 'llvmpipe')
  with pytest.raises(UserError, match='OpenGL did not answer within 120 s'):
    opengl.first_working(['egl'])


@pytest.mark.parametrize(
  ('renderer', 'software'),
  [('llvmpipe (LLVM 19.1, 256 bits)', True), ('softpipe', True), ('NVIDIA H200/PCIe/SSE2', False), ('Apple M3', False)],
)
def test_drawing_on_the_cpu_is_told_from_a_graphics_card(renderer, software):
  assert opengl.Gl('egl', renderer).software is software
