#!/bin/bash
# run-cloud-init.sh ROOTFS SEEDDIR : executes SEEDDIR/{user-data,meta-data[,vendor-data]} by the real cloud-init, its four boot stages in a throw-away machine; root; 1-2 s
#   files below SEEDDIR/srv are put into the machine's /srv
#   ROOTFS is made by mmdebstrap if it is not there (SUITE=bookworm: cloud-init 22.4, trixie: 25.1; ~25 s, 300 MB) and stays untouched: the machine is namespaces over a tmpfs overlay
#   PRE='shell' runs in the machine's background first, POST='shell' at the end; NET=host keeps the host's network (default: lo only); XENV='A=b' adds environment
#   SAFETY: never bind the host's /dev into a rootfs (cloud-init resizes the disks it finds); sysrq and /proc/sys are the host's too, hence masked
set -euo pipefail
. "$(dirname "$0")/lib.sh"; [ $# -ge 2 ] || usage
R=$(realpath -m "$1") S=$(realpath "$2"); [[ $R != /mnt/* && $S != /mnt/* ]] || die "not below /mnt: the machine is mounted there"
[ -d "$R" ] || { rm -rf "$R.part"; debian_tree "$R.part" "${SUITE:-bookworm}" cloud-init,python3,mount,sudo,curl,procps,iproute2,ca-certificates; mv "$R.part" "$R"; }
ns="--mount --pid --fork --uts --ipc --kill-child"; [ "${NET:-none}" = host ] || ns="$ns --net"
exec unshare $ns bash -euo pipefail -c '
  base=$1 seed=$2 T=/mnt R=/mnt/machine; mount --make-rprivate /; mount -t tmpfs tmpfs "$T"; mkdir "$T"/{upper,wk,machine}
  mount -t overlay overlay -o lowerdir="$base",upperdir="$T/upper",workdir="$T/wk" "$R"
  mount -t proc proc "$R/proc"; mount -t sysfs -o ro sysfs "$R/sys"
  for d in run tmp dev; do mount -t tmpfs tmpfs "$R/$d"; done; mkdir "$R/dev/shm"; chmod 1777 "$R/tmp" "$R/dev/shm"
  while read -r n major minor; do mknod -m 666 "$R/dev/$n" c "$major" "$minor"; done <<<$(printf "%s\n" "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0")
  ln -s /proc/self/fd "$R/dev/fd"; for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$R/dev/${n#*:}"; done
  mount --bind "$R/proc/sys" "$R/proc/sys"; mount -o remount,bind,ro "$R/proc/sys"; [ ! -e "$R/proc/sysrq-trigger" ] || mount --bind "$R/dev/null" "$R/proc/sysrq-trigger"
  mkdir -p "$R/var/lib/cloud/seed/nocloud"; for f in user-data meta-data vendor-data; do [ ! -f "$seed/$f" ] || cp "$seed/$f" "$R/var/lib/cloud/seed/nocloud/"; done
  [ ! -d "$seed/srv" ] || cp -r "$seed/srv/." "$R/srv/"
  printf "%s\n" "datasource_list: [ NoCloud, None ]" "network: {config: disabled}" "resize_rootfs: false" "growpart: {mode: \"off\"}" "locale: false" "ssh_genkeytypes: []" >"$R/etc/cloud/cloud.cfg.d/99_test.cfg"
  [ -e "$R/etc/hosts" ] || echo "127.0.0.1 localhost" >"$R/etc/hosts"; ip link set lo up || true
  cd "$R"; mkdir -p .old; pivot_root . .old; umount -l /.old; cd /   # not chroot: user namespaces must work inside
  E="env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${XENV:-}"
  if [ -n "${PRE:-}" ]; then $E sh -c "$PRE" & sleep 0.5; fi
  for stage in "init --local" init "modules --mode=config" "modules --mode=final"; do
    t=$(date +%s%N) rc=0; $E cloud-init $stage || rc=$?
    echo "### [$stage] rc=$rc $(( ($(date +%s%N) - t) / 1000000 )) ms"
  done
  [ -z "${POST:-}" ] || $E sh -c "$POST"
' _ "$R" "$S"
