"""BOINC: the pilot as a native application, under the BOINC wrapper, or inside a virtual machine of
vboxwrapper."""

from typing import Tuple

from pilot.ops.bundle import make
from pilot.ops.ship.order import (
    SLOT, Order, Parcel, World, quote_words, walltime_words,
)

BOOT_S = 600  # vboxwrapper counts from the machine's start and stops the machine without a warning
# A faulty machine must not consume the tasks of a project. BOINC leaves this to the application.
HOLD_S = "720-900"
APP_INFO = """<app_info>
  <app><name>pilot</name><user_friendly_name>Pilot</user_friendly_name></app>
  <file_info><name>pilot.py</name><executable/></file_info>
  <app_version>
    <app_name>pilot</app_name><version_num>100</version_num><api_version>7.20.5</api_version><avg_ncpus>%(cores)d</avg_ncpus>
    <file_ref><file_name>pilot.py</file_name><main_program/></file_ref>
  </app_version>
</app_info>
"""
JOB = """<job_desc>
  <task>
    <application>pilot.py</application>
    <command_line>--boinc-fraction-file fraction_done --boinc-checkpoint-file pilot.checkpoint</command_line>
    <stdout_filename>pilot.out</stdout_filename>
    <stderr_filename>pilot.err</stderr_filename>
    <fraction_done_filename>fraction_done</fraction_done_filename>
    <checkpoint_filename>pilot.checkpoint</checkpoint_filename>
    <multi_process/>
  </task>
</job_desc>
"""
VBOX = """<vbox_job>
  <os_name>Linux26_64</os_name>
  <memory_size_mb>%(memory)d</memory_size_mb>
  <job_duration>%(seconds)d</job_duration>
  <enable_network>1</enable_network>
  <enable_shared_directory>1</enable_shared_directory>
  <heartbeat_filename>heartbeat</heartbeat_filename>
  <minimum_heartbeat_interval>1200</minimum_heartbeat_interval>
  <fraction_done_filename>fraction_done</fraction_done_filename>
  <completion_trigger_file>completion</completion_trigger_file>
  <temporary_exit_trigger_file>temporary_exit</temporary_exit_trigger_file>
</vbox_job>
"""
IN_THE_MACHINE: Tuple[str, ...] = tuple(
    "--boinc-%s-file /shared/%s" % (option, name)
    for option, name in (
        ("heartbeat", "heartbeat"),
        ("fraction", "fraction_done"),
        ("completion", "completion"),
        ("temporary-exit", "temporary_exit"),
    )
)


def ship_boinc(order: Order) -> Parcel:
    """Write the files for BOINC. pilot.py contains its own words, because all slots share one copy
    of it. The report becomes the result file `out`, if the application has one."""
    words = walltime_words(order)
    if not any(word.partition("=")[0] == "--report" for word in words):
        words += ("--report", "out")
    if not any(word.partition("=")[0] == "--hold-s" for word in words):
        words += ("--hold-s", HOLD_S)
    values = {
        "cores": order.cores or 1,
        "memory": order.memory_mb or 2048,
        "seconds": (order.walltime_s or 86400) + BOOT_S,
    }
    files = {
        "pilot.py": make.text_bytes(order.files, words=words),
        "app_info.xml": (APP_INFO % values).encode("ascii"),
        "job.xml": JOB.encode("ascii"),
        "vbox_job.xml": (VBOX % values).encode("ascii"),
    }
    use = (
        "# a native application: pilot.py and app_info.xml go into the project's folder of the client, or are its app version",
        "# under the wrapper: pilot.py and job.xml are files of the wrapper's app version",
        "# under vboxwrapper: vbox_job.xml is its job file; inside the machine the pilot is started with",
        "#   " + quote_words(words) + " " + " ".join(IN_THE_MACHINE),
    )
    return Parcel(files, use)


WORLDS = (
    World("boinc", ship_boinc, SLOT),
)
