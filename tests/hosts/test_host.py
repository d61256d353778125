"""What a pilot tells its host, by a host that wants nothing and one that is missing."""

import pytest

from pilot.errors import UsageError
from pilot.hosts.host import PilotEnd, Host, MissingHost


def progress():
    return 0.5, 1


def test_a_host_that_wants_nothing_changes_no_exit_code():
    assert Host().ended(PilotEnd(40, 3, True, "the agent failed")) == 40


def test_a_host_that_wants_nothing_leaves_each_file_where_it_is():
    assert Host().resolve_path("a/report.json") == "a/report.json"


def test_a_host_that_wants_nothing_asks_for_no_progress():
    def asked():
        raise AssertionError("asked")
    Host().begin(asked)
    Host().stopping(143)


def test_files_are_our_users_alone_unless_a_host_shares_them():
    assert Host().shares_files is False


def test_a_host_that_is_named_and_missing_is_told():
    with pytest.raises(UsageError, match=r"no part for BOINC \(pilot.bundle --lean\)"):
        MissingHost(True).begin(progress)


def test_a_host_that_is_only_seen_is_done_without():
    host = MissingHost(False)
    host.begin(progress)
    assert host.ended(PilotEnd(0, 1, True, "")) == 0
