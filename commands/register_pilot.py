"""RegisterPilot: registers the running pilot at a server, with its reference in the batch
system."""

import json
import os
from typing import Tuple

from pilot import values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import PoolUnreachable, StepFailed
from pilot.facts import BatchJob, Registration, WorkerNode

TIMEOUT_S = 20.0


class RegisterPilot(Command):
    """Work out the pilot's reference and, with --register-url, register it there."""

    name = "RegisterPilot"
    options: Tuple[Option, ...] = (
        Option("register_url", "where to POST the pilot's JSON record"),
        Option(
            "register_token",
            "a bearer token for that (default: the one WLCG token discovery finds)",
            secret=True,
        ),
        Option(
            "register_required", "end the pilot when it cannot be registered", values.boolean, False
        ),
        Option(
            "reference",
            "the pilot's reference, when the submitter knows better than the environment",
        ),
    )
    requires: Tuple[type, ...] = (WorkerNode,)
    provides = (Registration,)
    uses = ("pilot.base.credentials", "pilot.base.fetch")
    timeout_s = 120.0
    failure = PoolUnreachable

    def run(self, ctx: Context) -> Tuple[object, ...]:
        node = ctx.get(WorkerNode)
        known_as = ctx.settings["reference"] or make_reference(
            node.batch, ctx.settings["ce"] or node.host, ctx.pilot_id
        )
        url = ctx.settings["register_url"]
        if not url:
            self.log.info("reference %s; registered nowhere (no --register-url)", known_as)
            return (Registration(known_as, node.batch.system, ""),)
        record = {
            "pilot": ctx.pilot_id,
            "reference": known_as,
            "flavour": node.batch.system,
            "host": node.host,
            "site": ctx.settings["site"],
            "ce": ctx.settings["ce"],
            "queue": ctx.settings["queue"],
            "vo": ctx.settings["vo"],
            "status": "running",
            "pid": os.getpid(),
        }
        return (
            Registration(
                known_as, node.batch.system, url if self._post_record(ctx, url, record) else ""
            ),
        )

    def _post_record(self, ctx: Context, url: str, record: object) -> bool:
        from pilot.base import credentials, fetch

        token = ctx.settings["register_token"] or credentials.bearer_token(ctx.environ)
        headers = {"Content-Type": "application/json"}
        if token:
            ctx.masker.add(token)
            headers["Authorization"] = "Bearer " + token
        try:
            tls = (
                credentials.tls_context(ctx.environ, credentials.proxy_path(ctx.environ))
                if url.startswith("https:")
                else None
            )
            fetch.get(
                url, TIMEOUT_S, headers=headers, context=tls, data=json.dumps(record).encode()
            )
        except StepFailed as error:
            if ctx.settings["register_required"]:
                raise PoolUnreachable("the pilot could not be registered: %s" % error)
            self.log.warning("the pilot could not be registered: %s", error)
            return False
        self.log.info("registered at %s", url)
        return True


def make_reference(job: BatchJob, place: str, pilot_id: str) -> str:
    """slurm://host/12345; a URL from the batch system (ARC) unchanged; the pilot's id outside any
    batch system."""
    if "://" in job.job_id:
        return job.job_id
    if job.system == "local" or not job.job_id:
        return "local://%s/%s" % (place, pilot_id)
    return "%s://%s/%s" % (job.system.lower(), place, job.job_id)
