"""Protects what a page may ask: every request does what it says, and nothing malformed does anything."""

from __future__ import annotations

import json

import pytest

from mjx_humanoid.viewer.requests import HANDLERS, LARGEST, BadRequestError, handle, parse


@pytest.mark.parametrize(
  'text',
  ['', '{', '[]', '1', 'null', '"reset"', '{}',
   '{"kind": "quit"}', '{"kind": ["reset"]}', '{"kind": null}', b'\xff\xfe',
   '[' * 4000, '{"kind": "reset", "x": "' + 'a' * LARGEST + '"}'],
)  # fmt: skip
def test_what_is_no_request_is_refused(text):
  with pytest.raises(BadRequestError):
    parse(text)


BAD = [
  {'kind': 'steer'},
  {'kind': 'steer', 'command': 'fast'},
  {'kind': 'steer', 'command': [1, 2]},
  {'kind': 'steer', 'command': [1, 2, 'x']},
  {'kind': 'steer', 'command': [1, 2, 1e9]},
  {'kind': 'steer', 'command': [[1], 2, 3]},
  {'kind': 'steer', 'command': {'0': 1}},
  {'kind': 'push'},
  {'kind': 'push', 'force': -1},
  {'kind': 'push', 'force': 100, 'degrees': 1e6},
  {'kind': 'push', 'force': 100, 'body': 'torso'},
  {'kind': 'pause', 'on': 1},
  {'kind': 'speed', 'value': 0},
  {'kind': 'speed', 'value': None},
  {'kind': 'start', 'name': '/etc/passwd'},
  {'kind': 'start', 'name': 7},
  {'kind': 'env', 'index': 5},
  {'kind': 'policy', 'name': '../../secret'},
  {'kind': 'policy', 'name': ['walk']},
  {'kind': 'auto_reset'},
]


@pytest.mark.parametrize('message', BAD, ids=json.dumps)
def test_values_that_are_wrong_are_refused(make_viewer, message):
  viewer = make_viewer()
  with pytest.raises(BadRequestError):
    handle(viewer, parse(json.dumps(message)))
  assert viewer.simulation.command is None


@pytest.mark.parametrize('number', ['NaN', 'Infinity', '-Infinity', '1e999'])
def test_numbers_that_are_not_finite_are_refused(make_viewer, number):
  with pytest.raises(BadRequestError):
    handle(make_viewer(), parse(f'{{"kind": "steer", "command": [{number}, 0, 0]}}'))


def test_requests_do_what_they_say(make_viewer):
  viewer = make_viewer(num_envs=2)
  simulation, asked = viewer.simulation, []

  def ask(**message):
    asked.append(message['kind'])
    handle(viewer, parse(json.dumps(message)))
    simulation._serve()

  ask(kind='steer', command=[0.5, 0, -0.25])
  assert simulation.command == (0.5, 0.0, -0.25)
  ask(kind='steer', command=None)
  assert simulation.command is None
  ask(kind='pause', on=True)
  assert simulation._loop.paused
  ask(kind='step')
  assert simulation._loop.singles == 1
  ask(kind='speed', value=2)
  assert simulation._loop.pace.speed == 2
  ask(kind='env', index=1)
  assert simulation._loop.selected == 1
  ask(kind='auto_reset', on=False)
  assert not simulation.auto_reset
  ask(kind='start', name='fallen')
  assert simulation.start_name == 'fallen'
  ask(kind='reset')
  ask(kind='push', force=50, degrees=90, body=3)
  (push,) = simulation._loop.envs[1].pushes
  heading = simulation._loop.envs[1].facing
  assert push.body == 3
  assert push.force.tolist() == pytest.approx([-50 * heading[1], 50 * heading[0], 0])  # to the left of it
  ask(kind='policy', name='walk')
  ask(kind='save')  # while the policy is loaded, or before anything was simulated: a line says so
  assert set(asked) == set(HANDLERS)
