"""Protects the train command: every mistake told in one line before anything is made, and what it says."""

from __future__ import annotations

import importlib.util
import json

import mujoco
import pytest

from mjx_humanoid import train

BAD_SETTINGS = {
  'unknown key': ('--config.nope=1', 'unknown setting'),
  'unknown key in a section': ('--config.task.nope=1', 'config.task'),
  'no setting at all': ('--nope=1', 'unknown argument'),
  'setting without a value': ('--config.seed', 'needs a value'),
  'text for a number': ('--config.num_envs=many', 'config.num_envs must be a whole number'),
  'a fraction for a whole number': ('--config.num_envs=1.5', 'config.num_envs must be a whole number'),
  'text for a truth value': ('--config.network.shared=perhaps', 'must be True or False'),
  'too small': ('--config.num_envs=0', 'config.num_envs=0 is out of range'),
  'too large': ('--config.ppo.gamma=1.5', 'config.ppo.gamma=1.5 is out of range'),
  'negative seed': ('--config.seed=-1', 'config.seed=-1 is out of range'),
  'not finite': ('--config.ppo.learning_rate=1e999', 'config.ppo.learning_rate=inf is out of range'),
  'zero width': ('--config.network.policy_layers=0', 'config.network.policy_layers'),
  'unknown schedule': ('--config.ppo.lr_schedule=cosine', 'constant'),
  'unknown activation': ('--config.network.activation=gelu', 'elu'),
  'unknown engine': ('--config.engine=nativ', "Did you mean 'native'?"),
  'unknown reward': ('--config.task.reward=stnd', "unknown reward 'stnd'. Did you mean 'stand'?"),
  'unknown reward term': ('--config.task.weights.hight=1', "Did you mean 'height'?"),
  'unknown robot': ('--config.task.robot=human', "unknown robot 'human'. Did you mean 'humanoid'?"),
  'unknown observation': ('--config.task.observations=joint_position', "Did you mean 'joint_positions'?"),
  'unknown termination': ('--config.task.termination=fell', 'Choices: '),
  'unknown start': ('--config.task.start=flying', "unknown start 'flying'"),
  'unknown kind of command': ('--config.task.command.kind=sample', "kind of command 'sample'. Did you mean 'sampled'?"),
  'unknown kind of push': ('--config.task.push.kind=shove', "unknown kind of push 'shove'"),
  'unknown randomization': ('--config.task.randomization.mas=0.1', "randomization 'mas'. Did you mean 'mass'?"),
  'a randomization that turns signs': ('--config.task.randomization.mass=1', 'at least 0 and less than 1'),
  'a delay of half a step': ('--config.task.randomization.action_delay=0.5', 'must be a whole number, 0 to 50'),
  'a negative randomization': ('--config.task.randomization.mass=-0.1', 'is out of range'),
  'unknown curriculum': ('--config.curriculum=linea', "unknown curriculum 'linea'. Did you mean 'linear'?"),
  'commands upside down': ('--config.task.command.low=9,0,0', 'command.low is above config.task.command.high'),
  'pushes upside down': ('--config.task.push.force=9,1', 'push.force is upside down: 9.0 > 1.0'),
  'a policy to start from that does not exist': ('--config.init_from=nobody', "pretrained policy 'nobody'"),
  'a file to start from that does not exist': ('--config.init_from=none.safetensors', 'no policy file or run'),
  'unknown report card': ('--config.task.card=stnd', "unknown report card 'stnd'. Did you mean 'stand'?"),
  'unknown algorithm': ('--config.algorithm=sacc', "unknown algorithm 'sacc'"),
  'minibatches that do not fit': ('--config.num_envs=15', 'the closest size that fits is 30'),
  'config that does not exist': ('--config=nope.py', "there is no config file 'nope.py'"),
}


@pytest.mark.parametrize('case', BAD_SETTINGS)
def test_a_bad_setting_is_one_line_and_no_folder(case, tiny_arguments, user_error, tmp_path):
  argument, words = BAD_SETTINGS[case]
  message = user_error(train.main, [*tiny_arguments(), argument])
  assert words in message
  assert not list(tmp_path.iterdir())


def test_a_policy_that_does_not_fit_is_refused_before_any_search_for_starts(
  tiny_arguments, user_error, tmp_path, monkeypatch
):
  monkeypatch.setattr('mjx_humanoid.run.start.prepare', lambda config: pytest.fail('it went on'))
  assert 'config.init_from: follow is of ' in user_error(train.main, [*tiny_arguments(), '--config.init_from=follow'])
  assert not list(tmp_path.iterdir())


CONFIG_FILES = {
  'a syntax error': ('def get_config(:\n', 'does not run: SyntaxError: invalid syntax (my_config.py, line 1)'),
  'an import that fails': ('import no_such_module\n', 'does not run: ModuleNotFoundError'),
  'a function that raises': ('def get_config():\n  return 1 / 0\n', 'raises ZeroDivisionError: division by zero'),
  'no get_config': ('x = 1\n', 'get_config'),
  'a dict': ('def get_config():\n  return {"seed": 1}\n', 'it returned dict'),
  'nothing': ('def get_config():\n  pass\n', 'it returned NoneType'),
  'an unknown key': (
    'from mjx_humanoid.core.config.schema import default_config\n\n'
    'def get_config():\n  config = default_config()\n  config.sead = 1\n  return config\n',
    'sead',
  ),
  'a bad type': (
    'from mjx_humanoid.core.config.schema import default_config\n\n'
    'def get_config():\n  config = default_config()\n  config.seed = "one"\n  return config\n',
    'config.seed must be a whole number',
  ),
}


@pytest.mark.parametrize('case', CONFIG_FILES)
def test_a_bad_config_file_is_one_line_and_no_folder(case, user_error, tmp_path):
  code, words = CONFIG_FILES[case]
  path = tmp_path / 'my_config.py'
  path.write_text(code)
  message = user_error(train.main, [f'--config={path}', f'--config.run_dir={tmp_path / "runs"}'])
  assert words in message
  assert message.count('my_config.py, line') <= 1  # where, once
  assert not (tmp_path / 'runs').exists()


REWARDS = {
  'a name that is not in it': ('x = 1\n', 'unknown reward in'),
  'a file that raises': ('1 / 0\n', 'does not run: ZeroDivisionError'),
  'a function that raises': ('def reward(view, body, context):\n  return view.nothing\n', 'fails on a start state'),
  'too few arguments': ('def reward(view):\n  return 1.0\n', 'fails on a start state: TypeError'),
  'NaN': ('def reward(view, body, context):\n  return float("nan")\n', 'the total is nan on 64 of 64 start states'),
  'infinity': ('def reward(view, body, context):\n  return 1e39\n', 'the total is inf on 64 of 64 start states'),
  'a vector': ('def reward(view, body, context):\n  return view.qpos\n', 'the total has shape (28,)'),
  'nothing': ('def reward(view, body, context):\n  pass\n', "reward '"),
  'a NaN term': (
    'import jax.numpy as jnp\n\n'
    'def reward(view, body, context):\n  return 1.0, {"good": view.time, "sunk": jnp.log(-view.qpos[2])}\n',
    "term 'sunk' is nan on 64 of 64 start states",
  ),
  'a term of the wrong shape': (
    'def reward(view, body, context):\n  return 1.0, {"good": view.time, "wide": view.qvel}\n',
    "term 'wide' has shape (27,)",
  ),
  'terms that are no dict': ('def reward(view, body, context):\n  return 1.0, [view.time]\n', 'dict of named terms'),
}


@pytest.mark.parametrize('case', REWARDS)
def test_a_reward_of_the_users_that_does_not_work_is_one_line_and_no_folder(case, tiny_arguments, user_error, tmp_path):
  code, words = REWARDS[case]
  path = tmp_path / 'mine.py'
  path.write_text(code)
  message = user_error(train.main, tiny_arguments(task__reward=f'{path}:reward'))
  assert words in message
  assert f'{path}' in message
  assert not (tmp_path / 'tiny').exists()


def test_a_reward_file_that_does_not_exist(tiny_arguments, user_error, tmp_path):
  message = user_error(train.main, tiny_arguments(task__reward=f'{tmp_path}/none.py:reward'))
  assert f"there is no file '{tmp_path}/none.py'" in message
  assert not list(tmp_path.iterdir())


def test_a_reward_of_the_users_that_works_is_trained_on_and_its_terms_are_logged(tiny_arguments, tmp_path):
  path = tmp_path / 'mine.py'
  path.write_text('def reward(view, body, context):\n  return 2.0, {"half": 0.5 + 0 * view.time}\n')
  train.main(tiny_arguments(task__reward=f'{path}:reward', total_timesteps=64))
  line = json.loads((tmp_path / 'tiny' / 'metrics.jsonl').read_text().splitlines()[0])
  assert line['term/half'] == pytest.approx(0.5)


def test_a_reward_that_is_not_finite_later_is_told_with_a_state_that_mujoco_opens(tiny_arguments, tmp_path, capsys):
  (tmp_path / 'late.py').write_text(
    'import jax.numpy as jnp\ndef root(view, body, context):\n  return jnp.sqrt(0.06 - view.time)\n'
  )
  reference = f'{tmp_path / "late.py"}:root'
  train.main([*tiny_arguments(total_timesteps=64), f'--config.task.weights.{reference}=1.0'])
  out = capsys.readouterr().out
  told = next(line for line in out.splitlines() if line.startswith('rewards that were not finite'))
  assert repr(reference) in told
  assert ' s into its episode: torso ' in told
  model = mujoco.MjModel.from_xml_path(str(tmp_path / 'tiny' / 'invalid_reward.xml'))
  assert 1 < model.key('invalid').qpos[2] < 1.4


@pytest.mark.skipif(importlib.util.find_spec('warp') is not None, reason='warp is installed here')
def test_the_warp_engine_without_warp_says_what_to_install(tiny_arguments, user_error, tmp_path):
  message = user_error(train.main, tiny_arguments(engine='mjx-warp'))
  assert "pip install 'mjx_humanoid[warp]'" in message
  assert not list(tmp_path.iterdir())


def test_the_resolved_config_is_stored_and_loads_as_the_same_config(finished_run):
  from mjx_humanoid.core.config.files import load_json

  config = load_json(finished_run / 'config.json')
  assert (config.name, config.num_envs, config.ppo.unroll_length, config.network.policy_layers) == (
    'tiny',
    16,
    4,
    (16,),
  )


def test_it_says_what_it_runs_on_what_it_runs_and_what_next(tiny_arguments, capsys, tmp_path):
  train.main(tiny_arguments(total_timesteps=64))
  out = capsys.readouterr().out
  for part in (
    'mjx_humanoid on ',
    'engine native on 2 threads (as configured); 16 environments of humanoid',
    'compiling ...',
    'report card ',
    f'next: python -m mjx_humanoid.play {tmp_path / "tiny"}',
  ):
    assert part in out


def test_help_lists_every_setting_and_starts_no_jax(run_python):
  code = (
    'import sys\nfrom mjx_humanoid.train import main\n'
    'try:\n  main(["--help"])\nexcept SystemExit as end:\n  print("status", end.code)\nprint("jax" in sys.modules)'
  )
  result = run_python('-c', code)
  assert result.returncode == 0, result.stderr
  assert result.stdout.strip().endswith('status 0\nFalse')
  assert '--resume' in result.stdout
  assert '--config.ppo.learning_rate=' in result.stdout
