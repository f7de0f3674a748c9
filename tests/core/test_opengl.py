"""Protects the choice of an OpenGL: the first that works, and what to install where none does."""

from __future__ import annotations

import os
import subprocess

import pytest

from mjx_humanoid.core import opengl
from mjx_humanoid.core.errors import UserError


@pytest.fixture(autouse=True)
def linux_without_display(monkeypatch):
  """And with MUJOCO_GL put back afterwards, whatever a test lets it be set to."""
  monkeypatch.setenv('MUJOCO_GL', 'before')
  monkeypatch.delenv('MUJOCO_GL')
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
  assert seen['env']['MUJOCO_GL'] == 'egl'
  assert 'PYOPENGL_PLATFORM' not in seen['env']
  assert opengl.probe('') is not None
  assert 'MUJOCO_GL' not in seen['env']


@pytest.mark.parametrize('outcome', ['fails', 'hangs'])
def test_a_trial_that_fails_or_hangs_does_not_work(monkeypatch, outcome):
  def run(command, **options):
    if outcome == 'hangs':
      raise subprocess.TimeoutExpired(command, 60)
    return subprocess.CompletedProcess(command, 1)

  monkeypatch.setattr(opengl.subprocess, 'run', run)
  assert opengl.probe('egl') is None


@pytest.mark.parametrize(
  ('renderer', 'software'),
  [('llvmpipe (LLVM 19.1, 256 bits)', True), ('softpipe', True), ('NVIDIA H200/PCIe/SSE2', False), ('Apple M3', False)],
)
def test_drawing_on_the_cpu_is_told_from_a_graphics_card(renderer, software):
  assert opengl.Gl('egl', renderer).software is software
