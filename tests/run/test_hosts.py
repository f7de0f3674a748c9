"""Protects how processes find each other: mistakes are one line, and nobody waits for ever."""

from __future__ import annotations

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run import hosts

PLACE = {hosts.COUNT: '2', hosts.INDEX: '1'}


def test_one_process_needs_no_coordinator():
  assert hosts.wanted(None, {}) is None
  assert hosts.first() and hosts.count() == 1
  assert hosts.agreed(True) and not hosts.agreed(False)


def test_the_address_comes_from_the_command_line_or_the_environment():
  assert hosts.wanted('host:1234', PLACE) == ('host:1234', 2, 1)
  assert hosts.wanted(None, {hosts.ADDRESS: 'other:1', **PLACE}) == ('other:1', 2, 1)


@pytest.mark.parametrize('address', ['host', ':1234', 'host:port', 'host:'])
def test_an_address_without_host_or_port_is_refused(address):
  with pytest.raises(UserError, match='must be host:port'):
    hosts.wanted(address, PLACE)


@pytest.mark.parametrize('place', [{}, {hosts.COUNT: '2'}, {hosts.COUNT: 'two', hosts.INDEX: '0'}])
def test_what_is_missing_in_the_environment_is_named(place):
  with pytest.raises(UserError, match='JAX_NUM_PROCESSES and JAX_PROCESS_ID'):
    hosts.wanted('host:1', place)


@pytest.mark.parametrize('index', ['-1', '2'])
def test_an_index_out_of_range_is_refused(index):
  with pytest.raises(UserError, match=f'JAX_PROCESS_ID={index} must be at least 0 and less than JAX_NUM_PROCESSES=2'):
    hosts.wanted('host:1', {hosts.COUNT: '2', hosts.INDEX: index})
