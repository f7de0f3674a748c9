"""What the README shows must work as it stands there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from mjx_humanoid.tasks.context.guide import DRAWS

from mjx_humanoid.__main__ import commands
from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config import schema
from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import build_model
from mjx_humanoid.physics.states import view_states
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.task import check_reward, make_task

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / 'README.md').read_text()
MENTIONED = sorted(set(re.findall(r'`(config\.[a-z_.]+)`', README)) - {'config.json'})


def example():
  """The code of the example of a reward, and the name that the README gives its file."""
  found = re.search(r'<!-- example: (\S+) -->\n```python\n(.*?)```', README, re.DOTALL)
  return found.group(1), found.group(2)


def command_lines():
  """Every train command of the README, continued lines joined."""
  text = README.replace('\\\n', ' ')
  lines = re.findall(r'python -m mjx_humanoid\.train ([^\n`]*)', text)
  return [shlex.split(line.split('#')[0]) for line in lines]


def test_the_reward_example_is_short_and_trains_as_it_stands(tmp_path, monkeypatch):
  """Fewer than 15 lines, finite on start states, and each of its terms is logged."""
  name, code = example()
  assert len(code.strip().splitlines()) < 15
  monkeypatch.chdir(tmp_path)
  Path(name).write_text(code)
  reference = next(a for line in command_lines() for a in line if name in a).partition('=')[2]
  robot = robots()['humanoid']
  model = build_model(robot)
  task = make_task(schema.TaskConfig(reward=reference), describe(robot, model))
  views = view_states(model, model.qpos0[None].repeat(4, axis=0), model.qpos0[None, :27].repeat(4, axis=0) * 0)
  check_reward(task, views, reference)
  contexts = task.guide.start(views.qpos, task.body.nu, np.zeros((4, DRAWS), np.float32))
  view, context = (type(batch)(*(x[0] for x in batch)) for batch in (views, contexts))
  total, terms = task.reward(view, task.body, context)
  # Standing straight at rest, by hand: full height 0.6, lean 0.4 exp(-(0.1 / 0.2)^2), no effort.
  assert float(terms['height']) == pytest.approx(0.6, abs=1e-6)
  assert float(terms['lean']) == pytest.approx(0.4 * 0.7788008, abs=1e-6)
  assert float(total) == pytest.approx(0.6 + 0.4 * 0.7788008, abs=1e-6)


@pytest.mark.parametrize('name', MENTIONED)
def test_settings_that_the_readme_names_exist(name):
  known = schema.settings()
  assert name in known or any(other.startswith(f'{name}.') for other in known)


@pytest.mark.parametrize('arguments', command_lines(), ids=lambda a: ' '.join(a)[:40])
def test_train_commands_of_the_readme_are_understood(arguments, monkeypatch):
  monkeypatch.chdir(ROOT)
  overrides = config_file.split_overrides([a for a in arguments if a.startswith('--config.')])
  for argument in arguments:
    if argument.startswith('--config='):
      config = config_file.load_config(argument.partition('=')[2])
      schema.resolve(config_file.apply_overrides(config, overrides))
      return
  assert arguments[0].startswith('--resume=') or arguments == ['--help']


def test_commands_of_the_readme_exist():
  named = set(re.findall(r'python -m mjx_humanoid\.([a-z]+)', README))
  assert named and named <= set(commands())


def test_scripts_of_the_readme_exist_and_know_what_they_are_given():
  named = {tuple(shlex.split(line)) for line in re.findall(r'python ((?:benchmarks|examples)/[^`\n]*)', README)}
  assert len(named) > 5
  for script, *arguments in named:
    code = (ROOT / script).read_text()
    for flag in (a.partition('=')[0] for a in arguments if a.startswith('--')):
      assert f"'{flag}'" in code, (script, flag)


def test_pictures_and_files_that_the_readme_names_exist():
  for path in re.findall(r'\]\(((?:assets|configs|benchmarks|notebooks)/[^)]+)\)', README):
    assert (ROOT / path).exists(), path
