"""Protects who may come in: Host, Origin, token, number of viewers, rate of messages."""

from __future__ import annotations

import socket

import pytest

from mjx_humanoid.viewer.gate import BURST, MOST_BAD, MOST_VIEWERS, RATE, Flow, Gate, Visit


def visit(host='127.0.0.1:8080', path='/', **headers):
  return Visit(path, {'host': host, **{name.replace('_', '-'): value for name, value in headers.items()}})


@pytest.mark.parametrize('host', ['127.0.0.1:8080', 'localhost:8080', 'LOCALHOST', '[::1]:8080', '127.0.0.1:9000'])
def test_loopback_names_come_in_whatever_port_a_tunnel_has(host):
  assert Gate(port=8080, token='').check(visit(host)) is None


@pytest.mark.parametrize(
  'host', ['evil.example', 'evil.example:8080', '127.0.0.1.evil.example', '192.168.1.5:8080', '', 'localhost@evil.ex',
           'localhost/evil', 'localhost:x', 'a b', '127.0.0.1:8080\0', socket.gethostname()],
)  # fmt: skip
def test_a_foreign_host_is_refused(host):
  assert Gate(port=8080, token='').check(visit(host)).status == 403


@pytest.mark.parametrize(
  'origin', ['http://evil.example', 'null', '', 'http://127.0.0.1:3000', 'http://localhost:8080', 'file://',
             'http://127.0.0.1:8080.evil.example', 'http://127.0.0.1:8080/'],
)  # fmt: skip
def test_a_foreign_origin_is_refused(origin):
  assert Gate(port=8080, token='').check(visit(origin=origin)) == (403, 'foreign Origin')


def test_the_own_origin_comes_in():
  gate = Gate(port=8080, token='')
  assert gate.check(visit(origin='http://127.0.0.1:8080')) is None
  assert gate.check(visit('localhost:9000', origin='http://localhost:9000')) is None


def test_another_site_may_link_to_the_page_and_not_load_from_it():
  gate = Gate(port=8080, token='')
  assert gate.check(visit(sec_fetch_site='cross-site', sec_fetch_mode='no-cors', sec_fetch_dest='image')).status == 403
  frame = {'sec_fetch_site': 'cross-site', 'sec_fetch_mode': 'navigate', 'sec_fetch_dest': 'iframe'}
  assert gate.check(visit(**frame)).status == 403
  assert gate.check(visit(**{**frame, 'sec_fetch_dest': 'document'})) is None


def test_beyond_loopback_every_request_needs_the_token():
  gate = Gate('0.0.0.0', 8080)
  other = Gate('0.0.0.0', 8080)
  assert len(gate.token) >= 32
  assert gate.token != other.token
  host = '192.168.1.5:8080'
  assert gate.check(visit(host)).status == 403
  assert gate.check(visit(host, f'/?token={other.token}')).status == 403
  assert gate.check(visit(host, f'/?token={gate.token[:-1]}')).status == 403
  assert gate.check(visit(host, '/?token=%FF%C3')).status == 403
  assert gate.check(visit(host, f'/?token={gate.token}')) is None
  assert gate.check(visit(host, '/x', cookie=f'a=b; {gate.cookie}={gate.token}')) is None
  assert gate.check(visit(host, '/x', cookie=f'{gate.cookie}=wrong')).status == 403
  assert gate.check(visit(host, '/x', cookie='\x01;;=;')).status == 403


def test_beyond_loopback_a_name_that_dns_could_redirect_is_still_foreign():
  gate = Gate('0.0.0.0', 8080, token='t')
  assert gate.check(visit('rebound.example:8080', '/?token=t')).reason == 'foreign Host'
  assert gate.check(visit(f'{socket.gethostname()}:8080', '/?token=t')) is None
  assert Gate('robot.lab', 8080, token='t').check(visit('robot.lab:8080', '/?token=t')) is None


def test_the_link_and_the_cookie_carry_the_token():
  gate = Gate('0.0.0.0', 8080, token='secret')
  assert gate.link() == f'http://{socket.gethostname()}:8080/?token=secret'
  assert Gate(port=81).link('stream.mjpg') == 'http://127.0.0.1:81/stream.mjpg'
  assert Gate('::1', 81).link() == 'http://[::1]:81/'
  cookie = gate.set_cookie(visit(path='/?token=secret'))
  assert cookie == 'mjx_humanoid_view_8080=secret; Path=/; HttpOnly; SameSite=Strict'
  assert gate.set_cookie(visit()) is None
  assert Gate(port=81).set_cookie(visit(path='/?token=x')) is None


def test_viewers_are_counted():
  gate = Gate()
  assert [gate.enter() for _ in range(MOST_VIEWERS + 1)] == [True] * MOST_VIEWERS + [False]
  gate.leave()
  assert gate.enter()
  assert gate.inside == MOST_VIEWERS


def test_messages_flow_at_the_rate_and_no_faster():
  now = [0.0]
  flow = Flow(lambda: now[0])
  assert sum(flow.admits() for _ in range(BURST + 20)) == BURST
  now[0] = 0.1
  assert sum(flow.admits() for _ in range(50)) == int(0.1 * RATE)
  assert flow.over  # 20 and 40 were too many
  assert MOST_BAD == 50


def test_who_sends_nonsense_is_sent_away():
  flow = Flow(lambda: 0.0)
  for _ in range(MOST_BAD):
    flow.blame()
  assert not flow.over
  flow.blame()
  assert flow.over


@pytest.mark.parametrize('path', ['//[', '/?token=\udcff', '//[?token=x'])
def test_a_malformed_path_or_cookie_is_refused_and_raises_nothing(path):
  gate = Gate('0.0.0.0', 8080)
  assert gate.check(visit(path=path)).status == 403
  assert gate.check(visit(path=path, cookie=f'{gate.cookie}="\udcff"')).status == 403
