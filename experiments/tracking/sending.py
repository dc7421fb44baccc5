"""Sends the metrics of a run to MLflow, in batches and each one once."""

import sys
import time
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag

from analysis.runs.address import store_name
from experiments.tracking.away import impatient
from experiments.tracking.causes import cause_of

FLUSH_SECONDS = 5.0
"""How often, at most, the newest epochs of a running training are sent to MLflow, at the end of an epoch."""

METRICS_A_CALL = 900
"""The most metrics of a call: MLflow takes 1000 metrics, params and tags together."""


class MetricSender:
    """The metrics of a run that have not been sent yet.

    Arguments:
        run_id: MLflow's id of the run.

    Attributes:
        earlier: the metrics that MLflow had when the run was opened, by name and step; none for a new run.
    """

    def __init__(self, run_id: str) -> None:
        self.earlier: dict[tuple[str, int], Metric] = {}
        self._run_id, self._client = run_id, MlflowClient()
        self._unsent: list[Metric] = []
        self._flushed = time.monotonic()
        self._away = False

    def queue(self, metrics: Mapping[str, float], step: int, model_id: str | None = None) -> None:
        """Put metrics among those to be sent, unless MLflow has them: with another time, it would have them twice.

        Arguments:
            metrics: the metrics, by name.
            step: the step of all of them, from 0.
            model_id: MLflow's id of the model that they belong to; None for none.
        """
        now = int(time.time() * 1000)
        for name, value in metrics.items():
            earlier = self.earlier.get((name, step))
            same = earlier is not None and earlier.value == value
            if model_id or not same:  # sent with its old time, it is only linked to the model
                time_stamp = earlier.timestamp if earlier is not None and same else now
                self._unsent.append(Metric(name, value, time_stamp, step, model_id=model_id))

    def flush(self, tags: Mapping[str, str] | None = None) -> None:
        """Send the metrics that have not been sent yet, and the tags with the last of them."""
        unsent_tags = [RunTag(name, value) for name, value in (tags or {}).items()]
        while self._unsent or unsent_tags:
            last = len(self._unsent) <= METRICS_A_CALL
            self._client.log_batch(self._run_id, self._unsent[:METRICS_A_CALL], tags=unsent_tags if last else [])
            unsent_tags = [] if last else unsent_tags
            del self._unsent[:METRICS_A_CALL]  # after the call, so that what has not arrived is sent again

    def flush_if_due(self) -> None:
        """Send what has not been sent if FLUSH_SECONDS have passed.

        An error is not raised. It is printed once, and when sending succeeds again, that is printed, too.
        """
        if time.monotonic() - self._flushed <= FLUSH_SECONDS:
            return
        self._flushed = time.monotonic()
        reason = ""
        try:
            with impatient():
                self.flush()
        except Exception as error:
            reason = cause_of(error).words
        if bool(reason) != self._away:
            self._away = bool(reason)
            since = time.strftime("%H:%M:%S")
            news = f"cannot be written since {since} ({reason}); the training goes on, what it logs is sent later"
            print(f"{store_name()} {news if reason else 'can be written again'}", file=sys.stderr, flush=True)
