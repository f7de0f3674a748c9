"""Too little memory on a device: one line with what fits. No device here runs out, so JAX's error is made up."""

import dataclasses

import jax
import pytest

from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run import memory
from mjx_humanoid.run.memory import explained, free_memory, largest, whole_memory


def run_out(config, words='RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.'):
  with explained(config):
    raise jax.errors.JaxRuntimeError(words)


@pytest.mark.parametrize(('num_envs', 'fits'), [(65_536, 4096), (4096, 2048), (1, 1)])
def test_what_fits_is_named(num_envs, fits, monkeypatch, capsys):
  """Of 1 GB, 70 % hold 7,000 environments of 100 kB; those that did not fit are not named again."""
  monkeypatch.setattr(memory, 'bytes_each', lambda config: 100_000.0)
  monkeypatch.setattr(memory, 'whole_memory', lambda: 10**9)
  with pytest.raises(UserError) as error:
    run_out(dataclasses.replace(Config(), num_envs=num_envs))
  assert f'config.num_envs={num_envs}: too little memory on cpu (1.0 GB); an environment takes 100 kB' in str(
    error.value
  )
  assert f'--config.num_envs={fits} fits' in str(error.value)
  assert 'measuring how many environments fit' in capsys.readouterr().out


def test_other_errors_are_left_alone():
  with pytest.raises(jax.errors.JaxRuntimeError, match='INTERNAL'):
    run_out(Config(), 'INTERNAL: something else')
  with explained(Config()):
    pass


def test_the_largest_power_of_two_fits():
  assert [largest(room) for room in (1, 2, 1023, 1024)] == [1, 2, 512, 1024]
  with pytest.raises(UserError, match='not even one environment fits into the free memory'):
    largest(0)


def test_the_memory_of_a_device_is_what_it_says(monkeypatch):
  class Device:
    def memory_stats(self):
      return {'bytes_limit': 100, 'bytes_in_use': 30}

  assert 10**8 < free_memory() <= whole_memory() < 10**14
  monkeypatch.setattr(jax, 'devices', lambda: [Device()])
  assert (free_memory(), whole_memory()) == (70, 100)
