#!/bin/bash
# metadata.sh DIR CMD... : runs CMD in a network of its own where 169.254.169.254 is a cloud's metadata service, Machine/Job Features and a joboutputs store; root or any user
#   Every key is a file below DIR (made on first use, free to change while CMD runs); PUT stores a file below DIR (the IMDSv2 token too). No proxies: ProxyHandler({})
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
[ -n "${FAKE_NET:-}" ] || FAKE_NET=1 exec unshare $([ "$(id -u)" = 0 ] || echo -Ur) --net -- "$0" "$@"
D=$(realpath -m "$1"); shift
ip link set lo up; ip addr add 169.254.169.254/32 dev lo
put() { mkdir -p "$(dirname "$D/$1")"; [ -e "$D/$1" ] || printf '%s' "$2" >"$D/$1"; }; U=http://169.254.169.254
put latest/user-data '#!/bin/sh
'; put latest/meta-data/instance-id i-0123
put openstack/latest/meta_data.json "{\"uuid\": \"u-1\", \"meta\": {\"machinefeatures\": \"$U/machinefeatures\", \"jobfeatures\": \"$U/jobfeatures\", \"joboutputs\": \"$U/joboutputs\"}}"
put machinefeatures/total_cpu '8
'; put jobfeatures/allocated_cpu '8
'; put jobfeatures/shutdowntime_job "$(($(date +%s) + 86400))"; put jobfeatures/job_id u-1
"${PY:-python3}" - "$D" <<'P' &
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def file(self):
        return os.path.join(sys.argv[1], os.path.normpath("/" + self.path).lstrip("/"))
    def do_GET(self):
        try:
            with open(self.file(), "rb") as stream: self.answer(stream.read())
        except OSError: self.send_error(404)
    def do_PUT(self):
        os.makedirs(os.path.dirname(self.file()), exist_ok=True)
        with open(self.file(), "wb") as stream: stream.write(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.answer(b"TOKEN" if self.path.endswith("/api/token") else b"")
    def log_message(self, *args): print(self.command, self.path, file=sys.stderr, flush=True)
http.server.HTTPServer(("169.254.169.254", 80), Handler).serve_forever()
P
trap "kill $!" EXIT
for _ in $(seq 50); do (exec 3<>/dev/tcp/169.254.169.254/80) 2>/dev/null && break; sleep 0.1; done
rc=0; "$@" || rc=$?; exit $rc
