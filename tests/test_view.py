"""Protects the command view: what it accepts, and one clear line for each mistake."""

from __future__ import annotations

import importlib.util
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from mjx_humanoid import view
from mjx_humanoid.playback.find import PRETRAINED

HAS_VIEW = all(importlib.util.find_spec(name) for name in ('viser', 'mjviser', 'starlette', 'uvicorn', 'websockets'))


@pytest.fixture
def installed(monkeypatch):
  """As if the extra were installed."""
  monkeypatch.setattr('mjx_humanoid.viewer.serving.check_installed', lambda face: None)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['walk', '--port=70000'], 'out of range'),
    (['walk', '--port=x'], 'invalid int'),
    (['walk', '--num-envs=17'], 'out of range'),
    (['walk', '--seed=-1'], 'out of range'),
    (['walk', '--run=runs/x'], 'not both'),
    (['walk', '--follow'], '--follow needs'),
    (['--run=runs/nothing', '--follow'], 'there is no run'),
    (['walk', '--mjpeg', '--studio'], 'not allowed'),
    (['walk', '--worlds=2'], 'unrecognized'),
    (['walk', '--studio', '--num-envs=2'], '--num-envs has no effect with --studio'),
    (['walk', '--studio', '--host=0.0.0.0'], '--host has no effect with --studio'),
  ],
)
def test_wrong_arguments_are_one_clear_line(user_error, arguments, message):
  assert message in user_error(view.main, arguments)


def test_an_unknown_policy_names_the_choices(user_error, installed):
  message = user_error(view.main, ['wlak', '--port=0'])
  assert "Did you mean 'walk'?" in message


def test_an_unknown_start_names_the_choices(user_error, installed):
  assert 'standing' in user_error(view.main, ['walk', '--port=0', '--start=flying'])


def test_a_port_that_is_taken(user_error, installed):
  with socket.socket() as taken:
    taken.bind(('127.0.0.1', 0))
    taken.listen()
    port = taken.getsockname()[1]
    assert '--port' in user_error(view.main, ['walk', f'--port={port}'])


def test_a_host_that_is_none(user_error, installed):
  assert '--host=no.such.host.invalid' in user_error(view.main, ['walk', '--host=no.such.host.invalid'])


def test_studio_without_a_screen(user_error, monkeypatch):
  for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
    monkeypatch.delenv(name, raising=False)
  assert 'needs a screen' in user_error(view.main, ['walk', '--studio'])


@pytest.mark.parametrize('option', [[], ['--mjpeg']])
def test_a_missing_extra_says_what_to_install(user_error, monkeypatch, option):
  find = importlib.util.find_spec
  gone = ('viser', 'starlette')
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name, *rest: None if name in gone else find(name, *rest))
  assert "pip install 'mjx_humanoid[view]'" in user_error(view.main, ['walk', *option])


def test_no_opengl_for_pictures(user_error, installed, no_opengl):
  assert 'libegl1' in user_error(view.main, ['walk', '--mjpeg', '--port=0'])


def test_a_run_of_another_version(user_error, installed, tmp_path):
  content = (PRETRAINED / 'walk.safetensors').read_bytes()
  (tmp_path / 'policy.safetensors').write_bytes(re.sub(rb'"format":"[12]"', b'"format":"9"', content))
  for option in ([], ['--follow']):
    assert "format '9'" in user_error(view.main, [f'--run={tmp_path}', '--port=0', *option])


def test_a_run_without_a_policy_is_waited_for(installed, tmp_path, monkeypatch, capsys):
  """With --follow it says so, takes the first policy, and then shows four environments."""
  monkeypatch.setattr('mjx_humanoid.viewer.follow.POLL', 0.02)
  shown = []
  monkeypatch.setattr('mjx_humanoid.viewer.serving.serve', lambda viewer, arguments: shown.append(viewer))
  content = (PRETRAINED / 'stand.safetensors').read_bytes()
  threading.Timer(0.3, (tmp_path / 'policy.safetensors').write_bytes, [content]).start()
  view.main([f'--run={tmp_path}', '--follow', '--port=0'])
  assert 'waiting for its first checkpoint' in capsys.readouterr().out
  assert shown[0].simulation.snapshot.qpos.shape == (4, 28)
  shown[0].close()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_VIEW, reason='the extra view is not installed')
@pytest.mark.parametrize('option', ['--mjpeg', '--seed=1'])
def test_it_prints_a_link_and_ends_with_ctrl_c(tmp_path, opengl, option):
  import http.client

  command = [sys.executable, '-m', 'mjx_humanoid.view', 'stand', '--port=0', option]
  process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
  line = process.stdout.readline()
  port = int(re.fullmatch(r'open http://127\.0\.0\.1:(\d+)/\n', line).group(1))
  connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
  connection.request('GET', '/')
  assert connection.getresponse().status == 200
  process.send_signal(signal.SIGINT)
  _, errors = process.communicate(timeout=60)
  assert (process.returncode, errors) == (0, '')
  assert list(tmp_path.iterdir()) == []
