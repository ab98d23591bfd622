# What start-libvirtd and stop-libvirtd share: the record of what was started or
# defined, one thing a line, so that exactly that is taken away again.
# shellcheck shell=bash
#
#   process NAME PID STARTTIME   unit NAME
#   network-started NAME         network-defined NAME
#   pool-started NAME            pool-defined NAME
#   folder PATH                  device MODE OWNER:GROUP PATH

export LC_ALL=C
readonly uri=qemu:///system
record=''

say() { echo "${0##*/}: $*"; }

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Without a terminal of its own virsh does not ask for a polkit agent that is not there.
lv() { timeout 60 setsid -w virsh -q -c "$uri" "$@"; }

answers() { timeout 20 virsh -q -c "$uri" uri >/dev/null 2>&1; }

# active tells whether the pool or net named $2 is; virsh pads its names.
active() { lv "$1-list" --name | sed 's/ *$//' | grep -xF "$2" >/dev/null; }

# open_record makes the record in folder $1, and forgets what a restart of the
# machine has undone since it was written.
open_record() {
	local boot
	boot=$(cat /proc/sys/kernel/random/boot_id)
	mkdir -p "$1"
	record=$1/libvirtd
	if [[ -e $record && $(cat "$record.boot" 2>/dev/null) != "$boot" ]]; then
		sed -i '/^\(process\|unit\|network-started\|pool-started\|device\) /d' "$record"
	fi
	echo "$boot" >"$record.boot"
	touch "$record"
}

remember() { grep -qxF "$*" "$record" || echo "$*" >>"$record"; }

forget() {
	grep -vxF "$*" "$record" >"$record.new" || true
	mv "$record.new" "$record"
}

recorded() { sed -n "s/^$1 //p" "$record"; }

# start_time tells a process from a later one of the same number. It is empty for
# one that has ended, also while nobody has waited for it.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" {print $20}'; }

# wait_until runs a command until it succeeds, at most $1 seconds long.
wait_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}
