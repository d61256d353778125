"""The differences from DIRAC's own pilot that are wanted, each with the sentence that docs/dirac.md has."""

import re
from typing import NamedTuple, Optional, Sequence

from .differences import Difference


class Wanted(NamedTuple):
    """A rule: the lines of differences that it is about, and why they are wanted."""

    pattern: str
    why: str


# some program's variable
_VARIABLE = r"[\w-]+: variable "
RULES = (
    Wanted(
        r"dirac-configure: starts: \d -> 1$",
        "dirac-configure is started once; after that the pilot writes values into pilot.cfg itself.",
    ),
    Wanted(
        r"dirac-wms-cpu-normalization: starts: 1 -> 0",
        "The CPU power is measured by the pilot, with DIRAC's own Python.",
    ),
    Wanted(
        r"dirac-version: starts: \d -> \d|dirac-version: variable ",
        "dirac-version is started once after the installation, to see that it works.",
    ),
    Wanted(
        _VARIABLE + r"PYTHONUNBUFFERED: \(none\) -> yes",
        "All programs have PYTHONUNBUFFERED, not the agent alone: their lines are in the log at once.",
    ),
    Wanted(
        r"file pilot(-report\.json|-events\.jsonl|\.log): \(none\) -> there",
        "The pilot leaves a report, its events and its log as well.",
    ),
    Wanted(
        r"exit code: [1-9]\d* -> (2|10|20|30|40)$",
        "The exit codes are those of the README: 10 node, 20 installation, 30 configuration, 40 agent, "
        "2 command line.",
    ),
    Wanted(
        r"exit code: 1 -> 0$",
        "What ends DIRAC's pilot by a traceback of its own does not end this one.",
    ),
    Wanted(
        r"file pilot\.out: there -> \(none\)",
        "A command line that is not valid is refused before any file is written.",
    ),
    Wanted(
        r"file (bashrc|environmentSourceDirac): \(none\) -> there",
        "Without ConfigurationServers the pilot ends at ConfigureBasics, after the installation.",
    ),
    Wanted(
        r"pilot\.cfg /LocalSite/BatchSystemInfo/JobID: None -> ([\d.]+|Unknown)$",
        "The id of HTCondor's job is CONDOR_JOBID, or Unknown; DIRAC's pilot writes None.",
    ),
    Wanted(
        r"pilot\.cfg /LocalSite/BatchSystemInfo/Parameters/Host: (\S+) -> \1 .+",
        "Values with blanks arrive whole; a shell cuts them in DIRAC's pilot.",
    ),
    Wanted(
        r"pilot\.cfg .*/(MaxRAM|MemoryLimitMB): \(none\) -> \d+$",
        "MemoryLimitMB is the smaller of the queue's and the slot's memory; MaxRAM is the slot's where "
        "DIRAC knows none.",
    ),
    Wanted(
        r"pilot\.cfg /LocalSite/NumberOfProcessors: (\(none\)|\d+) -> \d+$",
        "The number of processors is also in LocalSite, where DIRAC's CE class reads it last.",
    ),
    Wanted(
        r"pilot\.cfg /Resources/Computing/CEDefaults/VirtualOrganization: \(none\) -> ",
        "CEDefaults/VirtualOrganization is written whenever the VO is known, also from the environment "
        "or the proxy.",
    ),
    Wanted(
        r"dirac-admin-add-pilot: words: (\S+) DIRAC \S+ --status=Running .* -> \1 \S+ DIRAC ",
        "A VO that only the environment names is registered too; DIRAC's pilot leaves its word out.",
    ),
    Wanted(
        r"dirac-admin-add-pilot: starts: 1 -> 0|pilot\.cfg /LocalSite/PilotReference: unknown -> UUID",
        "A pilot without a VO, or that nothing identifies, is not registered.",
    ),
    Wanted(
        r"(dirac-admin-add-pilot: words|pilot\.cfg /LocalSite/PilotReference): "
        r"(sshcondor://\S*/ .*|sshcondor://\S*/) -> sshcondor://",
        "A job of HTCondor without CONDOR_JOBID is named by the pilot's id.",
    ),
    Wanted(
        r"(dirac-admin-add-pilot: words|pilot\.cfg /LocalSite/PilotReference): .* -> myref"
        r"|" + _VARIABLE + r"DIRAC_PILOT_STAMP: \(none\) -> myref",
        "-R REF is the reference everywhere; DIRAC's pilot ignores it.",
    ),
    Wanted(
        _VARIABLE + r"(X509_\w+|DIRAC_VOMSES): CLIENT/cvmfs/.* -> ",
        "An environment that the site sets (X509_CERT_DIR ...) takes precedence over CVMFS.",
    ),
)


def find_rule(difference: Difference, rules: Sequence[Wanted] = RULES) -> Optional[Wanted]:
    """The rule that wants this difference; None when none does."""
    line = difference.line()
    return next((rule for rule in rules if re.match(rule.pattern, line)), None)
