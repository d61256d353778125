"""Run by the Python that has the real picas client: push, views, read, work. Prints JSON."""

import json
import sys

from picas.actors import RunActor
from picas.clients import CouchDB
from picas.documents import Task
from picas.iterators import TaskViewIterator

VERB, URL, NAME = sys.argv[1:4]


def database(create=False):
    return CouchDB(url=URL, db=NAME, username=None, create=create)


def push(count):
    db = database(create=True)
    tokens = [
        {
            "_id": "token_%03d" % n,
            "type": "token",
            "lock": 0,
            "done": 0,
            "hostname": "",
            "exit_code": "",
            "scrub_count": 2 * (n == 7),
            "input": "echo result of %d; test %d -ne 7" % (n, n),
        }
        for n in range(int(count))
    ]
    db.save_documents([Task(token) for token in tokens])
    return len(tokens)


def views():
    """As PiCaS' examples/create_views.py makes them."""
    db, name = (
        database(),
        "function(doc) { if(doc.type == \"token\") { if(%s) emit(doc._id, doc._id); } }",
    )
    for view, condition in (
        ("todo", "doc.lock == 0 && doc.done == 0"),
        ("locked", "doc.lock > 0 && doc.done == 0"),
        ("done", "doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) == 0"),
        ("error", "doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) != 0"),
    ):
        db.add_view(view, name % condition, reduce_fun=None, design_doc="Monitor")
    overview = (
        "function(doc) { if(doc.type == \"token\") { if (doc.lock == 0 && doc.done == 0) emit('todo', 1); if (doc.lock > 0 && doc.done == 0) emit('locked', 1);"
        "if (doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) == 0) emit('done', 1); if (doc.lock > 0 && doc.done > 0 && parseInt(doc.exit_code) != 0) emit('error', 1); } }"
    )
    db.add_view(
        "overview_total",
        overview,
        reduce_fun="function (key, values, rereduce) { return sum(values); }",
        design_doc="Monitor",
    )
    return "made"


def read():
    db = database()
    found = {
        view: sorted(row.key for row in db.view(view, design_doc="Monitor"))
        for view in ("todo", "locked", "done", "error")
    }
    attached = {}
    for name in found["done"][:3] + found["error"][:1]:
        task = db.get(name)
        attached[name] = task.get_attachment("logs_%s.out" % name, retrieve_from_database=db)[
            "data"
        ].decode()
    example = dict(db.get(found["done"][0]).value) if found["done"] else {}
    example.pop("_attachments", None)
    return {"views": found, "attached": attached, "example": example}


class Worker(RunActor):
    """The old client at work on the same tokens."""

    def __init__(self, db):
        super().__init__(db, iterator=TaskViewIterator(db, "todo", design_doc="Monitor"))
        self.names = []

    def process_task(self, task):
        self.names.append(task.id)
        task["exit_code"] = 0
        task["done"] = task["lock"] + 1


def work():
    worker = Worker(database())
    worker.run()
    return worker.names


print(json.dumps({"push": push, "views": views, "read": read, "work": work}[VERB](*sys.argv[4:])))
