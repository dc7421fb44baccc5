"""Questions about the inside of a recorded net, each answered in words, tables, pictures and a few numbers.

`analysis.dynamics` has the functions that answer them, over nets and arrays.
"""

from collections.abc import Callable, Mapping, Sequence

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
"""By name, the functions that answer a question.

Each raises DoesNotApplyError where it has no meaning for the net or its pattern, any other ValueError where there is no
answer, such as for states that are not finite, and ModuleNotFoundError where a package of NEEDED_PACKAGES is missing.
"""

NEEDED_PACKAGES: Mapping[str, Sequence[str]] = {"automaton": ("aalpy", "networkx")}
"""By question, the packages that it needs besides those that are always installed; the extra `inside` has them."""

__all__ = [
    "NEEDED_PACKAGES",
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
