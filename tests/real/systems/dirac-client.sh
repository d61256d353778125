#!/bin/bash
# dirac-client.sh FOLDER VENV : a client with a configuration of its own in a file: FOLDER/diracosrc makes it usable, FOLDER/filecs.cfg is what it knows of site, queue and operations
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
D=$(realpath -m "$1") V=$(realpath "$2"); mkdir -p "$D/bin" "$D/security"; : >"$D/security/x"
# several names and braces may share a line, each value ends one
tr ';' '\n' >"$D/filecs.cfg" <<'C'
DIRAC { Configuration {;Name = local;} Security {;SkipCAChecks = yes;};VirtualOrganization = dteam;}
Resources { Sites { LCG { LCG.TEST.org {;Name = TEST;CEs { ce.test {;CEType = HTCondorCE;MaxRAM = 4000;Tag = GPU, MyTag
Queues { q1 {;maxCPUTime = 120;MaxRAM = 2048;RequiredTag = special;NumberOfProcessors = 2;} } } } } } } }
Operations { Defaults { JobScheduling {;CPUNormalizationCorrection = 1.2;} } }
C
printf '#!/bin/sh\nexec %s/bin/dirac-configure --cfg %s/filecs.cfg "$@"\n' "$V" "$D" >"$D/bin/dirac-configure"; chmod +x "$D/bin/dirac-configure"
cat >"$D/diracosrc" <<C
export PATH=$D/bin:$V/bin:\$PATH DIRAC=$V PYTHONPATH=$(echo "$V"/lib/python3*/site-packages)
export X509_CERT_DIR=$D/security X509_VOMS_DIR=$D/security X509_VOMSES=$D/security
C
