"""The design documents: Monitor, whose views are those that PiCaS users know, and Pilot with what
they do not have."""

from typing import Any, Dict

from .couch import Conflict, Database

_VIEW = "function(doc) { if(doc.type == \"token\" && %s) { emit(doc._id, doc._id); } }"
_CONDITIONS = {
    "todo": "doc.lock == 0 && doc.done == 0",
    "locked": "doc.lock > 0 && doc.done == 0",
    "done": "doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) == 0",
    "error": "doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) != 0",
}
_OVERVIEW = "function(doc) { if(doc.type == \"token\") { %s } }" % " ".join(
    "if(%s) { emit(\"%s\", 1); }" % (condition, name) for name, condition in _CONDITIONS.items())


def monitor_document() -> Dict[str, Any]:
    """_design/Monitor"""
    views: Dict[str, Any] = {
        name: {"map": _VIEW % condition} for name, condition in _CONDITIONS.items()
    }
    views["overview_total"] = {
        "map": _OVERVIEW,
        "reduce": "function(keys, values) { return sum(values); }",
    }
    return {"_id": "_design/Monitor", "language": "javascript", "views": views}


def pilot_document() -> Dict[str, Any]:
    """_design/Pilot"""
    return {
        "_id": "_design/Pilot",
        "language": "javascript",
        "views": {"held": {"map": _VIEW % "doc.lock < 0"}},
    }


def ensure_documents(database: Database) -> None:
    """Make the database and these documents where they are missing."""
    if database.ask("GET", "", missing=True) is None:
        try:
            database.ask("PUT", "")
        except Conflict:
            pass
    for document in (monitor_document(), pilot_document()):
        name = document["_id"].split("/")[1]
        if database.ask("GET", "/_design/" + name, missing=True) is None:
            try:
                database.ask("PUT", "/_design/" + name, document)
            except Conflict:
                pass
