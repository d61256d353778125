#!/bin/bash
# dirac-user.sh VENV BASE FOLDER : a user of dirac-cs.sh's BASE with a proxy in FOLDER, who submits a job to the JobManager; prints its number   JOB=the number instead: prints that job's status
set -euo pipefail
V=$(realpath "$1") B=$(realpath "$2") C=$(realpath -m "$3"); mkdir -p "$C/.globus" "$C/etc"; cd "$C"
export HOME=$C DIRAC_ROOT_PATH=$C DIRACSYSCONFIG=$C/etc/dirac.cfg X509_CERT_DIR=$B/certs X509_USER_PROXY=$C/proxy
if [ ! -e proxy ]; then
  cp "$B"/user/user{cert,key}.pem .globus/
  printf 'DIRAC\n{\nConfiguration\n{\nServers = dips://localhost:19135/Configuration/Server\n}\n}\n' >etc/dirac.cfg
  "$V/bin/dirac-proxy-init" -g user --no-upload >proxy-init.log 2>&1
  cat >diracosrc <<R
export PATH=$V/bin:\$PATH PYTHONPATH=$(echo "$V"/lib/python3*/site-packages) X509_CERT_DIR=$B/certs X509_USER_PROXY=$C/proxy
R
fi
exec "$V/bin/python" - "${JOB:-}" <<'P'
import sys
import DIRAC
DIRAC.initialize()
from DIRAC.Core.Base.Client import Client
JDL = '[ Executable="/bin/echo"; Arguments="hello from the job"; JobName="t"; JobType="User"; StdOutput="std.out"; StdError="std.err"; CPUTime=100; ]'
job = sys.argv[1]
found = (Client(url="WorkloadManagement/JobMonitoring").getJobsStates([int(job)]) if job else Client(url="WorkloadManagement/JobManager").submitJob(JDL))
print({str(key): one for key, one in found["Value"].items()}[job]["Status"] if job and found["OK"] else found.get("Value", found.get("Message")))
P
