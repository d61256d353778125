"""Batch systems: Slurm, Grid Engine, HTCondor, ARC. The job is the pilot itself. Where the batch
system copies only one script, the pilot is a text file, so that it needs no shared disk.

Slurm and Grid Engine send a signal before the limit, and the pilot drains. HTCondor retries or
holds the job according to the pilot's exit code. ARC reports the exit code.
"""

from typing import Tuple

from pilot.engine import onefile
from pilot.ops.bundle import make
from pilot.ops.ship.order import (
    SLOT, Order, Parcel, World, format_clock, own_workdir, walltime_words,
)

NAME = "pilot-job.py"
OUTPUTS = (
    ("pilot-report.json", ".json"),
    ("pilot.log", ".pilot.log"),
    ("pilot-events.jsonl", ".events.jsonl"),
    ("pilot-agent.json", ".agent.json"),
)


CONDOR_ENDS = (
    "on_exit_remove = (NumJobStarts >= 5) || (ExitBySignal == False && ExitCode =!= 10)",
    "on_exit_hold = (ExitBySignal == False) && (ExitCode == 2)",
    "on_exit_hold_reason = \"the pilot was configured wrong: see its error file\"",
)


def ship_slurm(order: Order) -> Parcel:
    """Write one script for sbatch. Slurm sends USR1 to the pilot some time before the limit, and
    the pilot drains."""
    one, folder = (
        ("%j", "pilot-${SLURM_JOB_ID}")
        if order.pilots < 2
        else ("%A_%a", "pilot-${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}")
    )
    lines = [
        "#SBATCH --job-name=%s" % order.name,
        "#SBATCH --output=%s" % order.result_path("pilot-%s.out" % one),
        "#SBATCH --open-mode=append",
    ]
    if order.environment:
        lines.append("#SBATCH --export=ALL,%s" % _list_variables(order))
    if order.cores is not None:
        lines += [
            "#SBATCH --nodes=1",
            "#SBATCH --ntasks=1",
            "#SBATCH --cpus-per-task=%d" % order.cores,
        ]
    if order.memory_mb is not None:
        lines.append("#SBATCH --mem=%dM" % order.memory_mb)
    if order.walltime_s is not None:
        lines += [
            "#SBATCH --time=%s" % format_clock(order.walltime_s),
            "#SBATCH --signal=B:USR1@%d" % order.warn_s,
        ]
    if order.queue:
        lines.append("#SBATCH --partition=%s" % order.queue)
    if order.pilots > 1:
        lines.append("#SBATCH --array=0-%d" % (order.pilots - 1))
    words = own_workdir(order, order.result_path(folder))
    return Parcel({NAME: make.text_bytes(order.files, lines, words)}, ("sbatch %s" % NAME,))


def ship_grid_engine(order: Order) -> Parcel:
    """Write one script for qsub. With -notify, Grid Engine sends SIGUSR2 before it kills the job,
    and the pilot drains."""
    lines = ["#$ -N " + order.name, "#$ -S /usr/bin/python3", "#$ -cwd", "#$ -notify", "#$ -j y"]
    if order.results:
        lines.append("#$ -o " + order.results)
    if order.environment:
        lines.append("#$ -v " + _list_variables(order))
    if order.cores is not None and order.cores > 1:
        lines.append("#$ -pe smp %d" % order.cores)
    if order.memory_mb is not None:
        # Grid Engine counts the memory per slot
        lines.append("#$ -l h_vmem=%dM" % -(-order.memory_mb // max(1, order.cores or 1)))
    if order.walltime_s is not None:
        lines.append("#$ -l h_rt=%d" % order.walltime_s)
    if order.queue:
        lines.append("#$ -q %s" % order.queue)
    if order.pilots > 1:
        lines.append("#$ -t 1-%d" % order.pilots)
    folder = "pilot-${JOB_ID}" + (".${SGE_TASK_ID}" if order.pilots > 1 else "")
    words = own_workdir(order, order.result_path(folder))
    return Parcel({NAME: make.text_bytes(order.files, lines, words)}, ("qsub %s" % NAME,))


def ship_condor(order: Order) -> Parcel:
    """Write the zip form and a submit file. If a pilot reports an unfit node (exit code 10),
    HTCondor puts the job back into the queue for another machine; it starts a job at most five
    times. After a configuration error (exit code 2), HTCondor holds the job and keeps its
    output."""
    one = order.result_path("pilot-$(ClusterId).$(ProcId)")
    lines = [
        "universe = vanilla",
        "executable = pilot.pyz",
        "arguments = \"%s\"" % _condor_arguments(walltime_words(order)),
        "batch_name = %s" % order.name,
        "output = %s.out" % one,
        "error = %s.err" % one,
        "log = %s" % order.result_path("pilot-$(ClusterId).log"),
        "should_transfer_files = YES",
        "when_to_transfer_output = ON_EXIT_OR_EVICT",
        # no list of output files: HTCondor would hold the job because of a missing file
        "transfer_output_remaps = \"%s\""
        % "; ".join("%s = %s%s" % (name, one, ending) for name, ending in OUTPUTS),
        "kill_sig = SIGTERM",
        "job_max_vacate_time = 30",
    ] + list(CONDOR_ENDS)
    if order.environment:
        pairs = tuple("=".join(pair) for pair in order.environment)
        lines.append('environment = "%s"' % _condor_arguments(pairs))
    if order.cores is not None:
        lines.append("request_cpus = %d" % order.cores)
    if order.memory_mb is not None:
        lines.append("request_memory = %dM" % order.memory_mb)
    if order.walltime_s is not None:
        lines.append("allowed_execute_duration = %d" % order.walltime_s)
    lines.append("queue %d" % order.pilots)
    return Parcel(
        {
            "pilot.pyz": onefile.zip_bytes(order.files),
            "pilot.sub": ("\n".join(lines) + "\n").encode(),
        },
        ("condor_submit pilot.sub",),
    )


def ship_arc(order: Order) -> Parcel:
    """Write a job description (xRSL) and the text form. The session folder brings back the report
    and the log."""
    words = "".join(' "%s"' % word.replace('"', '""') for word in walltime_words(order))
    lines = [
        '&(executable="%s")' % NAME,
        "(arguments=%s)" % words.strip() if words else "",
        '(jobname="%s")' % order.name,
        _xrsl_environment(order),
        '(stdout="pilot.out")(stderr="pilot.err")',
        '(outputfiles=("pilot-report.json" "")("pilot.log" ""))',
        '(inputfiles=("%s" ""))' % NAME,
    ]
    if order.cores is not None:
        lines.append('(count="%d")(countpernode="%d")' % (order.cores, order.cores))
    if order.memory_mb is not None:
        lines.append('(memory="%d")' % -(-order.memory_mb // max(1, order.cores or 1)))
    if order.walltime_s is not None:
        lines.append('(walltime="%d minutes")' % -(-order.walltime_s // 60))
    if order.queue:
        lines.append('(queue="%s")' % order.queue)
    text = "\n".join(line for line in lines if line) + "\n"
    return Parcel(
        {NAME: make.text_bytes(order.files), "pilot.xrsl": text.encode()}, ("arcsub pilot.xrsl",)
    )


def _xrsl_environment(order: Order) -> str:
    pairs = "".join('("%s" "%s")' % pair for pair in order.environment)
    return "(environment=%s)" % pairs if pairs else ""


def _list_variables(order: Order) -> str:
    return ",".join("%s=%s" % pair for pair in order.environment)


def _condor_arguments(words: Tuple[str, ...]) -> str:
    """Write the words in the new syntax of condor_submit(1): words in single quotes, both kinds of
    quotes doubled."""
    return " ".join("'%s'" % word.replace("'", "''").replace('"', '""') for word in words)


WORLDS = (
    World("slurm", ship_slurm, SLOT | {"warn", "queue", "count", "name", "environment", "results"}),
    World("gridengine", ship_grid_engine, SLOT | {"queue", "count", "name", "environment", "results"}),
    World("htcondor", ship_condor, SLOT | {"count", "name", "environment", "results"}),
    World("arc", ship_arc, SLOT | {"queue", "name", "environment"}),
)
