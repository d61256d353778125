"""CheckWorkerNode: describes the machine and checks whether it is fit for work."""

import os
from typing import List, Optional, Tuple

from pilot import values
from pilot.command import Command, Option
from pilot.context import Context
from pilot.errors import NodeUnfit
from pilot.facts import WorkerNode
from pilot.node import survey
from pilot.node.batch import detect
from pilot.node.deadline import SlotEnd
from pilot.engine.settings import Settings


class CheckWorkerNode(Command):
    """Look at the machine and refuse it, with one sentence, when it is unfit."""

    name = "CheckWorkerNode"
    options: Tuple[Option, ...] = (
        Option("min_disk_mb", "MB that must be free in the workdir", values.megabytes, 1024),
        Option("min_memory_mb", "MB of memory the slot must have", values.megabytes, 256),
        Option("min_cores", "cores the slot must have", values.count, 1),
        Option(
            "min_time_left_s",
            "seconds that the slot must still have, if its end is known",
            values.seconds,
            0.0,
        ),
        Option(
            "allowed_os",
            "the name of the system must contain one of these words (AlmaLinux 9,Debian)",
            values.words,
            (),
        ),
        Option("need_programs", "programs that must be on PATH", values.words, ()),
        Option(
            "need_user_namespaces", "refuse a node without user namespaces", values.boolean, False
        ),
        Option(
            "cvmfs_repositories",
            "repositories that must be readable (sft.cern.ch,...)",
            values.words,
            (),
        ),
        Option(
            "cvmfs_timeout_s",
            "seconds a repository may take; the first access mounts it",
            values.seconds,
            60.0,
        ),
        Option("cvmfs_mount", "where the repositories are mounted", default="/cvmfs/"),
    )
    provides = (WorkerNode,)
    timeout_s = 300.0
    failure = NodeUnfit

    def run(self, ctx: Context) -> Tuple[object, ...]:
        job = detect.detect_job(ctx.environ, detect.time_of_day())
        ctx.know_batch(job)  # first: the next checks may hang
        node = survey.worker_node(
            job, ctx.environ, ctx.workdir, lambda text: self.log.warning("%s", text)
        )
        self.log.info(
            "%s: %s, %s, %s", node.host, node.os, node.architecture, self._tell_place(node)
        )
        self.log.info(
            "%d cores of %s, %d MB memory, %d MB disk, %d GPUs",
            node.cores,
            node.cpu_model,
            node.memory_mb,
            node.disk_mb,
            len(node.gpus),
        )
        problems = (
            find_unfitness(node, ctx.settings, ctx.workdir, ctx.deadline.end())
            + self._missing_programs(ctx)
            + self._check_cvmfs(ctx)
        )
        if problems:
            raise NodeUnfit("%s is unfit: %s" % (node.host, "; ".join(problems)))
        return (node,)

    def _tell_place(self, node: WorkerNode) -> str:
        job = " job %s" % node.batch.job_id if node.batch.system != "local" else ""
        left = "" if node.batch.time_left_s is None else ", %.0f s left" % node.batch.time_left_s
        inside = " in " + node.container if node.container else ""
        return "%s%s%s%s" % (node.batch.system, job, inside, left)

    def _missing_programs(self, ctx: Context) -> List[str]:
        path = ctx.environ.get("PATH")
        wanted = ctx.settings["need_programs"]
        if wanted:
            import shutil  # only when programs are required

            self.log.debug("PATH is %s", path)
        return ["%s is not on PATH" % name for name in wanted
                if shutil.which(name, path=path) is None]

    def _check_cvmfs(self, ctx: Context) -> List[str]:
        names, mount = ctx.settings["cvmfs_repositories"], os.path.join(
            ctx.settings["cvmfs_mount"], ""
        )
        if not names:
            return []
        from pilot.node import cvmfs

        checked = [
            cvmfs.check(name, ctx.settings["cvmfs_timeout_s"], ctx.environ, mount) for name in names
        ]
        for repository in checked:
            if repository.ok:
                self.log.debug(
                    "CVMFS %s at revision %s after %.1f s",
                    repository.name,
                    repository.revision,
                    repository.seconds,
                )
        sentence = cvmfs.unreadable(checked)
        return [sentence] if sentence else []


def find_unfitness(
    node: WorkerNode, settings: Settings, workdir: str, end: Optional[SlotEnd] = None
) -> List[str]:
    """A sentence for each requirement that the node or its slot's time does not meet; settings by
    name."""
    problems = []
    if node.disk_mb < settings["min_disk_mb"]:
        problems.append(
            "%d MB free in %s, %d needed (--min-disk-mb)"
            % (node.disk_mb, workdir, settings["min_disk_mb"])
        )
    if node.memory_mb < settings["min_memory_mb"]:
        problems.append(
            "%d MB of memory, %d needed (--min-memory-mb)"
            % (node.memory_mb, settings["min_memory_mb"])
        )
    if node.cores < settings["min_cores"]:
        problems.append("%d cores, %d needed (--min-cores)" % (node.cores, settings["min_cores"]))
    if end is not None and end.left_s < settings["min_time_left_s"]:
        problems.append("%.0f s left in the slot by %s, %.0f needed (--min-time-left-s)" % (
            end.left_s, end.source, settings["min_time_left_s"]))
    allowed = settings["allowed_os"]
    if allowed and not any(word.lower() in node.os.lower() for word in allowed):
        problems.append("the system is %s, allowed: %s" % (node.os, ", ".join(allowed)))
    if settings["need_user_namespaces"] and not node.user_namespaces:
        problems.append("no user namespaces")
    return problems
