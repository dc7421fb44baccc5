"""Entry points: the only place that writes to MLflow."""

import gc
import logging
import os

# Importing torch and MLflow and opening a store make a million objects that stay to the end; looking through them
# every 700 new ones takes a tenth of a short run.
gc.set_threshold(1_000_000)

# Read by MLflow when it is imported: no notices and no bars of its own between the lines of a run.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # it would have the server's password

# MLflow logs the whole traceback of each error of a database, beside raising it.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
