# Settings that would otherwise cost every machine of this image seconds at its
# start. Runs in the image; what is not there is left alone.
set -eu

main() {
	quick_grub
	only_nocloud
	bounded_waits
	host_keys
}

# quick_grub starts the first entry at once. The menu is edited and not made
# anew: here the disks have other names than they will have.
quick_grub() {
	for file in /boot/grub/grub.cfg /boot/grub2/grub.cfg /boot/efi/EFI/*/grub.cfg; do
		edit "$file" 's/^\([[:space:]]*set timeout=\).*/\10/'
	done
	for file in /etc/default/grub /etc/default/grub.d/*.cfg; do
		edit "$file" '/^GRUB_TIMEOUT=/d; /^GRUB_RECORDFAIL_TIMEOUT=/d'
	done
	if [ -f /etc/default/grub ]; then
		printf 'GRUB_TIMEOUT=0\nGRUB_RECORDFAIL_TIMEOUT=0\n' >>/etc/default/grub
	fi
}

# edit keeps the file's inode, and with it its owner, mode and label.
edit() {
	[ -f "$1" ] || return 0
	edited=$(sed "$2" "$1")
	printf '%s\n' "$edited" >"$1"
}

# only_nocloud keeps cloud-init from asking the network for other clouds.
only_nocloud() {
	[ -d /etc/cloud/cloud.cfg.d ] || return 0
	echo 'datasource_list: [ NoCloud, None ]' >/etc/cloud/cloud.cfg.d/99-pcloud-apply.cfg
}

# bounded_waits keeps a network that never comes from holding up the start. The
# services stay: others rely on them. A bridge with STP needs 30 s.
bounded_waits() {
	for unit in /lib/systemd/system/*-wait-online.service /usr/lib/systemd/system/*-wait-online.service; do
		[ -f "$unit" ] || continue
		folder=/etc/systemd/system/${unit##*/}.d
		mkdir -p "$folder"
		printf '[Service]\nTimeoutStartSec=45\n' >"$folder/50-pcloud-apply.conf"
	done
	any_link
}

# any_link is enough for networkd, where it knows that option.
any_link() {
	tool=/usr/lib/systemd/systemd-networkd-wait-online
	[ -x "$tool" ] || tool=/lib/systemd/systemd-networkd-wait-online
	[ -x "$tool" ] && "$tool" --help | grep -q -e --any || return 0
	printf 'ExecStart=\nExecStart=%s --any\n' "$tool" \
		>>/etc/systemd/system/systemd-networkd-wait-online.service.d/50-pcloud-apply.conf
}

# host_keys lets machines make their own where neither cloud-init nor the
# distribution does: without any, sshd does not start.
host_keys() {
	[ ! -e /usr/bin/cloud-init ] || return 0
	for folder in /lib/systemd/system /usr/lib/systemd/system; do
		if [ -f "$folder/ssh.service" ] && [ ! -e "$folder/sshd-keygen.service" ]; then
			make_host_keys
		fi
	done
}

make_host_keys() {
	mkdir -p /etc/systemd/system/ssh.service.wants
	cat >/etc/systemd/system/ssh-host-keys.service <<-'END'
		[Unit]
		Description=Make SSH host keys
		Before=ssh.service
		ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key

		[Service]
		Type=oneshot
		ExecStart=/usr/bin/ssh-keygen -A
	END
	ln -sf ../ssh-host-keys.service /etc/systemd/system/ssh.service.wants/ssh-host-keys.service
}

main
