"""The page of nets in a notebook: in a frame below the cell."""

import html
from collections.abc import Iterable
from dataclasses import dataclass, field

from analysis.runs import load_run
from experiments.net_page.of_runs import page_of_runs

HEIGHT = 720
"""The height of the frame, in pixels; the page scrolls in it."""


@dataclass(frozen=True)
class Frame:
    """A page that a notebook shows, in a frame, when it is the last value of a cell.

    Attributes:
        runs: the names of its runs.
        page: its HTML.
    """

    runs: tuple[str, ...]
    page: str = field(repr=False)

    def _repr_html_(self) -> str:
        """Return the frame, in HTML; IPython asks for it. The page's scripts run, and reach nothing outside it."""
        title = html.escape(f"Play with {', '.join(self.runs)}")
        page = self.page.replace("&", "&amp;").replace('"', "&quot;")
        style = f"box-sizing: border-box; width: 100%; height: {HEIGHT}px; border: 1px solid #8888"
        return f'<iframe sandbox="allow-scripts" title="{title}" style="{style}" srcdoc="{page}"></iframe>'


def play(run_ids: str | Iterable[str]) -> Frame:
    """Return the page in which the nets of recorded runs of one pattern can be played with; of several it has a slider.

    Arguments:
        run_ids: the id or the name of a run, or several, such as the column `run_id` of a table of runs.

    Raises:
        RunError: a run is not there, or cannot be read.
        UsageError: a run recorded no net, or the runs have different patterns.
    """
    runs = [load_run(run_id) for run_id in ([run_ids] if isinstance(run_ids, str) else run_ids)]
    return Frame(tuple(run.name for run in runs), page_of_runs(runs))
