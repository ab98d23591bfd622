# Process 1 of a lab: makes the lab's folder the home of libvirt in new mount,
# network and process namespaces, says "ready", and lives until its standard
# input ends, which it does when whoever started the lab is gone. bash reaps the
# orphans while it reads; libvirt waits long for a probing QEMU that stays a zombie.
set -eu
trap '' INT TERM HUP
lab=$1
cd "$lab" # so that it is reached also when it is below /run
mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount --bind "$lab/etc" /etc/libvirt
mount --bind "$lab/lib" /var/lib/libvirt
mount --bind "$lab/cache" /var/cache/libvirt
mount --bind "$lab/log" /var/log/libvirt
# The machine may have no /run/libvirt, and its system bus is not for the lab.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/libvirt /run/lock
mount --bind run /run/libvirt
# Without udev the device is closed to QEMU's user, and libvirt, which sees that
# a probing QEMU may use it but its user may not, probes anew at every look: 7 s.
if [ -c /dev/kvm ]; then
	mknod -m 0666 /run/kvm c 10 232
	mount --bind /run/kvm /dev/kvm
fi
ip link set lo up
echo ready
while read -r _; do :; done
