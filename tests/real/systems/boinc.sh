#!/bin/bash
# boinc.sh up|down BASE FOLDER : the real BOINC client, on loopback, with a project of the test (boinc_project.py) whose application is FOLDER/pilot.py with FOLDER/app_info.xml; N=1 jobs
set -euo pipefail
. "$(dirname "$0")/lib.sh"; [ $# -ge 2 ] || usage
cmd=$1 BASE=$(realpath -m "$2") P=${PORT:-8066} RPC=${RPC:-31999}; HERE=$(realpath "$(dirname "$0")")
D=$BASE/client URL=http://127.0.0.1:$P/test/ PD=$BASE/client/projects/127.0.0.1_${P}_test
case $cmd in
up)
  fresh "$BASE/server.pid" "$BASE/client.pid"; rm -rf "$D" "$BASE"/{uploaded.txt,reported.xml}; mkdir -p "$PD"
  for f in "$3"/*; do install -m 755 "$f" "$PD/"; done
  printf '<account>\n<master_url>%s</master_url>\n<authenticator>0123456789abcdef0123456789abcdef</authenticator>\n</account>\n' "$URL" >"$D/account_127.0.0.1_${P}_test.xml"
  # not unsigned_apps_ok: it suspends all network
  echo '<cc_config><log_flags><task>1</task><sched_ops>1</sched_ops><cpu_sched>1</cpu_sched></log_flags><options><report_results_immediately>1</report_results_immediately><no_info_fetch>1</no_info_fetch><dont_contact_ref_site>1</dont_contact_ref_site><skip_cpu_benchmarks>1</skip_cpu_benchmarks><suppress_net_info>1</suppress_net_info><ncpus>1</ncpus></options></cc_config>' >"$D/cc_config.xml"
  echo '<global_preferences><run_on_batteries>1</run_on_batteries><run_if_user_active>1</run_if_user_active><suspend_cpu_usage>0</suspend_cpu_usage><leave_apps_in_memory>1</leave_apps_in_memory><disk_min_free_gb>0</disk_min_free_gb><disk_max_used_gb>0</disk_max_used_gb><cpu_usage_limit>100</cpu_usage_limit><work_buf_min_days>0.001</work_buf_min_days></global_preferences>' >"$D/global_prefs_override.xml"
  echo secret >"$D/gui_rpc_auth.cfg"
  cd "$BASE"; env RUNS_IN="$BASE" setsid "${PY:-python3}" "$HERE/boinc_project.py" "$P" "${N:-1}" >"$BASE/server.log" 2>&1 </dev/null & echo $! >"$BASE/server.pid"
  waitfor 10 listening "$P"
  (cd "$D"; exec env -i PATH=/usr/bin:/bin HOME="$BASE" setsid boinc --dir "$D" --allow_multiple_clients --gui_rpc_port "$RPC" --skip_cpu_benchmarks >"$BASE/client.log" 2>&1 </dev/null) & echo $! >"$BASE/client.pid"
  waitfor 20 listening "$RPC" ;;
task) shift 2; exec boinccmd --host "127.0.0.1:$RPC" --passwd secret --task "$URL" "$@" ;;
tasks) exec boinccmd --host "127.0.0.1:$RPC" --passwd secret --get_tasks ;;
down) stop "$BASE/client.pid" "$BASE/server.pid" ;;
*) usage ;;
esac
