"""One thread that calls one pipeline, with the host's queues and their limits."""

import queue
import threading

from scope.server.media_packets import MediaTimestamp, VideoPacket

TICK = 0.01


class PipelineProcessor:
    def __init__(self, pipeline, pipeline_id, initial_parameters=None):
        self.pipeline = pipeline
        self.parameters = dict(initial_parameters or {})
        self.parameters_queue = queue.Queue(maxsize=8)
        self.input_queues = {}
        self.output_queues = {}
        self._sees = self.parameters.get("input_mode") == "video"
        self._begun = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._end.set()
        self._thread.join(5)

    def update_parameters(self, parameters):
        """The newest is lost when eight wait."""
        try:
            self.parameters_queue.put_nowait(parameters)
        except queue.Full:
            return False

    def _run(self):
        while not self._end.is_set():
            try:
                self.process_chunk()
            except Exception:
                self.errors = getattr(self, "errors", 0) + 1

    def process_chunk(self):
        if not self.parameters_queue.empty():
            self.parameters |= self.parameters_queue.get_nowait()
            self._sees = self.parameters.get("input_mode") == "video"
        reset = self.parameters.pop("reset_cache", False)
        told = dict(self.parameters) | ({"video": True} if self._sees else {})
        wanted = self.pipeline.prepare(**told)
        call = dict(self.parameters)
        if wanted is not None:
            waiting = self.input_queues["video"]
            if waiting.qsize() < wanted.input_size:
                self._end.wait(TICK)
                return
            packets = self._sample(waiting, wanted.input_size)
            call["video"] = [packet.tensor for packet in packets]
            call["video_timestamps"] = [packet.timestamp for packet in packets]
        call["init_cache"] = bool(reset) or not self._begun
        answer = self.pipeline(**call)
        self._begun = True
        if not answer:
            self._end.wait(TICK)
            return
        pictures = answer.get("video")
        if pictures is None:
            return
        stamps = answer.get("video_timestamps") or [MediaTimestamp()] * len(pictures)
        for picture, stamp in zip(pictures, stamps, strict=True):
            for out in self.output_queues["video"]:
                if not out.full():
                    out.put_nowait(VideoPacket(picture[None], stamp))

    def _sample(self, waiting, count):
        """Evenly over what waits; all that is older than the last one taken is dropped."""
        step = waiting.qsize() / count
        picked = {round(i * step) for i in range(count)}
        taken = [waiting.get_nowait() for _ in range(max(picked) + 1)]
        return [packet for i, packet in enumerate(taken) if i in picked]
