#!/bin/bash
# picas.sh up|down BASE : a CouchDB-compatible server (pouchdb-server, in memory, 127.0.0.1:15984) and, in BASE/venv, the picas client from PyPI; CACHE keeps both between runs
set -euo pipefail
. "$(dirname "$0")/lib.sh"; [ $# -ge 2 ] || usage
cmd=$1 BASE=$(realpath -m "$2") PORT=${PORT:-15984} CACHE=${CACHE:-$BASE}
case $cmd in
up)
  fresh "$BASE/couch.pid"; mkdir -p "$BASE" "$CACHE/node"
  [ -e "$CACHE/node/node_modules/.bin/pouchdb-server" ] || (cd "$CACHE/node" && npm install --no-audit --no-fund --ignore-scripts pouchdb-server@4.2.0 >npm.log 2>&1)
  if [ ! -e "$CACHE/venv/ok" ]; then   # the couchdb module it needs is built with an old setuptools
    "${PY:-python3}" -m venv "$CACHE/venv" && "$CACHE/venv/bin/pip" install -q 'setuptools==80' && "$CACHE/venv/bin/pip" install -q picas==1.1.2 && touch "$CACHE/venv/ok"
  fi
  (cd "$BASE"; exec env RUNS_IN="$BASE" setsid node "$CACHE/node/node_modules/.bin/pouchdb-server" --host 127.0.0.1 --port "$PORT" --in-memory --no-stdout-logs >"$BASE/couch.log" 2>&1 </dev/null) & echo $! >"$BASE/couch.pid"
  waitfor 30 listening "$PORT"; echo "http://127.0.0.1:$PORT" ;;
down) stop "$BASE/couch.pid" ;;
*) usage ;;
esac
