# Removes what tells one machine from another, and what making the image left.
# Runs in the image as the last of all: virt-sysprep's own clean-up comes before
# packages and commands, and then gives the image a machine id and a seed.
set -eu

main() {
	identity
	instance
	leases
	logs
	leftovers
}

# identity also takes what "Building Images Safely" of systemd names.
identity() {
	machine_id
	rm -rf /etc/ssh/ssh_host_*
	rm -f /var/lib/systemd/random-seed /var/lib/random-seed /var/lib/urandom/random-seed /var/lib/misc/random-seed \
		/boot/loader/random-seed /boot/efi/loader/random-seed /efi/loader/random-seed
	rm -f /var/lib/systemd/credential.secret
}

# machine_id stays empty for systemd, which fills it at the first start. D-Bus's
# own would be taken instead; a link to it is fine. Without systemd an empty one
# is an error to D-Bus, which makes one that is missing.
machine_id() {
	[ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
	rm -f /etc/machine-id
	if [ -e /usr/lib/systemd/systemd ] || [ -e /lib/systemd/systemd ]; then
		: >/etc/machine-id
		chmod 0444 /etc/machine-id
	fi
}

# instance forgets what cloud-init did; a seed and scripts are the image's own.
instance() {
	rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem
}

leases() {
	rm -rf /var/lib/dhcp/*lease* /var/lib/dhclient/*lease* /var/lib/dhcpcd/* /etc/dhcpcd.duid
	rm -rf /var/lib/NetworkManager/*lease* /var/lib/NetworkManager/secret_key /var/lib/NetworkManager/timestamps
}

# logs keeps the files of services, which may not be allowed to make them.
logs() {
	[ -d /var/log ] || return 0
	rm -rf /var/log/journal/* /var/log/installer /var/log/anaconda
	find /var/log -type f \( -name '*.gz' -o -name '*.xz' -o -name '*.zst' -o -name '*.bz2' -o -name '*.[0-9]' \
		-o -name '*.old' -o -name '*-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' \) -exec rm -f {} +
	find /var/log -type f -size +0 -exec sh -c 'for log; do : >"$log"; done' sh {} +
}

# leftovers ends with the folder that has this script's own output.
leftovers() {
	rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
	rm -rf /root/.*_history /home/*/.*_history
	rm -rf /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/* \
		/var/cache/dnf/* /var/cache/yum/* /var/cache/libdnf5/* /var/cache/zypp/* /var/cache/pacman/pkg/* /var/cache/apk/*
	rm -rf /var/tmp/* /var/tmp/.[!.]* /tmp/* /tmp/.[!.]*
}

main
