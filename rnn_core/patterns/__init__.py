"""Pattern families, one file each: every module in this folder is imported. What they share is in `shared`."""

import importlib
import pkgutil

from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Evaluation
from rnn_core.patterns.shared.specs import parse

for _module in pkgutil.iter_modules(__path__):
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Evaluation", "Pattern", "parse"]
