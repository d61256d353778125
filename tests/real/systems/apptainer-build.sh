#!/bin/bash
# apptainer-build.sh DEST : Apptainer of Debian sid for this machine, DEST/usr/bin/apptainer, with the small Debian in DEST that is also an image for it; root; ~30 s
# Apptainer's ELF files get DEST's own dynamic linker and RPATH, so DEST must be its final place.
set -euo pipefail
. "$(dirname "$0")/lib.sh"; [ $# -ge 1 ] || usage
R=$(realpath -m "$1"); debian_tree "$R" sid apptainer,libseccomp2,libsqlite3-0,python3-minimal
LD="$R/usr/lib64/ld-linux-x86-64.so.2" RP="$R/usr/lib/x86_64-linux-gnu"
for f in usr/bin/apptainer usr/lib/x86_64-linux-gnu/apptainer/bin/starter; do patchelf --set-interpreter "$LD" --force-rpath --set-rpath "$RP" "$R/$f"; done
for d in etc var; do ln -sfn "../$d" "$R/usr/$d"; ln -sfn "../../$d" "$R/usr/lib/$d"; done   # it looks for both beside itself
mkdir -p "$R/var/lib/apptainer/mnt/session" "$R/work"; chmod -R a+rX "$R/etc/apptainer" "$R/var/lib/apptainer"; chmod 755 "$R"
"$R/usr/bin/apptainer" --version
