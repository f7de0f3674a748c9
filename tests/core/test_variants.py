"""Protects the variants of config files: chosen by name, or for a GPU by themselves, and unknown ones refused."""

from __future__ import annotations

import pytest

from mjx_humanoid.core.config import files, variants
from mjx_humanoid.core.config.schema import resolve
from mjx_humanoid.core.errors import UserError

HEAD = 'from mjx_humanoid.config import default_config\n'
BODY = '  config = default_config()\n  config.num_envs = 4096 if variant else 512\n  return config\n'
TWO = HEAD + "VARIANTS = {'gpu': 'many environments'}\ndef get_config(variant=''):\n" + BODY


@pytest.fixture
def own(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'two.py').write_text(TWO)
  (tmp_path / 'one.py').write_text(HEAD + 'def get_config():\n  return default_config()\n')
  (tmp_path / 'wrong.py').write_text(HEAD + "VARIANTS = {'gpu': ''}\ndef get_config():\n  return default_config()\n")


@pytest.fixture
def gpu(monkeypatch, tmp_path):
  """A machine on which JAX sees a GPU."""
  sign = tmp_path / 'nvidia0'
  sign.touch()
  monkeypatch.setattr(variants, 'SIGNS_OF_GPU', (str(sign),))
  monkeypatch.setattr('mjx_humanoid.core.precision.backend', lambda: 'gpu')


@pytest.mark.parametrize(
  ('name', 'parts'),
  [
    ('stand', ('stand', '')),
    ('stand:gpu', ('stand', 'gpu')),
    ('configs/stand.py:gpu', ('configs/stand.py', 'gpu')),
    (r'C:\configs\stand.py', (r'C:\configs\stand.py', '')),
    (':gpu', (':gpu', '')),
  ],
)
def test_a_variant_stands_after_the_last_colon(name, parts):
  assert variants.split(name) == parts


def test_a_variant_changes_settings(own):
  assert resolve(files.load_config('two.py')).num_envs == 512
  assert resolve(files.load_config('two.py:gpu')).num_envs == 4096


def test_unknown_variants_are_refused_with_the_known_ones(own):
  with pytest.raises(UserError, match=r"unknown variant of the config two.py: 'tpu'.*gpu"):
    files.load_config('two.py:tpu')
  with pytest.raises(UserError, match=r'the config one\.py has no variants: leave out :gpu'):
    files.load_config('one.py:gpu')
  with pytest.raises(UserError, match='its get_config must take the name of one'):
    files.load_config('wrong.py')


def test_a_gpu_chooses_its_variant_and_says_so(own, gpu, capsys):
  assert resolve(files.load_for_machine('two.py', [])).num_envs == 4096
  assert 'two.py:gpu' in capsys.readouterr().out
  assert resolve(files.load_for_machine('one.py', [])).num_envs == 512
  assert not capsys.readouterr().out


@pytest.mark.parametrize('setting', ['config.num_envs', 'config.engine'])
def test_who_sets_a_size_or_an_engine_has_chosen(own, gpu, setting):
  assert resolve(files.load_for_machine('two.py', [setting])).num_envs == 512


def test_without_a_gpu_jax_is_not_asked(own, monkeypatch):
  monkeypatch.setattr('mjx_humanoid.core.precision.backend', lambda: pytest.fail('asked'))
  monkeypatch.setattr(variants, 'SIGNS_OF_GPU', ('/no/such/device',))
  assert resolve(files.load_for_machine('two.py', [])).num_envs == 512
