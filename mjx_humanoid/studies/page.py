"""A report as HTML in one file, with its pictures inside, and as Markdown with the pictures beside it."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mjx_humanoid.core.files import write_files

STYLE = (
  'body{font:16px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#222}'
  'table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;'
  'text-align:right}td:first-child,th:first-child{text-align:left}img,video{max-width:100%}'
)


@dataclass
class Page:
  """Parts of a report, in order."""

  title: str
  _html: list[str] = field(default_factory=list)
  _markdown: list[str] = field(default_factory=list)
  _pictures: dict[str, bytes] = field(default_factory=dict)

  def heading(self, text: str) -> None:
    """A heading of a section."""
    self._html.append(f'<h2>{html.escape(text)}</h2>')
    self._markdown.append(f'## {text}')

  def text(self, text: str) -> None:
    """A paragraph."""
    self._html.append(f'<p>{html.escape(text)}</p>')
    self._markdown.append(text)

  def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose cells are text."""
    lines = [f'<tr>{"".join(f"<th>{html.escape(cell)}</th>" for cell in head)}</tr>']
    lines += [f'<tr>{"".join(f"<td>{html.escape(cell)}</td>" for cell in row)}</tr>' for row in rows]
    self._html.append(f'<table>{"".join(lines)}</table>')
    cells = [[cell.replace('|', '\\|') for cell in row] for row in (head, ['---'] * len(head), *rows)]
    self._markdown.append('\n'.join(f'| {" | ".join(row)} |' for row in cells))

  def picture(self, name: str, content: bytes, caption: str) -> None:
    """A picture, PNG; `name` is that of its file beside the Markdown."""
    data = base64.b64encode(content).decode()
    self._html.append(f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">')
    self._markdown.append(f'![{caption}]({name}.png)')
    self._pictures[f'{name}.png'] = content

  def video(self, name: str, content: bytes, caption: str) -> None:
    """A video, MP4; it is also a file beside the Markdown."""
    data = base64.b64encode(content).decode()
    self._html.append(f'<video controls loop src="data:video/mp4;base64,{data}"></video><p>{html.escape(caption)}</p>')
    self._markdown.append(f'[{caption}]({name}.mp4)')
    self._pictures[f'{name}.mp4'] = content

  def write(self, folder: Path) -> Path:
    """Writes report.html, report.md and the pictures; returns the path of the first. Raises UserError."""
    title = html.escape(self.title)
    page = (
      f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
      f'<h1>{title}</h1>{"".join(self._html)}</html>\n'
    )
    markdown = '\n\n'.join([f'# {self.title}', *self._markdown]) + '\n'
    files = {'report.html': page.encode(), 'report.md': markdown.encode(), **self._pictures}
    write_files({folder / name: content for name, content in files.items()}, 'the report')
    return folder / 'report.html'
