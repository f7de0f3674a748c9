"""The Optuna study of a sweep: its storage, and the check that it belongs to this sweep."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.core.errors import UserError

if TYPE_CHECKING:
  from optuna import Study, Trial

FILE = 'study.log'  # Optuna's journal: several processes, also on several machines, may share it
SQLITE_SECONDS = 10.0  # until a locked SQLite file counts as out of reach
STARTUP_TRIALS = 10  # random ones, before TPE has something to go by
UNPRUNED_TRIALS = 6  # before the median means something


def need_optuna() -> None:
  """Raises UserError if Optuna is not installed."""
  try:
    import optuna  # noqa: F401
  except ImportError:
    raise UserError("sweep needs the extra studies: pip install 'mjx_humanoid[studies]'") from None


@contextlib.contextmanager
def reaching(where: str) -> Iterator[None]:
  """Turns errors of a storage in the block into a UserError."""
  import optuna
  import sqlalchemy

  try:
    yield
  except ImportError as error:
    raise UserError(f'the storage {where} needs a package that is not installed: {_reason(error)}.') from error
  except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
    raise UserError(
      f'the storage {where} is locked or out of reach: {_reason(error)}; wait for the other process, or give another'
      ' --storage.'
    ) from error
  except ValueError as error:
    raise UserError(f'the storage {where} is damaged: {_reason(error)}; give another --out or --storage.') from error


def _reason(error: Exception) -> str:
  """The first line of what caused an error."""
  return str(error.__cause__ or error).split('\n')[0].rstrip('.')


def check_url(storage: str) -> None:
  """Raises UserError if this is no URL of a database."""
  import sqlalchemy

  try:
    sqlalchemy.make_url(storage).get_dialect()
  except (sqlalchemy.exc.ArgumentError, ValueError) as error:  # ValueError: a port that is no number
    raise UserError(
      f'--storage={storage} is no URL of a database: {_reason(error)}; write sqlite:///study.db, or'
      ' postgresql://user@host/database.'
    ) from error


def open_study(name: str, storage: str, out: Path) -> Study:
  """The study of this name, made if it does not exist. It maximises, by TPE, and prunes below the median.

  Args:
    storage: a URL of a storage of Optuna, such as sqlite:///study.db; empty for a file in `out`.

  Raises:
    UserError: the storage is no database, or locked or out of reach.
  """
  import optuna
  from optuna.storages import JournalStorage, RDBStorage
  from optuna.storages.journal import JournalFileBackend

  optuna.logging.set_verbosity(optuna.logging.ERROR)
  where = storage or str(out / FILE)
  if storage:
    check_url(storage)
  with reaching(where), warnings.catch_warnings():
    warnings.simplefilter('ignore', optuna.exceptions.ExperimentalWarning)
    if storage:
      locks = {'connect_args': {'timeout': SQLITE_SECONDS}} if storage.startswith('sqlite') else {}
      store: Any = RDBStorage(storage, engine_kwargs=locks)
    else:
      out.mkdir(parents=True, exist_ok=True)
      store = JournalStorage(JournalFileBackend(str(out / FILE)))
    return optuna.create_study(
      storage=store,
      study_name=name,
      direction='maximize',
      load_if_exists=True,
      pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS),
    )


def seed_sampler(trial: Trial, seed: int) -> None:
  """Gives a trial a sampler of its own, whose random numbers follow from the seed and the number of the trial.

  Processes that share a study draw different settings, even if they began together. Which process runs a trial makes
  no difference to its settings, as long as the results of earlier trials are the same.
  """
  from optuna.samplers import TPESampler

  own = int(np.random.SeedSequence([seed, trial.number]).generate_state(1)[0])
  trial.study.sampler = TPESampler(seed=own, n_startup_trials=STARTUP_TRIALS)


def claim(study: Study, about: Mapping[str, Any], where: str) -> None:
  """Writes what a new study is of. Raises UserError if an old one is of something else.

  Args:
    about: JSON types by name: the space, the settings of the config, the metric.
  """
  with reaching(where):
    found = study.user_attrs
    for name, value in about.items():
      text = json.dumps(value, sort_keys=True)
      if name not in found and not study.trials:
        study.set_user_attr(name, text)
      elif found.get(name) != text:
        raise UserError(
          f'the study {study.study_name!r} in {where} was made for another {name}: continue it with that one, or give'
          ' another --out.'
        )
