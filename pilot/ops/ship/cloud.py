"""Clouds, through the user-data of cloud-init. The user-data is a start script ("stage 0") of a few
kB that fetches the pilot. If the cloud accepts enough bytes, the script can contain the pilot.

Stage 0 runs as root in the last stage of cloud-init, which sets neither HOME nor USER. It fetches
the file from the first URL that returns the right sha256. It creates a user without privileges and
starts the pilot as this user in the background, so that cloud-init can finish and run its
phone_home module. When the pilot has exited, it powers the machine off.
"""

import base64
import gzip
import hashlib
import io
from typing import Dict, NamedTuple, Optional

from pilot.engine import onefile
from pilot.errors import UsageError
from pilot.ops.ship.order import (
    Journey, Order, Parcel, World, own_workdir, quote_words,
)

PILOT = "pilot.pyz"
LARGE = 16384  # the limit of EC2; a few clouds accept less
# options that only some worlds use
MACHINE = frozenset(("walltime", "url", "stay", "resume"))
SECRET_NOTE = (
    "\nEvery process of such a machine can read its user-data, and the secret with it:"
    " use a secret that expires soon."
)
FORMATS = ("script", "gzip", "mime")


class Cloud(NamedTuple):
    """How many bytes of user-data a cloud accepts, before base64, and the reason."""

    limit: Optional[int]
    why: str


CLOUDS: Dict[str, Cloud] = {
    "ec2": Cloud(16384, "EC2 takes 16384 bytes before base64"),
    "openstack": Cloud(49149, "Nova takes 65535 bytes of base64"),
    "azure": Cloud(65535, "Azure takes 65535 bytes of customData"),
    "cloudstack": Cloud(32768, "CloudStack takes 32768 bytes"),
    "cloudstack-get": Cloud(3072, "CloudStack takes 4096 bytes of base64 by GET"),
    "nebius": Cloud(32768, "Nebius takes 32768 bytes"),
    "kubevirt": Cloud(2048, "KubeVirt takes 2048 bytes inline; more in a Secret"),
    "vsphere": Cloud(524288, "vSphere takes 524288 bytes"),
    "gce": Cloud(262144, "GCE takes 262144 bytes in a value of metadata"),
    "nocloud": Cloud(None, ""),
}

STAGE_0 = """#!/bin/sh
# Stage 0 of a pilot: fetches it, makes a user for it, starts it, and ends the machine when it has ended.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
umask 022
D=/var/lib/pilot SUM=%(sum)s
%(identity)sfail() { echo "pilot: $1" >&2; %(after)s exit 1; }
[ ! -e "$D/done-$ID" ] || exit 0
mkdir -p "$D/work" || fail "$D cannot be made"
right() { [ "$(sha256sum <"$D/pilot.pyz" 2>/dev/null)" = "$SUM  -" ]; }
%(resume)s%(bring)sid pilot >/dev/null 2>&1 || useradd -r -m -d "$D/home" -s /bin/sh pilot || adduser -S -D -h "$D/home" pilot ||
  fail "no user can be made"
chown pilot "$D/work"
cat >"$D/run" <<'END'
#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
cd /var/lib/pilot/work || exit 1
%(mark)sfor p in python3 /usr/libexec/platform-python; do command -v $p >/dev/null && break; done
env -i PATH="$PATH" HOME=/var/lib/pilot/home ${MACHINEFEATURES:+MACHINEFEATURES="$MACHINEFEATURES"} \\
  ${JOBFEATURES:+JOBFEATURES="$JOBFEATURES"} ${JOBOUTPUTS:+JOBOUTPUTS="$JOBOUTPUTS"} \\
  ${PILOT_SITE:+PILOT_SITE="$PILOT_SITE"} ${PILOT_CE:+PILOT_CE="$PILOT_CE"} setpriv --reuid pilot --regid "$(id -g pilot)" --init-groups \\
  $p /var/lib/pilot/pilot.pyz --pilot-id "$1" %(words)s
echo "exit code $?" >>/var/lib/pilot/ended
%(done)s%(after)s
END
if [ -d /run/systemd/system ]; then
  systemd-run -q --unit=pilot --setenv=MACHINEFEATURES="$MACHINEFEATURES" --setenv=JOBFEATURES="$JOBFEATURES" \\
    --setenv=JOBOUTPUTS="$JOBOUTPUTS" --setenv=PILOT_SITE="$PILOT_SITE" --setenv=PILOT_CE="$PILOT_CE" \\
    /bin/sh "$D/run" "$ID" || fail "systemd-run did not start it"
else setsid /bin/sh "$D/run" "$ID" >"$D/out" 2>&1 </dev/null & fi
"""
CLOUD = "ID=vm-$(tr -cd 'A-Za-z0-9._-' </var/lib/cloud/data/instance-id 2>/dev/null)\n"
# The VM manager replaces ##...## (the names come from its source code). Names that it does not know
# become empty.
VAC = """ID=vm-$(printf %s '##user_data_uuid##' | tr -cd 'A-Za-z0-9._-')
[ "$ID" != vm- ] || ID=vm-$(tr -cd 'A-Za-z0-9._-' </var/lib/cloud/data/instance-id 2>/dev/null)
MACHINEFEATURES='##user_data_machinefeatures_url##' JOBFEATURES='##user_data_jobfeatures_url##'
JOBOUTPUTS='##user_data_joboutputs_url##' PILOT_SITE='##user_data_space##' PILOT_CE='##user_data_manager_hostname##'
export MACHINEFEATURES JOBFEATURES JOBOUTPUTS PILOT_SITE PILOT_CE
"""
FETCH = """get() {
  if command -v curl >/dev/null; then curl -fsSL --connect-timeout 10 --max-time 300 -o "$2" "$1"
  elif command -v wget >/dev/null; then wget -q -T 60 -O "$2" "$1"
  else python3 -c 'import sys, urllib.request as u; u.urlretrieve(*sys.argv[1:])' "$1" "$2"; fi
}
n=0
until right; do
  for url in %(urls)s; do get "$url" "$D/part" && mv "$D/part" "$D/pilot.pyz" && right && break; done
  right && break
  n=$((n+1))
  [ $n -lt %(tries)d ] || fail "no URL gave the file with sha256 $SUM"
  sleep %(wait)d
done
"""
CARRY = """base64 -d <<'END' | gunzip >"$D/pilot.pyz"
%(packed)s
END
right || fail "the file inside the user-data is damaged"
"""
RESUME = """mkdir -p /var/lib/cloud/scripts/per-boot && cp "$0" /var/lib/cloud/scripts/per-boot/pilot.sh
chmod 755 /var/lib/cloud/scripts/per-boot/pilot.sh
"""
MARK = ': >"/var/lib/pilot/done-$1"\n'
TRIES, WAIT_S = 60, 10


def ship_cloud_init(order: Order) -> Parcel:
    """Write the user-data for a cloud, and the file that the URLs serve. UsageError if the cloud
    does not accept so many bytes."""
    journey = order.journey
    packed = onefile.zip_bytes(order.files)
    script = stage_0(order, packed)
    data = form_script(script, journey.form)
    cloud = CLOUDS[journey.cloud]
    if cloud.limit is not None and len(data) > cloud.limit:
        raise UsageError(
            "the user-data has %d bytes: %s; %s" % (len(data), cloud.why, _smaller_ways(journey))
        )
    if not journey.urls:
        note = (
            "# %d bytes: more than most clouds take as user-data; --cloud NAME checks, --url makes it small"
            % len(data),
        )
        return Parcel(
            {"user-data": data},
            ("give user-data to the machine",)
            + (note if cloud.limit is None and len(data) > LARGE else ()),
        )
    use = (
        "put %s where %s points" % (PILOT, " and ".join(journey.urls)),
        "give user-data to the machine",
    )
    return Parcel({"user-data": data, PILOT: packed}, use)


def _smaller_ways(journey: Journey) -> str:
    if not journey.urls:
        return "give --url and put the pilot behind it"
    return (
        "--format gzip makes it smaller"
        if journey.form != "gzip"
        else "fewer or shorter words make it smaller"
    )


def ship_vac(order: Order) -> Parcel:
    """Write the user_data template that Vac and Vcycle fill in for each machine. The pilot uses the
    features, the outputs and the id of the machine. The manager reads the pilot's heartbeat and
    shutdown_message. UsageError without a URL."""
    journey = order.journey
    if not journey.urls:
        raise UsageError("a Vac machine fetches its pilot: give --url")
    packed = onefile.zip_bytes(order.files)
    script = stage_0(order, packed, VAC)
    use = (
        "put %s where %s points" % (PILOT, " and ".join(journey.urls)),
        "name user_data as user_data in the machine type, with heartbeat_file = heartbeat and heartbeat_seconds = 900",
    )
    return Parcel({"user_data": script, PILOT: packed}, use)


def stage_0(order: Order, packed: bytes, identity: str = CLOUD) -> bytes:
    """Return the complete script, which fetches or contains the packed pilot. The lines in
    `identity` set the id of the machine."""
    journey = order.journey
    if journey.urls:
        bring = FETCH % {"urls": quote_words(journey.urls), "tries": TRIES, "wait": WAIT_S}
    else:
        bring = CARRY % {
            "packed": base64.encodebytes(form_script(packed, "gzip")).decode("ascii").strip()
        }
    script = STAGE_0 % {
        "identity": identity,
        "sum": hashlib.sha256(packed).hexdigest(),
        "bring": bring,
        "resume": RESUME if journey.resume else "",
        "mark": "" if journey.resume else MARK,
        "done": MARK if journey.resume else "",
        "after": "poweroff || shutdown -h now;" if journey.power_off else "",
        "words": quote_words(own_workdir(order, "/var/lib/pilot/work")),
    }
    return script.encode("utf-8", "surrogateescape")


def form_script(script: bytes, form: str) -> bytes:
    """Return the script unchanged, compressed by gzip (always to the same bytes), or as the only
    part of a MIME message."""
    if form == "gzip":
        out = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as stream:
            stream.write(script)
        return out.getvalue()
    if form == "mime":
        kind = "text/x-shellscript"
        head = (
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"pilot\"\n\n--pilot\n"
            "Content-Type: %s; charset=\"us-ascii\"\nContent-Disposition: attachment; filename=\"pilot\"\n\n"
            % kind
        )
        return head.encode("ascii") + script + b"\n--pilot--\n"
    return script


WORLDS = (
    World("cloud-init", ship_cloud_init, MACHINE | {"cloud", "format"}, SECRET_NOTE),
    World("vac", ship_vac, MACHINE, SECRET_NOTE),
)
