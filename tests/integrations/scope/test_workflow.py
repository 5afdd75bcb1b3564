"""The workflow file in examples/ fits the plugin, and Scope where it is there."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

FILE = Path(__file__).parents[3] / "examples" / "phosphene.scope-workflow.json"


def test_workflow_names_what_exists(listed):
    workflow = json.loads(FILE.read_text())
    (used,) = workflow["pipelines"]
    fields = listed[used["pipeline_id"]].get_config_class().model_fields
    assert used["params"].keys() - {"input_mode"} <= fields.keys()
    graph = workflow["graph"]
    ids = {node["id"] for node in graph["nodes"]}
    assert {edge[end] for edge in graph["edges"] for end in ("from", "to_node")} == ids
    assert used["pipeline_id"] in {node.get("pipeline_id") for node in graph["nodes"]}


def test_workflow_resolves(listed, tmp_path):
    if find_spec("scope.core.workflows") is None:
        # the stand-in has none of it
        return
    from scope.core.plugins.manager import get_plugin_manager
    from scope.core.workflows.resolve import WorkflowRequest, resolve_workflow
    from scope.server.graph_schema import GraphConfig

    workflow = json.loads(FILE.read_text())
    assert GraphConfig.model_validate(workflow["graph"]).validate_structure() == []
    request = WorkflowRequest.model_validate(workflow)
    plan = resolve_workflow(request, get_plugin_manager(), tmp_path)
    assert plan.can_apply
    assert {item.status for item in plan.items} == {"ok"}
