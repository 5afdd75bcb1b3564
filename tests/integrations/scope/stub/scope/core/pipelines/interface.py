"""What a pipeline is to the host."""

from pydantic import BaseModel


class Requirements(BaseModel):
    input_size: int


class Pipeline:
    def __init__(self, node_id="", config=None):
        self.node_id = node_id
        self.config = config or {}

    @classmethod
    def get_config_class(cls):
        return None

    def shutdown(self):
        pass

    def prepare(self, **kwargs):
        return None
