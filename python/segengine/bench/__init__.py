"""What `segengine bench` does: draw questions, run them at a rate, find the capacity, draw the page.

The load itself is made by the extension (rust/segengine-load): an open loop, in which a request is due at its time
whatever became of the others, and its latency counts from when it was due. Here it is decided what is run, in which
order, and how the figures are shown.
"""

from segengine.bench.figures import Histogram, Run, Summary, summary
from segengine.bench.questions import Question, drawn, users_of
from segengine.bench.runs import Bench, Capacity, Course

__all__ = ["Bench", "Capacity", "Course", "Histogram", "Question", "Run", "Summary", "drawn", "summary", "users_of"]
