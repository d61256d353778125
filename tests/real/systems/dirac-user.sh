#!/bin/bash
# dirac-user.sh VENV BASE FOLDER pilot|user [JOB] : someone of dirac-cs.sh's BASE with a proxy in FOLDER. The user gives the ProxyManager one, submits a job and prints its number, or JOB's status; the pilot just gets FOLDER/diracosrc
set -euo pipefail
V=$(realpath "$1") B=$(realpath "$2") C=$(realpath -m "$3") who=$4; mkdir -p "$C/.globus" "$C/etc"; cd "$C"
export HOME=$C DIRAC_ROOT_PATH=$C DIRACSYSCONFIG=$C/etc/dirac.cfg X509_CERT_DIR=$B/certs X509_USER_PROXY=$C/proxy
if [ ! -e proxy ]; then
  cp "$B/$who"/user{cert,key}.pem .globus/
  printf 'DIRAC\n{\nConfiguration\n{\nServers = dips://localhost:19135/Configuration/Server\n}\n}\n' >etc/dirac.cfg
  [ "$who" = user ] || no=--no-upload
  "$V/bin/dirac-proxy-init" -g "$who" ${no:-} >proxy-init.log 2>&1 || { tail -5 proxy-init.log >&2; exit 1; }
  cat >diracosrc <<R
export PATH=$V/bin:\$PATH PYTHONPATH=$(echo "$V"/lib/python3*/site-packages) X509_CERT_DIR=$B/certs X509_USER_PROXY=$C/proxy
R
fi
[ "$who" = user ] || exit 0
printf '#!/bin/sh\nenv | grep -E "^(X509_|DIRAC_VOMSES=|DIRACSYSCONFIG=)" | sed "s/^/job has /"\necho hello from the job\n' >"$B/job.sh"; chmod 755 "$B/job.sh"
exec "$V/bin/python" - "${5:-}" "$B/job.sh" <<'P'
import sys
import DIRAC
DIRAC.initialize()
from DIRAC.Core.Base.Client import Client
JDL = '[ Executable="' + sys.argv[2] + '"; JobName="t"; JobType="User"; StdOutput="std.out"; StdError="std.err"; CPUTime=100; ]'
job = sys.argv[1]
found = (Client(url="WorkloadManagement/JobMonitoring").getJobsStates([int(job)]) if job else Client(url="WorkloadManagement/JobManager").submitJob(JDL))
print({str(key): one for key, one in found["Value"].items()}[job]["Status"] if job and found["OK"] else found.get("Value", found.get("Message")))
P
