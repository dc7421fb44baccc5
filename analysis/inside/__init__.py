"""Questions about the inside of a recorded net, each answered in words, tables, pictures and a few numbers.

`analysis.dynamics` has the functions that answer them, over nets and arrays.
"""

from collections.abc import Callable, Mapping

from analysis.inside.automaton import automaton
from analysis.inside.causes import causes
from analysis.inside.counting import counting
from analysis.inside.cycle import cycle
from analysis.inside.exponents import exponents
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.fixed_points import fixed_points
from analysis.inside.readouts import readouts
from analysis.inside.subject import Subject, make_subject, subject_of_run
from analysis.inside.tables import automaton_table, count_table, interchange_table, limit_point_table, readout_table

QUESTIONS: Mapping[str, Callable[[Subject], Finding]] = {
    question.__name__: question for question in (fixed_points, cycle, exponents, automaton, readouts, counting, causes)
}
"""By name, the functions that answer a question; each raises DoesNotApplyError where it has no meaning."""

__all__ = [
    "QUESTIONS",
    "DoesNotApplyError",
    "Finding",
    "Subject",
    "automaton_table",
    "count_table",
    "interchange_table",
    "limit_point_table",
    "make_subject",
    "readout_table",
    "subject_of_run",
]
