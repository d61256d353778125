"""The design documents: Monitor with the views that PiCaS users know, and Pilot with the
view that the pilot adds."""

from typing import Dict

from .couch import Conflict, Database
from .document import Document, id_of

_VIEW = "function(doc) { if(doc.type == \"token\" && %s) { emit(doc._id, doc._id); } }"
_CONDITIONS = {
    "todo": "doc.lock == 0 && doc.done == 0",
    "locked": "doc.lock > 0 && doc.done == 0",
    "done": "doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) == 0",
    "error": "doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) != 0",
}
_OVERVIEW = "function(doc) { if(doc.type == \"token\") { %s } }" % " ".join(
    "if(%s) { emit(\"%s\", 1); }" % (condition, name) for name, condition in _CONDITIONS.items())


def monitor_document() -> Document:
    """_design/Monitor, with the views of PiCaS."""
    views: Dict[str, Document] = {
        name: {"map": _VIEW % condition} for name, condition in _CONDITIONS.items()
    }
    views["overview_total"] = {
        "map": _OVERVIEW,
        "reduce": "function(keys, values) { return sum(values); }",
    }
    return {"_id": "_design/Monitor", "language": "javascript", "views": views}


def pilot_document() -> Document:
    """_design/Pilot, with the view of the tokens that an operator holds."""
    return {
        "_id": "_design/Pilot",
        "language": "javascript",
        "views": {"held": {"map": _VIEW % "doc.lock < 0"}},
    }


def ensure_documents(database: Database) -> None:
    """Create the database and these documents if they are missing."""
    if database.send_request("GET", "", missing=True) is None:
        try:
            database.send_request("PUT", "")
        except Conflict:
            pass
    for document in (monitor_document(), pilot_document()):
        name = id_of(document).split("/")[1]
        if database.send_request("GET", "/_design/" + name, missing=True) is None:
            try:
                database.send_request("PUT", "/_design/" + name, document)
            except Conflict:
                pass
