"""Pictures of one panel, whose axes are used again once nobody needs the picture any more.

Making axes takes matplotlib longer than drawing in them, and a sweep draws several pictures for each of its runs.
"""

from collections import defaultdict

from matplotlib.axes import Axes
from matplotlib.ticker import ScalarFormatter

from analysis.figures.style import Picture, add_axes, set_locators

Layout = tuple[float, float, float]
"""The height of a picture, the right side and the bottom of its axes, in inches."""

_spare: dict[Layout, list["SinglePanel"]] = defaultdict(list)
"""Empty pictures to draw the next ones in."""


class SinglePanel(Picture):
    """A picture with one panel; see `single_panel`.

    Attributes:
        layout: see Layout.
        panel: its axes.
    """

    def __init__(self, layout: Layout) -> None:
        height, right, bottom = layout
        super().__init__(height)
        self.layout = layout
        self.panel = add_axes(self, (0.8, bottom, right, height - 0.42))

    def last_png(self) -> bytes:
        """Return `png(fast=True)`, and give the picture up: it is emptied, and a later picture is drawn in it."""
        content = self.png(fast=True)
        self._empty()
        _spare[self.layout].append(self)
        return content

    def _empty(self) -> None:
        """Bring the picture and its axes back to how they were made."""
        axes = self.panel
        drawn = [*self.artists, *axes.lines, *axes.collections, *axes.patches, *axes.images, *axes.texts]
        for artist in drawn:
            artist.remove()
        axes.relim()
        axes.set(xlim=(0, 1), ylim=(0, 1), xmargin=0.05, ymargin=0.05)
        axes.autoscale()
        set_locators(axes)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(ScalarFormatter())


def single_panel(height: float = 3.6, right: float = 7.76, bottom: float = 0.52) -> tuple[Picture, Axes]:
    """Return an empty picture and its axes.

    Arguments:
        height: the height of the picture, in inches.
        right: the right side of the axes, in inches; the room beyond is for a legend.
        bottom: the bottom of the axes, in inches; the room below is for ticks and a label.
    """
    layout = (height, right, bottom)
    picture = _spare[layout].pop() if _spare[layout] else SinglePanel(layout)
    return picture, picture.panel
