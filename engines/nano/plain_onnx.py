"""What an exported graph must not carry: where on whose machine it was traced."""

from __future__ import annotations

from typing import Any


def without_traces(model: Any) -> Any:
    """The ONNX model (`onnx.ModelProto`, changed in place) without the exporter's stack traces and notes on graph,
    nodes and values. The model's own properties stay."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        del graph.metadata_props[:]
        for part in (*graph.node, *graph.value_info, *getattr(graph, "input", ()), *getattr(graph, "output", ())):
            if hasattr(part, "metadata_props"):
                del part.metadata_props[:]
            if hasattr(part, "doc_string"):
                part.doc_string = ""
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    return model
