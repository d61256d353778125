"""Stories of pilots as they would tell them, for tests that need many."""

SITES = ("NIKHEF", "SURF", "CERN-PROD", "RAL-LCG2", "GRIDKA")
REASONS = (
    "disk: 812 MB free in /tmp, 2560 MB are needed; free some or lower --min-disk-mb",
    "cvmfs: /cvmfs/sw.example.org does not answer within 60 s",
    "memory: 1536 MB, 2048 MB are needed",
)
COMMANDS = ("CheckWorkerNode", "Install", "Configure", "CPUNormalization", "LaunchAgent")


def story(number, tasks=4, ends=True):
    """The events of one pilot; every seventh fails at its first command."""
    pilot, site = "pilot-%05d" % number, SITES[number % len(SITES)]
    told = []

    def tell(event, second, **fields):
        moment = "2026-11-20T03:%02d:%02d.%03dZ" % (second // 60, second % 60, number % 1000)
        told.append(dict(fields, pilot=pilot, seq=len(told) + 1, time=moment, event=event))

    tell(
        "pilot started",
        0,
        site=site,
        host="wn%04d.example.org" % number,
        version="0.1.0",
        commands=list(COMMANDS),
    )
    if number % 7 == 3:
        reason = REASONS[number % len(REASONS)]
        tell("command started", 1, command=COMMANDS[0])
        tell(
            "command finished",
            3,
            command=COMMANDS[0],
            status="failed",
            seconds=2.0,
            exit_code=10,
            reason=reason,
        )
        tell("pilot finished", 3, exit_code=10, seconds=3.0)
        return told
    second = 1
    for index, command in enumerate(COMMANDS):
        tell("command started", second, command=command)
        if command == "CheckWorkerNode":
            tell(
                "fact found",
                second,
                command=command,
                kind="WorkerNode",
                fact={
                    "cores": 4,
                    "cpu_model": "AMD EPYC 7702",
                    "memory_mb": 16000,
                    "os": "AlmaLinux 9.4",
                    "batch": {"system": "slurm", "job_id": str(number)},
                },
            )
        if command != "LaunchAgent":
            second += 3 + (number * (index + 3)) % 9
            tell(
                "command finished",
                second,
                command=command,
                status="ok",
                seconds=3.0 + (number * (index + 3)) % 9,
                exit_code=0,
                reason="",
            )
    tell(
        "log",
        second,
        lines=[
            "2026-11-20T03:00:%02d.000Z INFO    LaunchAgent: line %d of <b>pilot</b> %d"
            % (n, n, number)
            for n in range(8)
        ],
    )
    tell("pilot heartbeat", second, load=[3.9, 4.0, 3.7], memory_free_mb=9000, disk_free_mb=51000)
    for index in range(tasks):
        task = "sim-%05d-%d" % (number, index)
        tell("task started", second, task=task)
        second += 20 + (number + index) % 60
        good = (number + index) % 11 != 0
        tell(
            "task finished",
            second,
            task=task,
            generation=1,
            outcome="done" if good else "error",
            seconds=20.0 + (number + index) % 60,
            cpu_s=19.0,
            reason="" if good else "exit code 3: cannot open input",
        )
    if ends and number % 3:
        tell(
            "command finished",
            second,
            command="LaunchAgent",
            status="ok",
            seconds=float(second),
            exit_code=0,
            reason="",
        )
        tell("pilot finished", second, exit_code=0, seconds=float(second + 2))
    return told
