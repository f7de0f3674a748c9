"""README and docs as their tests read them: examples, commands, links and names."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in FILES}
ALL = '\n'.join(PAGES.values())
PACKAGE = 'python -m mjx_humanoid'
PROGRAMS = ('python ', 'pip ', 'tensorboard ', 'apt-get ', 'pytest ', 'mjx-humanoid')


class Code(NamedTuple):
  """A block of code between markers."""

  page: str
  name: str  # of the file that an example is, or of what a run shows
  text: str


def blocks(marker: str) -> list[Code]:
  """Python, or MJCF, between <!-- marker: name --> and <!-- end -->."""
  pattern = rf'<!-- {marker}: (\S+) -->\n```(?:python|xml)\n(.*?)```\n<!-- end -->'
  return [Code(page, *found) for page, text in PAGES.items() for found in re.findall(pattern, text, re.DOTALL)]


def command_lines() -> list[str]:
  """Every command that a page shows, on lines of their own or within a sentence, without repetition."""
  found: list[str] = []
  for text in PAGES.values():
    prose = re.sub(r'```.*?```', '', text, flags=re.DOTALL).replace('\\\n', ' ')
    lines = [line[4:] for line in prose.split('\n') if line.startswith('    ')]
    found += [part for line in lines for part in re.split(r'\s&&\s', re.sub(r'\s+#.*', '', line))]
    found += re.findall(r'`([^`\n]+)`', prose)
  commands = [' '.join(line.split()) for line in found if line.startswith(PROGRAMS)]
  return list(dict.fromkeys(command for command in commands if '<' not in command))


def package_commands() -> list[list[str]]:
  """The commands of this package as (command, arguments ...); the listing is ''."""
  lines = [line.removeprefix(PACKAGE) for line in command_lines() if line.startswith(PACKAGE)]
  return [['', *shlex.split(line)] if line[:1] in ('', ' ') else shlex.split(line[1:]) for line in lines]


def scripts() -> list[list[str]]:
  """Scripts of the repository with their arguments."""
  return [shlex.split(line)[1:] for line in command_lines() if re.match(r'python (benchmarks|examples)/', line)]


def words() -> set[str]:
  """Single words in backticks, such as `joint_positions`."""
  prose = re.sub(r'```.*?```', '', ALL, flags=re.DOTALL)
  return set(re.findall(r'`([A-Za-z_][A-Za-z_0-9]*)`', prose))


def dotted() -> set[str]:
  """Settings in backticks, such as `task.reward`, `config.ppo.gamma` or --config.seed=3, by their full names."""
  short = re.findall(r'`((?:task|ppo|a2c|sac|network)\.[a-z_.]+)`', ALL)
  full = re.findall(r'(?<![\w.])(config\.[a-z_0-9]+(?:\.[a-z_0-9]+)*)', ALL)
  return {f'config.{name}' for name in short} | {name for name in full if name not in ('config.json', 'config.py')}


def table(page: str, start: str, *, header: bool = False) -> dict[str, list[str]]:
  """The other cells of each row of a table, by each name in backticks in its first cell.

  Args:
    start: the line before the table's section, or with `header` how its first line ends.
  """
  section = PAGES[page].partition(f'{start}\n')[2]
  assert section, f'{page} lacks {start!r}'
  lines = re.search(r'(?:^\|.*\n?)+', section, re.MULTILINE).group().splitlines()[1 if header else 2 :]
  rows = [[cell.strip() for cell in line.removeprefix('|').removesuffix('|').split('|')] for line in lines]
  return {name: cells[1:] for cells in rows for name in re.findall(r'`([^`]+)`', cells[0])}


def sources() -> list[ast.Module]:
  """The package, its configs, examples and benchmarks; without the names of older formats."""
  folders = ('mjx_humanoid', 'configs', 'examples', 'benchmarks')
  files = [path for folder in folders for path in sorted((ROOT / folder).rglob('*.py')) if path.stem != 'migration']
  return [ast.parse(path.read_text()) for path in files]


def names_in_sources() -> set[str]:
  """Every identifier and every word of a string in the sources."""
  found: set[str] = set()
  for tree in sources():
    for node in ast.walk(tree):
      found |= {getattr(node, field, None) or '' for field in ('id', 'attr', 'arg', 'name')} - {''}
      if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found |= set(re.findall(r'[A-Za-z_][A-Za-z_0-9]*', node.value))
  return found


def messages() -> list[str]:
  """Every string of the package, parts that are filled in as '...'."""
  texts = []
  for tree in sources():
    for node in ast.walk(tree):
      if isinstance(node, ast.JoinedStr):
        texts.append(''.join(v.value if isinstance(v, ast.Constant) else '...' for v in node.values))
      elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        texts.append(node.value)
  return texts


def anchor(heading: str) -> str:
  """The anchor that GitHub gives a heading."""
  return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
