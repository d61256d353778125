"""A JSON document of CouchDB, and its fields by type: people edit documents, so any field may have
any type."""

from typing import Dict, List

Document = Dict[str, object]


def id_of(document: Document) -> str:
    """The document's name in the database."""
    return str(document["_id"])


def read_number(value: object) -> float:
    """The number; 0 for anything else."""
    return value if isinstance(value, (int, float)) else 0


def read_object(value: object) -> Document:
    """The JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def read_list(value: object) -> List[object]:
    """The JSON list; an empty one for anything else."""
    return list(value) if isinstance(value, (list, tuple)) else []
