"""The data of an earlier run, made again from its record, after a check that they are the same."""

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.patterns import Pattern
from rnn_core.record import Record


class ChangedDataError(ConfigError):
    """The pattern of a record draws other data today than when the record was made.

    Arguments:
        record: the record.
        now: what its pattern is today; with its own data if these can be compared.
    """

    def __init__(self, record: Record, now: Prepared) -> None:
        recorded, spec = record.config.pattern, now.config.pattern
        meaning = "" if spec == recorded else f"; today this is a short form of {spec}"
        super().__init__(
            "pattern",
            recorded,
            f"one that draws what it drew for the record, but the data of {recorded} have changed: their sha256 is "
            f"{now.data.sha256}, the record's is {record.data_sha256}{meaning}; bring back the old file or commit, or "
            f"train anew on {spec}",
        )


def prepare_again(record: Record, config: TrainConfig | None = None, pattern: Pattern | None = None) -> Prepared:
    """Prepare the config of a record, or one that was made from it, after checking that the pattern means the same.

    Whoever needs the data of an earlier run gets them here, so that nobody takes other data for those of the run.

    Arguments:
        record: the record of an earlier run.
        config: the record's config with other values in some fields; None for the record's config. If its pattern has
            been replaced, there is nothing to check.
        pattern: the Pattern of the config, as in `prepare`.

    Raises:
        ChangedDataError: the pattern draws other data today. Where the config asks for another training text than the
            record's, the record's data are drawn for comparison only if its spec is no longer canonical.
        ConfigError: as `prepare` raises it.
    """
    prepared = prepare(config or record.config, pattern)
    if config is not None and config.pattern != record.config.pattern:
        return prepared
    comparable = prepared
    if _asked_of_first_text(prepared.config) != _asked_of_first_text(record.config):
        if prepared.config.pattern == record.config.pattern:
            return prepared
        comparable = prepare(record.config, prepared.pattern)
    if comparable.data.sha256 != record.data_sha256:
        raise ChangedDataError(record, comparable)
    return prepared


def _asked_of_first_text(config: TrainConfig) -> tuple[int, int, int, bool]:
    """Return what decides, beside the pattern, what a net reads in its first epoch."""
    strings_of_one_length = config.batch_size if config.batches == "one-length" else 1
    return config.length, config.data_seed, strings_of_one_length, config.curriculum > 0
