"""Whether the node has room for another payload: the agent checks CheckWorkerNode's limits again
before each payload."""

import os

from pilot.agent.sandbox import size_mb

MIN_INODES = 100


def describe_lack(folder: str, min_disk_mb: float) -> str:
    """The disk space or inodes that the file system of `folder` lacks, in a sentence; "" when there
    is room."""
    try:
        usage = os.statvfs(folder)
    except OSError as error:
        return "the free space of %s cannot be read: %s" % (folder, error.strerror)
    free_mb = usage.f_bavail * usage.f_frsize / 1048576.0
    if free_mb < min_disk_mb:
        return "%d MB free in %s, %d needed (--min-disk-mb)" % (free_mb, folder, min_disk_mb)
    if usage.f_files and usage.f_favail < MIN_INODES:  # some file systems report no number of files
        return "%d files can still be made in %s, %d needed" % (usage.f_favail, folder, MIN_INODES)
    return ""


def used_up_by(folder: str, min_disk_mb: float) -> str:
    """A sentence when the files in a payload's folder have filled the disk; otherwise ""."""
    used_mb = size_mb(folder)
    try:
        usage = os.statvfs(folder)
    except OSError:
        return ""
    free_mb = usage.f_bavail * usage.f_frsize / 1048576.0
    if (
        used_mb < 1
        or free_mb + used_mb < min_disk_mb
        or free_mb >= min_disk_mb
        and usage.f_favail >= MIN_INODES
    ):
        return ""
    return "it filled the disk: its folder has %.0f MB, %.0f MB are left" % (used_mb, free_mb)
