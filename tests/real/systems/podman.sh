#!/bin/bash
# podman.sh BASE image NAME | BASE WORDS... : podman with everything of its own in BASE; root; `image` imports a small Debian with Python as NAME (~20 s)
#   It runs where the machine mounts cgroups in hybrid mode (crun takes none: its view is without the unified one) and without CAP_SYS_RESOURCE (limits as they are)
set -euo pipefail
. "$(dirname "$0")/lib.sh"; [ $# -ge 2 ] || usage
BASE=$(realpath -m "$1"); shift; mkdir -p "$BASE"
printf '[containers]\ndefault_ulimits = ["nofile=%d:%d", "nproc=%d:%d"]\n' 4096 4096 4096 4096 >"$BASE/containers.conf"
podman() { CONTAINERS_CONF=$BASE/containers.conf unshare --mount sh -c '! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "$@"' _ \
  podman --root "$BASE/store" --runroot "$BASE/run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "$@"; }
if [ "$1" = image ]; then
  [ $# -ge 2 ] || usage
  [ -d "$BASE/tree" ] || { rm -rf "$BASE/tree.part"; debian_tree "$BASE/tree.part" bookworm python3,procps; mv "$BASE/tree.part" "$BASE/tree"; }
  tar -C "$BASE/tree" -c . | podman import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' - "$2"
else podman "$@"; fi
