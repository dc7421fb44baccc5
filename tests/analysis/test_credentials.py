"""Passwords and tokens of addresses are hidden, and nothing else is."""

import pytest

from analysis.credentials import redact_error, redacted

SHOWN = {
    "http://anna:s3cret@host": "http://anna:***@host",
    "HTTPS://anna:s3cret@host:5000/path": "HTTPS://anna:***@host:5000/path",
    "http://anna:s3c@ret@host": "http://anna:***@host",
    "http://anna:s3c#ret/?@host": "http://anna:***@host",
    "http://anna:5432@host": "http://anna:***@host",
    "http://anna:1a/x@host": "http://anna:***@host",
    "http://anna:@host": "http://***@host",
    "https://ghp_s3cret:x-oauth-basic@github.com/a.git": "https://***@github.com/a.git",
    "postgresql://anna:12;ab@host/runs": "postgresql://anna:***@host/runs",
    "http://host:5000, http://other:5001; mail to a@b": "http://host:5000, http://other:5001; mail to a@b",
    "http://anna@example.org:s3cret@host": "http://***@example.org:***@host",
    "http://anna:s3cret@[::1]:5000": "http://anna:***@[::1]:5000",
    "https://ghp_s3cret@host/repository.git": "https://***@host/repository.git",
    "postgresql+psycopg://anna:s3/cret@host:5432/runs": "postgresql+psycopg://anna:***@host:5432/runs",
    "postgresql://host/runs?user=anna&password=s3cret": "postgresql://host/runs?user=anna&password=***",
    "http://host/?a=1&access_token=s3cret&b=2": "http://host/?a=1&access_token=***&b=2",
    "https://host/file?X-Amz-Signature=s3cret#part": "https://host/file?X-Amz-Signature=***#part",
    "E('cannot read http://anna:s3cret@host/?key=s3cret')": "E('cannot read http://anna:***@host/?key=***')",
    "http://a:s3cret@x, then ftp://b:s3cret@y; end": "http://a:***@x, then ftp://b:***@y; end",
}


@pytest.mark.parametrize("text", SHOWN)
def test_a_password_is_hidden(text: str) -> None:
    assert redacted(text) == SHOWN[text]


@pytest.mark.parametrize(
    "text",
    [
        "http://host:5000/#/experiments/0/runs?searchFilter=tags&orderByKey=metrics.%60eval_loss%60&orderByAsc=true",
        "http://host:5000/a@b",
        "http://[::1]:5000/a@b",
        "the store 'http://host:5000', ask anna@example.org",
        "sqlite:////home/anna:old@host/mlflow.db",
        "postgresql+psycopg://anna@host:5432/runs",
        "git@github.com:anna/repository.git",
        "ssh://git@host:22/repository",
        "tcp://host:8786",
        "text:a@b?",
        "recipe cell=gru keep=best",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    assert redacted(text) == text


def test_an_error_hides_passwords_in_all_that_is_printed_of_it() -> None:
    error = RuntimeError("no http://anna:s3cret@host")
    error.__cause__ = ValueError("http://anna:s3cret@host", 3)
    redact_error(error)
    assert error.args == ("no http://anna:***@host",)
    assert error.__cause__.args == ("http://anna:***@host", 3)
