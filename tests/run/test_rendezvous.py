"""Processes that find each other, here threads on loopback: all, or everyone who came learns what is wrong."""

import socket
import threading
import time

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run.rendezvous import meet


@pytest.fixture
def address():
  with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    return f'127.0.0.1:{probe.getsockname()[1]}'


def together(address, places, timeout):
  """What each process of (count, index) ends with: '' or its error."""
  ends = {}

  def one(place):
    try:
      meet(address, *place, timeout)
      ends[place] = ''
    except UserError as error:
      ends[place] = str(error)

  threads = [threading.Thread(target=one, args=(place,)) for place in places]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join(20)
  return ends


def test_all_go_on_once_all_have_come_and_the_port_is_free(address):
  assert together(address, [(3, 2), (3, 0), (3, 1)], 10) == {(3, 0): '', (3, 1): '', (3, 2): ''}
  with socket.create_server(('', int(address.split(':')[1]))):
    pass


def test_a_coordinator_out_of_reach_is_named_in_time(address):
  start = time.monotonic()
  with pytest.raises(UserError, match=rf'the coordinator {address} was not reached within 0\.5 s: ') as error:
    meet(address, 2, 1, 0.5)
  assert '\n' not in str(error.value)
  assert time.monotonic() - start < 10


def test_everyone_who_came_learns_who_is_missing(address):
  words = f'process 1, 3 of 4 did not come to the coordinator {address} within 1 s.'
  assert together(address, [(4, 0), (4, 2)], 1) == {(4, 0): words, (4, 2): words}


def test_a_process_with_another_number_of_processes_is_told(address):
  ends = together(address, [(2, 0), (3, 1)], 1)
  assert ends[3, 1] == 'the training was started with 3 processes, where process 0 has 2.'
  assert 'process 1 of 2 did not come' in ends[2, 0]


def test_a_port_that_is_taken_is_named(address):
  words = f'the coordinator cannot listen at {address}: .*; give another port'
  with socket.create_server(('', int(address.split(':')[1]))), pytest.raises(UserError, match=words):
    meet(address, 2, 0, 1)


def test_strangers_do_not_disturb(address):
  ends = []
  first = threading.Thread(target=lambda: ends.append(meet(address, 2, 0, 10)))
  first.start()
  for _ in range(50):
    try:
      with socket.create_connection(address.split(':'), timeout=5) as connection:
        connection.sendall(b'GET / HTTP/1.1\r\n')
      break
    except ConnectionRefusedError:  # process 0 does not listen yet
      time.sleep(0.05)
  meet(address, 2, 1, 10)
  first.join(20)
  assert ends == [None]
