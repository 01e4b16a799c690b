"""Paths with the fewest straight links inside a tube: the exact funnel argument.

The tube is the region between two polygonal chains over one grid. A link is a straight line inside it. From the left
edge one looks as far as any line reaches; that line, which touches one chain and then leaves through the other, is a
*window*: every path must cross it, and no path crosses it with fewer links. Looking on from the whole window gives the
next one. The number of windows is therefore a proven minimum (Imai and Iri, doi:10.1016/S0734-189X(86)80027-5; Suri,
doi:10.1016/0734-189X(86)90127-1); how far one line reaches is O'Rourke's online stabbing (doi:10.1145/358746.358758).
"""

from dataclasses import dataclass

import numpy as np

from fitting.curves import Floats


@dataclass(frozen=True)
class Line:
    """The line through (x, y) with a slope, which may be ±inf."""

    x: float
    y: float
    slope: float

    def at(self, x: float) -> float:
        """Value at `x`; ±inf beside a vertical line."""
        return self.y if x == self.x else self.y + self.slope * (x - self.x)


@dataclass(frozen=True)
class Window:
    """The line that bounds what one link reaches, from its last touch at `start` to its exit at `end`."""

    line: Line
    start: float
    end: float


class _Sight:
    """All lines from a source through the tube so far, kept by the steepest and the shallowest of them.

    Parameters
    ----------
    x, low, high
        Grid, lower and upper chain, shape (n,).
    first_low, first_high
        First grid index whose lower and upper bound constrain the lines.
    exit_low, exit_high
        A point of the lower or the upper chain between grid points that constrains them too, or None.
    """

    def __init__(
        self,
        chains: tuple[Floats, Floats, Floats],
        first_low: int,
        first_high: int,
        steep: Line,
        shallow: Line,
        extra: tuple[float, float] | None = None,
        extra_is_low: bool = True,
    ) -> None:
        self.x, self.low, self.high = chains
        self.first_low, self.first_high = first_low, first_high
        self.steep, self.shallow = steep, shallow
        self.extra, self.extra_is_low = extra, extra_is_low
        self.steep_touch = self.shallow_touch = -1

    def take(self, i: int) -> None:
        """Keep only the lines that pass the grid point `i` inside the tube; there must be one."""
        x, low, high = float(self.x[i]), float(self.low[i]), float(self.high[i])
        lower_steep = self.steep_touch < 0 or high < self.steep.at(x)
        raise_shallow = self.shallow_touch < 0 or low > self.shallow.at(x)
        if lower_steep:
            self.steep = self._tangent(i, x, high, from_low=True)
            self.steep_touch = i
        if raise_shallow:
            self.shallow = self._tangent(i, x, low, from_low=False)
            self.shallow_touch = i

    def _tangent(self, i: int, x: float, y: float, from_low: bool) -> Line:
        """Steepest (shallowest) line to (x, y) that stays above the lower (below the upper) bounds before it."""
        first, chain = (self.first_low, self.low) if from_low else (self.first_high, self.high)
        best = None
        if first < i:
            slopes = (y - chain[first:i]) / (x - self.x[first:i])
            index = int(slopes.argmin() if from_low else slopes.argmax())
            best = Line(float(self.x[first + index]), float(chain[first + index]), float(slopes[index]))
        if self.extra is not None and self.extra_is_low == from_low and self.extra[0] < x:
            slope = (y - self.extra[1]) / (x - self.extra[0])
            if best is None or (slope < best.slope if from_low else slope > best.slope):
                best = Line(*self.extra, slope)
        if best is None:
            raise RuntimeError("a tube has no bound from which a line can start")
        return best

    def beyond(self, i: int, through_low: bool) -> tuple[Window, "_Sight"]:
        """Window whose line leaves the tube through the lower (upper) chain before grid point `i`, and what it sees."""
        line, touch = (self.steep, self.steep_touch) if through_low else (self.shallow, self.shallow_touch)
        chain = self.low if through_low else self.high
        left, right = float(self.x[i - 1]), float(self.x[i])
        before, after = line.at(left) - float(chain[i - 1]), line.at(right) - float(chain[i])
        share = min(max(before / (before - after), 0.0), 1.0)
        point = (left + share * (right - left), float(chain[i - 1] + share * (chain[i] - chain[i - 1])))
        vertical = Line(*point, np.inf if through_low else -np.inf)
        on_window = Line(*point, line.slope)
        sight = _Sight(
            (self.x, self.low, self.high),
            first_low=i if through_low else touch,
            first_high=touch if through_low else i,
            steep=vertical if through_low else on_window,
            shallow=on_window if through_low else vertical,
            extra=point,
            extra_is_low=through_low,
        )
        return Window(line, float(self.x[touch]), point[0]), sight


def fewest_links(x: Floats, low: Floats, high: Floats, most: int | None = None) -> tuple[list[Window], Line] | None:
    """Windows and a last line of a path with the fewest links; the number of links is ``len(windows) + 1``.

    Parameters
    ----------
    x, low, high
        Grid (strictly ascending), lower and upper chain with low < high, shape (n,), n ≥ 2.
    most
        Give up and return None as soon as more links are needed.
    """
    start = float(x[0])
    sight = _Sight((x, low, high), 0, 0, Line(start, float(low[0]), np.inf), Line(start, float(high[0]), -np.inf))
    windows: list[Window] = []
    for i in range(1, len(x)):
        place = float(x[i])
        through_low = float(low[i]) > sight.steep.at(place)
        if through_low or float(high[i]) < sight.shallow.at(place):
            window, sight = sight.beyond(i, through_low)
            windows.append(window)
            if most is not None and len(windows) + 1 > most:
                return None
        sight.take(i)
    return windows, _between(sight.steep, sight.shallow, float(x[-1]))


def path_points(x: Floats, windows: list[Window], last: Line) -> tuple[list[float], list[float]]:
    """Breakpoints (x, y) of the path: its ends and where one line crosses the next, inside the earlier window."""
    lines = [*(window.line for window in windows), last]
    xs, ys = [float(x[0])], [lines[0].at(float(x[0]))]
    for window, after in zip(windows, lines[1:], strict=True):
        line = window.line
        difference = after.slope - line.slope
        crossing = (line.at(after.x) - after.y) / difference + after.x if difference else window.end
        crossing = min(max(crossing, window.start), window.end)
        if crossing > xs[-1]:
            xs.append(crossing)
            ys.append(line.at(crossing))
    end = float(x[-1])
    xs.append(end)
    ys.append(last.at(end))
    return xs, ys


def _between(steep: Line, shallow: Line, end: float) -> Line:
    """Line midway between two that cross; the set of lines inside a tube is convex."""
    slope = 0.5 * (steep.slope + shallow.slope)
    return Line(end, 0.5 * (steep.at(end) + shallow.at(end)), slope)
