#!/bin/bash
# vm.sh ROOTFS SEEDDIR DISK [SECONDS=500] : boots a whole virtual machine (systemd, its own kernel, the real cloud-init with SEEDDIR/{user-data,meta-data}) until it powers off; prints its console; root
#   ROOTFS is made by mmdebstrap if it is not there (~40 s, 500 MB) with ROOTFS.img beside it; DISK is the machine's own copy of that: debugfs -R 'cat /path' DISK reads what it left
#   the host's loopback is 10.0.2.2 inside; emulated (TCG): ~45 s from start to power-off
set -euo pipefail
. "$(dirname "$0")/lib.sh"; [ $# -ge 3 ] || usage
R=$(realpath -m "$1") S=$(realpath "$2") D=$(realpath -m "$3")
if [ ! -e "$R.img" ]; then
  rm -rf "$R.part"; debian_tree "$R.part" "${SUITE:-bookworm}" cloud-init,python3,mount,sudo,curl,procps,iproute2,ca-certificates,systemd-sysv,udev,dbus,linux-image-cloud-amd64,ifupdown,isc-dhcp-client
  echo 'LABEL=root / ext4 errors=remount-ro 0 1' >"$R.part/etc/fstab"
  printf '%s\n' 'datasource_list: [ NoCloud, None ]' 'resize_rootfs: false' 'growpart: {mode: "off"}' 'locale: false' 'ssh_genkeytypes: []' >"$R.part/etc/cloud/cloud.cfg.d/99_test.cfg"
  cp "$R.part"/boot/vmlinuz-* "$R.vmlinuz"; cp "$R.part"/boot/initrd.img-* "$R.initrd"
  mke2fs -q -t ext4 -L root -d "$R.part" -E root_owner=0:0 "$R.img.part" 1200M; rm -rf "$R.part"; mv "$R.img.part" "$R.img"
fi
cp --sparse=always "$R.img" "$D"
genisoimage -quiet -output "$D.iso" -volid cidata -joliet -rock "$S/user-data" "$S/meta-data"
exec timeout "${4:-500}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nographic -no-reboot -kernel "$R.vmlinuz" -initrd "$R.initrd" -append "root=/dev/vda rw console=ttyS0" \
  -drive "file=$D,if=virtio,format=raw" -drive "file=$D.iso,if=virtio,format=raw,readonly=on" -netdev user,id=n0 -device virtio-net-pci,netdev=n0 </dev/null
