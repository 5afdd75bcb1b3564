"""Ports of a node."""

from typing import Any

from pydantic import BaseModel


class NodePort(BaseModel):
    name: str
    port_type: str
    required: bool = True
    description: str | None = None
    default_value: Any = None
