#!/bin/bash
# dirac-programs.sh CLIENT WORKDIR : the programs of DIRAC that its own pilot starts for the nine configuration commands, one after the other as it does, with the client of dirac-client.sh; leaves WORKDIR/pilot.cfg
set -uo pipefail
[ $# -ge 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
. "$1/diracosrc"; mkdir -p "$2"; cd "$2" || exit 2; export HOME=$PWD
W="-S LCG.TEST.org -N ce.test -Q q1"
dirac-configure -S T -o /LocalSite/ReleaseVersion=9.1.22 -o /LocalSite/CVMFS_locations=/cvmfs/grid.cern.ch,/cvmfs/dirac.egi.eu -o /Resources/Computing/CEDefaults/VirtualOrganization=dteam -DMH -O pilot.cfg || exit 1
export DIRACSYSCONFIG=$PWD/pilot.cfg
dirac-admin-add-pilot reference dteam DIRAC stamp --status=Running --cfg pilot.cfg -d
dirac-resource-get-parameters $W --cfg pilot.cfg -d || exit 1
dirac-configure -FDMH -o /LocalSite/CEType=HTCondorCE -o /LocalSite/MaxRAM=2048 -o /LocalSite/maxCPUTime=120 -o /LocalSite/NumberOfProcessors=2 -o /LocalSite/Queue=q1 --cfg pilot.cfg -O pilot.cfg || exit 1
dirac-wms-get-wn-parameters $W --cfg pilot.cfg -d || exit 1
C=/Resources/Computing/CEDefaults
dirac-configure -FDMH -o $C/NumberOfProcessors=2 -o $C/MaxRAM=2048 -o $C/Tag=MyTag,GPU -o $C/RequiredTag=special --cfg pilot.cfg -O pilot.cfg || exit 1
B=/LocalSite/BatchSystemInfo U=
for name in Type JobID Parameters/BinaryPath Parameters/Host Parameters/InfoPath Parameters/Queue; do U="$U -o $B/$name=Unknown"; done
# shellcheck disable=SC2086
dirac-configure -FDMH -n LCG.TEST.org -N ce.test $U -o /LocalSite/GridCE=ce.test -o /LocalSite/CEQueue=q1 -o /LocalSite/GridMiddleware=DIRAC -o /LocalSite/PilotReference=reference --cfg pilot.cfg -O pilot.cfg || exit 1
A=$(dirac-platform | tail -n 1) || exit 1
dirac-configure -FDMH -o "/LocalSite/Architecture=$A" -o "/LocalSite/Platform=$(uname -m)" --cfg pilot.cfg -O pilot.cfg || exit 1
P=$(dirac-wms-cpu-normalization -U -R pilot.cfg --cfg pilot.cfg -d | sed -n 's/.*Estimated CPU power is \([0-9.]*\).*/\1/p')
T=$(dirac-wms-get-queue-cpu-time --CPUNormalizationFactor="$P" --cfg pilot.cfg -d | sed -n 's/.*determined as \([0-9]*\).*/\1/p')
dirac-configure -FDMH -o "/LocalSite/CPUTimeLeft=$(python3 -c "print(int($T * $P))")" --cfg pilot.cfg -O pilot.cfg
