"""What the tests do with a host, whichever it is."""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from importlib.metadata import entry_points

import torch

TIMEOUT = 60.0
"""seconds until a test that waits for a picture gives up"""


def discover():
    """What the plugins of the entry point group ``scope`` register."""
    import pluggy
    from scope.core.plugins.hookspecs import Hooks

    manager = pluggy.PluginManager("scope")
    manager.add_hookspecs(Hooks)
    manager.load_setuptools_entrypoints("scope")
    found = {}
    manager.hook.register_pipelines(
        register=lambda one: found.update({one.get_config_class().pipeline_id: one})
    )
    return found


def points():
    """Entry points of the group ``scope`` that this package brings."""
    return [point for point in entry_points(group="scope") if point.dist.name == "phosphene"]


def picture(value=0, height=48, width=64):
    """A plain input picture, (1, h, w, 3) uint8."""
    return torch.full((1, height, width, 3), value, dtype=torch.uint8)


def stamp(pts):
    """A time stamp of the host."""
    from scope.server.media_packets import MediaTimestamp

    return MediaTimestamp(pts=pts, time_base=Fraction(1, 30))


def see(node, value=0, pts=0, **parameters):
    """One call with an input picture."""
    return node(
        video=[picture(value)], video_timestamps=[stamp(pts)], input_mode="video", **parameters
    )


def until(node, wanted, tries=600, **parameters):
    """Call ``node`` as the host does when a picture is ready, until an answer is ``wanted``."""
    for _ in range(tries):
        answer = node(input_mode="video", **parameters)
        if answer["video"] is not None and wanted(answer):
            return answer
        threading.Event().wait(0.01)
    raise AssertionError("the picture that was waited for never came")


class Stream:
    """A pipeline on the host's thread: pictures in, pictures out."""

    def __init__(self, node, parameters):
        from scope.server.pipeline_processor import PipelineProcessor

        name = node.get_config_class().pipeline_id
        self.processor = PipelineProcessor(node, name, initial_parameters=parameters)
        self.inlet = queue.Queue(maxsize=30)
        self.outlet = queue.Queue(maxsize=30)
        self.processor.input_queues["video"] = self.inlet
        self.processor.output_queues["video"] = [self.outlet]
        self.processor.start()

    def feed(self, tensor, pts):
        """One source picture; like the host's, the newest is lost when 30 wait."""
        from scope.server.media_packets import VideoPacket

        if not self.inlet.full():
            self.inlet.put_nowait(VideoPacket(tensor, stamp(pts)))

    def take(self):
        """The next finished picture."""
        return self.outlet.get(timeout=TIMEOUT)

    def stop(self):
        """End the host's thread."""
        self.processor.stop()
