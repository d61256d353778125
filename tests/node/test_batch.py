import os
import time

import pytest

from pilot.node import batch, batch_parsers as parse, batch_systems

NOW = 1795230000.0

QSTAT_F = """Job Id: 4711.pbs.example.org
    Job_Name = pilot
    job_state = R
    queue = long
    resources_used.cput = 00:10:00
    resources_used.walltime = 01:00:30
    Resource_List.ncpus = 4
    Resource_List.walltime = 48:00:00
    server = pbs.example.org
"""
QSTAT_J = """==============================================================
job_number:                 4711
exec_file:                  job_scripts/4711
submission_time:            Fri Nov 20 03:00:00 2026
owner:                      pilot
hard resource_list:         h_rt=7200,h_vmem=4G
start_time            1:    {start}
usage         1:            cpu=00:00:01, mem=0.00000 GBs
"""
# Grid Engine 8.1.9, captured inside a job: it has no start_time
QSTAT_J_819 = """==============================================================
job_number:                 1
exec_file:                  job_scripts/1
submission_time:            Fri Nov 20 06:22:13 2026
owner:                      root
hard resource_list:         h_rt=600
notify:                     FALSE
job_name:                   sgejob.sh
usage         1:            cpu=00:00:00, mem=0.00000 GB s, io=0.00038 GB, vmem=3.426M, maxvmem=3.426M
scheduling info:            There are no messages available
"""
JOB_AD = """ClusterId = 12
ProcId = 3
GlobalJobId = "host#12.3#1795229000"
CpusProvisioned = 4
MemoryProvisioned = 8192
GpusProvisioned = 1
JobCurrentStartDate = 1795229000
AllowedExecuteDuration = 3600
Requirements = (TARGET.Arch == "X86_64")
DiskProvisioned = 100
Undefined = undefined
"""
OARSTAT = """Job_Id: 4711
    jobType = PASSIVE
    startTime = {start}
    walltime = 2:0:0
    state = Running
"""


@pytest.mark.parametrize("environ, expected", [
    ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_NODE": "8000", "SLURM_JOB_PARTITION": "long",
      "SLURM_JOB_END_TIME": "1795230600", "SLURM_GPUS_ON_NODE": "2"}, ("Slurm", "7", "long", 4, 8000, 2, 600.0)),
    ({"SLURM_JOBID": "7", "SLURM_JOB_CPUS_PER_NODE": "8(x2),4", "SLURM_MEM_PER_CPU": "1000", "SLURM_JOB_GPUS": "0,1"},
     ("Slurm", "7", "", 8, 8000, 2, None)),
    ({"LSB_JOBID": "9", "LSB_QUEUE": "q", "LSB_DJOB_NUMPROC": "6"}, ("LSF", "9", "q", 6, None, None, None)),
    ({"LSB_BATCH_JID": "9", "LSB_MCPU_HOSTS": "h1 2 h2 2"}, ("LSF", "9", "", 2, None, None, None)),
    ({"PBS_JOBID": "4711.x", "PBS_QUEUE": "short", "PBS_NUM_PPN": "3"}, ("PBS", "4711.x", "short", 3, None, None, None)),
    ({"PBS_JOBID": "4711.x", "PBS_O_QUEUE": "o", "NCPUS": "2"}, ("PBS", "4711.x", "o", 2, None, None, None)),
    ({"JOB_ID": "5", "SGE_TASK_ID": "undefined", "QUEUE": "all.q", "NSLOTS": "4"}, ("GridEngine", "5", "all.q", 4, None, None, None)),
    ({"OAR_JOB_ID": "5"}, ("OAR", "5", "", None, None, None, None)),
    ({"FLUX_JOB_ID": "f23"}, ("Flux", "f23", "", None, None, None, None)),
    ({"HTCONDOR_JOBID": "1.0"}, ("HTCondor-CE", "1.0", "", None, None, None, None)),
    ({"GRID_GLOBAL_JOBURL": "https://arc/x"}, ("ARC", "https://arc/x", "", None, None, None, None)),
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "pod-1"}, ("Kubernetes", "pod-1", "", None, None, None, None)),
])
def test_each_system_is_known_by_its_variables(environ, expected):
    job = batch.detect(environ, NOW, ask=False)
    assert (job.system, job.job_id, job.queue, job.cores, job.memory_mb, job.gpus, job.time_left_s) == expected


def test_condors_job_ad_tells_what_its_environment_does_not(tmp_path):
    (tmp_path / ".job.ad").write_text(JOB_AD)
    job = batch.detect({"_CONDOR_JOB_AD": str(tmp_path / ".job.ad")}, NOW, ask=False)
    assert (job.system, job.job_id, job.cores, job.memory_mb, job.gpus, job.time_left_s) == ("HTCondor", "12.3", 4, 8192, 1, 2600.0)
    assert job.disk_mb is None  # DiskProvisioned is no bound: docs/worlds.md


@pytest.mark.parametrize("lines, left", [
    ("AllowedJobDuration = 7200", 6200.0), ("MaxRuntime = 1800", 800.0), ("BatchRuntime = 259200", 258200.0), ("AllowedExecuteDuration = 3600\nMaxRuntime = 2000", 1000.0),
    ("BatchRuntime = 500", 0.0), ("", None), ("AllowedJobDuration = undefined\nMaxRuntime = (60 * 60)", None)])
def test_condors_ends_count_from_the_jobs_start_and_the_first_holds(tmp_path, lines, left):
    (tmp_path / ".job.ad").write_text("ClusterId = 12\nJobCurrentStartDate = %d\n%s\n" % (NOW - 1000, lines))
    job = batch.detect({"_CONDOR_JOB_AD": str(tmp_path / ".job.ad")}, NOW, ask=False)
    assert job.time_left_s == left and bool(job.source) == (left is not None)


def test_a_missing_ad_is_no_harm():
    assert batch.detect({"_CONDOR_JOB_AD": "/nowhere", "OMP_NUM_THREADS": "2"}, NOW, ask=False).cores == 2


def test_a_ce_around_a_system_is_told_besides(tmp_path):
    job = batch.detect({"GRID_GLOBAL_JOBID": "g", "SLURM_JOB_ID": "7"}, NOW, ask=False)
    assert job.system == "Slurm" and job.others == ("ARC",)


def test_grid_engine_needs_a_job_not_just_an_installation():
    assert batch.detect({"SGE_ROOT": "/opt/sge"}, NOW, ask=False, cloud_id="/nowhere").system == "local"


def test_outside_all_there_is_a_cloud_or_just_this_machine(tmp_path):
    (tmp_path / "id").write_text("i-0123\n")
    assert batch.detect({}, NOW, cloud_id=str(tmp_path / "id"))[:2] == ("cloud", "i-0123")
    assert batch.detect({}, NOW, cloud_id=str(tmp_path / "no")).system == "local"


def test_the_marks_are_those_of_the_table():
    assert set(batch.MARKS) == {mark for row in batch_systems.SYSTEMS for mark in row.marks}


@pytest.mark.parametrize("environ, program, output, left", [
    ({"SLURM_JOB_ID": "7"}, "squeue", "1-02:03:04", 93784.0), ({"SLURM_JOB_ID": "7"}, "squeue", "UNLIMITED", None),
    ({"SLURM_JOB_ID": "7"}, "squeue", "59:30", 3570.0), ({"SLURM_JOB_ID": "7"}, "squeue", "", None),
    ({"LSB_JOBID": "7"}, "bjobs", "5:10 L", 18600.0), ({"LSB_JOBID": "7"}, "bjobs", "-", None),
    ({"PBS_JOBID": "4711"}, "qstat", QSTAT_F, 169170.0), ({"PBS_JOBID": "4711"}, "qstat", "junk", None),
    ({"FLUX_JOB_ID": "f"}, "flux", "1234", 1234.0), ({"FLUX_JOB_ID": "f"}, "flux", "error", None)])
def test_the_systems_own_program_is_asked_for_the_time_left(programs, monkeypatch, environ, program, output, left):
    programs.make(program, "cat <<'E'\n%s\nE" % output)
    job = batch.detect(dict(environ, PATH=os.environ["PATH"]), NOW)
    assert job.time_left_s == left
    assert job.source == (program if left is not None else "")
    assert len(programs.calls(program)) == 1


def test_a_program_that_fails_or_is_missing_tells_nothing(programs):
    programs.make("squeue", "echo 1:00; exit 1")
    assert batch.detect({"SLURM_JOB_ID": "7", "PATH": os.environ["PATH"]}, NOW).time_left_s is None
    assert batch.detect({"SLURM_JOB_ID": "7", "PATH": "/nowhere"}, NOW).time_left_s is None


def test_grid_engines_limit_counts_from_the_start():
    import time
    start = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(NOW - 200))
    assert parse.sge_left(QSTAT_J.format(start=start + ".123"), NOW) == 7000.0
    start = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(NOW - 200))
    assert parse.sge_left(QSTAT_J.format(start=start), NOW) == 7000.0
    assert parse.sge_left(QSTAT_J_819, NOW) is None and parse.sge_left(QSTAT_J_819, NOW, NOW - 100) == 500.0
    assert parse.sge_left("Following jobs do not exist:\n4711", NOW) is None


def test_grid_engines_spool_folder_tells_when_the_job_began(tmp_path):
    (tmp_path / "environment").write_text("")
    os.utime(str(tmp_path / "environment"), (NOW, NOW))
    assert parse.sge_began({"SGE_JOB_SPOOL_DIR": str(tmp_path)}) == NOW
    assert parse.sge_began({}) is None and parse.sge_began({"SGE_JOB_SPOOL_DIR": "/nowhere"}) is None


def test_oars_walltime_counts_from_the_start():
    import time
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - 200))
    assert parse.oar_left(OARSTAT.format(start=start), NOW) == 7000.0
    assert parse.oar_left("", NOW) is None


def test_pbs_counts_this_hosts_lines(tmp_path):
    (tmp_path / "nodes").write_text("h1\nh1\nh2\n")
    assert parse.pbs_cores({"PBS_NODEFILE": str(tmp_path / "nodes")}) == 2 and parse.oar_cores({"OAR_NODEFILE": str(tmp_path / "nodes")}) == 2
    assert parse.pbs_cores({}) is None and parse.oar_cores({}) is None


def test_of_a_job_on_many_hosts_only_ours_counts(tmp_path):
    own = os.uname().nodename
    (tmp_path / "nodes").write_text("h1\nh1\n%s.example.org\n" % own)
    (tmp_path / "pe").write_text("h1 4 q@h1 UNDEFINED\n%s 3 q@x UNDEFINED\n" % own)
    assert parse.oar_cores({"OAR_NODEFILE": str(tmp_path / "nodes")}) == 1
    assert parse.sge_cores({"NSLOTS": "7", "PE_HOSTFILE": str(tmp_path / "pe")}) == 3 and parse.sge_cores({"NSLOTS": "2"}) == 2 and parse.sge_cores({}) is None
    assert parse.lsf_cores({"LSB_DJOB_NUMPROC": "6", "LSB_MCPU_HOSTS": "h1 4 %s 2" % own}) == 2 and parse.lsf_cores({"LSB_DJOB_NUMPROC": "6"}) == 6


@pytest.mark.parametrize("index, job_id", [("3", "8[3]"), ("0", "8"), (None, "8")])
def test_the_parts_of_an_lsf_array_are_asked_for_one_by_one(programs, index, job_id):
    programs.make("bjobs", "echo '0:10 L'")
    environ = {"LSB_JOBID": "8", "PATH": os.environ["PATH"]}
    job = batch.detect(dict(environ, LSB_JOBINDEX=index) if index else environ, NOW)
    assert job.job_id == job_id and job.time_left_s == 600 and programs.calls("bjobs") == ["-noheader -o time_left " + job_id]


@pytest.mark.parametrize("task, job_id", [("3", "5.3"), ("undefined", "5")])
def test_the_parts_of_an_array_have_ids_and_ends_of_their_own(programs, tmp_path, task, job_id):
    programs.make("qstat", "printf 'hard resource_list: h_rt=1000\\nstart_time 1: 11/20/2026 10:00:00\\nstart_time 2: 11/20/2026 11:00:00\\n'")
    began = time.mktime(time.strptime("11/20/2026 10:00:00", "%m/%d/%Y %H:%M:%S"))
    job = batch.detect({"JOB_ID": "5", "SGE_TASK_ID": task, "PATH": os.environ["PATH"]}, began + 100)
    assert job.job_id == job_id and job.time_left_s == 900 and programs.calls("qstat") == ["-j 5"]
    (tmp_path / "environment").write_text("")
    os.utime(str(tmp_path / "environment"), (began + 3600, began + 3600))  # our own part's beginning
    job = batch.detect({"JOB_ID": "5", "SGE_TASK_ID": task, "PATH": os.environ["PATH"], "SGE_JOB_SPOOL_DIR": str(tmp_path)}, began + 3700)
    assert job.time_left_s == 900


def test_oars_own_walltime_where_its_program_cannot_be_asked():
    job = batch.detect({"OAR_JOB_ID": "5", "OAR_JOB_WALLTIME_SECONDS": "7200", "PATH": "/nowhere"}, 0.0)
    assert (job.time_left_s, job.source) == (7200.0, "OAR_JOB_WALLTIME_SECONDS")


def test_a_volunteers_bounds_are_the_slots(tmp_path, monkeypatch, pilot):
    (tmp_path / "init_data.xml").write_text("<app_init_data>\n<app_name>pilot</app_name>\n<result_name>res1</result_name>\n<ncpus>1.000000</ncpus>\n<rsc_memory_bound>536870912.000000</rsc_memory_bound>\n"
                                            "<rsc_disk_bound>2147483648</rsc_disk_bound>\n<computation_deadline>1600.5</computation_deadline>\n</app_init_data>\n")
    monkeypatch.chdir(str(tmp_path))
    job = batch.detect({}, 1000.5)
    assert (job.system, job.job_id, job.cores, job.memory_mb, job.disk_mb, job.time_left_s) == ("BOINC", "res1", 1, 512, 2048, 600.0)
    ended = pilot("-X", "CheckWorkerNode", "--hold-s", "0")
    node = ended.report["facts"]["WorkerNode"]
    assert (node["cores"], node["memory_mb"], node["disk_mb"]) == (1, 512, 2048)


@pytest.mark.parametrize("text, seconds", [("30", 30), ("1:30", 90), ("1:00:00", 3600), ("2-0:0:1", 172801), ("UNLIMITED", None),
                                           ("", None), ("x-1:0", None), ("1:2:3:4", None), ("-5", None)])
def test_durations(text, seconds):
    assert parse.duration(text) == seconds


def test_ads_keep_expressions_as_text():
    ad = parse.parse_ad(JOB_AD)
    assert ad["GlobalJobId"] == "host#12.3#1795229000" and ad["Undefined"] == "undefined" and "TARGET" in ad["Requirements"]


def test_a_part_of_an_array_is_asked_for_by_its_own_number(programs):
    """Part 5 of the array 5 has the array's own number; asked for that, squeue tells of all parts."""
    programs.make("squeue", 'case "$*" in *"-j 5_2 "*) echo 5:00;; *) printf "5:00\\n5:00\\n";; esac')
    job = batch.detect({"SLURM_JOB_ID": "5", "SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2", "PATH": os.environ["PATH"]}, NOW)
    assert (job.job_id, job.time_left_s) == ("5_2", 300.0)
