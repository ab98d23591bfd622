# What tiny-guest and tiny-installer share: fetching packages without installing
# them, making an initramfs of their contents, and the tiny guest itself. What
# the guest does is in guest/, beside this file.
# shellcheck shell=bash

export LC_ALL=C
umask 022

scripts="$(dirname "$(readlink -f "$0")")"
readonly scripts
readonly guest_modules=(virtio_pci virtio_net virtio_blk isofs button evdev)
folder=''

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

stage() { echo "${0##*/}: $*"; }

# require_tools takes entries TOOL:PACKAGE.
require_tools() {
	local missing=() entry
	for entry in "$@"; do
		command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
	done
	[[ ${#missing[@]} == 0 ]] || fail "missing tools; run: apt-get install ${missing[*]}"
}

# start_work makes the folder for everything that is not the result. The caller's
# function clean_up runs at the end and calls remove_work.
start_work() {
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	folder=$(mktemp -d)
	mkdir "$folder"/{packages,unpacked}
}

remove_work() {
	if [[ -n $folder ]]; then rm -rf --one-file-system "$folder"; fi
}

# download_packages fetches and unpacks the kernel, busybox, and the packages $@
# with all that they depend on.
download_packages() {
	local names
	names="$(kernel_packages) busybox-static $(with_dependencies "$@")"
	stage "download $(wc -w <<<"$names") packages"
	# shellcheck disable=SC2086 # one word per package
	(cd "$folder/packages" && apt-get -qq -o APT::Sandbox::User=root download $names) ||
		fail "the package mirror does not have them; try: apt-get update"
	stage "unpack them"
	printf '%s\0' "$folder"/packages/*.deb | xargs -0 -P 2 -I{} dpkg-deb -x {} "$folder/unpacked"
}

# kernel_packages names the real packages behind the distribution's smallest
# kernel: Debian has image and modules in one, Ubuntu in two.
kernel_packages() {
	local meta image
	for meta in linux-image-cloud-amd64 linux-image-virtual; do
		image=$(depends_on "$meta" | grep -m 1 '^linux-image-') || continue
		echo "$image" "$(depends_on "$image" | grep '^linux-modules-[0-9]' || true)"
		return
	done
	fail "no kernel package in the package lists; run: apt-get update"
}

depends_on() {
	apt-cache depends "$1" 2>/dev/null | awk '$1 == "Depends:" {print $2}'
}

with_dependencies() {
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
		--no-enhances "$@" 2>/dev/null | grep '^[a-z]' | sort -u | tr '\n' ' '
}

# unpacked prints the path of the program or library $1, in a folder named $2 if
# that is given, whether the distribution has merged /usr or not.
unpacked() {
	local found
	found=$(find "$folder/unpacked" -path "*/${2:-*}/$1" ! -type d ! -path '*/share/*' -print -quit)
	[[ -n $found ]] || fail "no $1 in the downloaded packages"
	echo "$found"
}

# make_system makes folder $1 hold all that an installed disk has: in boot/ the
# kernel, the tiny guest's initramfs and the boot loader's configuration.
make_system() {
	stage "make the guest's initramfs"
	mkdir -p "$1/boot" "$folder"/guest/{etc/acpi/PWRF,etc/udhcpc,run,tmp,data,mnt}
	start_root "$folder/guest"
	add_program "$folder/guest" "$(unpacked dropbear sbin)"
	add_program "$folder/guest" "$(unpacked dropbearkey bin)"
	add_modules "$folder/guest" "${guest_modules[@]}"
	add_guest_files "$folder/guest/etc" "$folder/guest/sbin"
	ln -s bin/busybox "$folder/guest/init"
	pack "$folder/guest" "$1/boot/initrd"
	cp "$folder"/unpacked/boot/vmlinuz-* "$1/boot/vmlinuz"
	cp "$scripts/guest/extlinux.conf" "$1/boot/"
}

# start_root makes the root $1 of an initramfs with busybox and a shell.
start_root() {
	mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,lib,lib64,etc,proc,sys,dev}
	cp "$(unpacked busybox)" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
}

# add_program adds program $2 to the root $1. It asks the downloaded dynamic
# loader, not this machine's, which libraries the program needs.
add_program() {
	local loader library_path
	loader=$(unpacked 'ld-linux-x86-64.so.2')
	library_path=$(find "$folder/unpacked" -name 'lib*.so.*' -printf '%h\n' | sort -u | paste -sd:)
	cp -L "$2" "$1/bin/"
	cp -L "$loader" "$1/lib64/"
	"$loader" --library-path "$library_path" --list "$2" |
		awk '$2 == "=>" && $3 ~ /^\// {print $3}' | xargs -I{} cp -L {} "$1/lib/"
}

# add_modules adds kernel modules to the root $1 and lists them in its
# etc/modules, in the order in which they can be loaded.
add_modules() {
	local root=$1 name
	: >"$root/etc/modules"
	for name in "${@:2}"; do add_module "$root" "$name"; done
}

# add_module adds a kernel module after the modules it depends on. One without
# a file is built into this kernel.
add_module() {
	local file dependency
	! grep -qxF "$2" "$1/etc/modules" || return 0
	file=$(find "$folder/unpacked" -path '*/kernel/*' -name "${2//_/[-_]}.ko*" -print -quit)
	[[ -n $file ]] || return 0
	decompress "$file" >"$1/lib/$2.ko"
	for dependency in $(grep -aoz '^depends=[^[:cntrl:]]*' "$1/lib/$2.ko" | tr '\0,' '\n ' | sed 's/^depends=//'); do
		add_module "$1" "${dependency//-/_}"
	done
	echo "$2" >>"$1/etc/modules"
}

decompress() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -dqc "$1" ;;
	*) cat "$1" ;;
	esac
}

# add_guest_files adds the guest's own scripts to its folders $1, etc, and $2, sbin.
add_guest_files() {
	install -m 0644 "$scripts"/guest/{inittab,functions} "$1/"
	install -m 0755 "$scripts"/guest/{boot,network} "$1/"
	install -m 0755 "$scripts/guest/poweroff" "$1/acpi/PWRF/00000080"
	install -m 0755 "$scripts"/guest/{poweroff,reboot} "$2/"
	install -m 0755 "$scripts/guest/lease" "$1/udhcpc/default.script"
	printf '/bin/sh\n' >"$1/shells"
}

# pack writes the root $1 as a compressed initramfs to file $2.
pack() {
	(cd "$1" && find . -print0 | cpio -0 --quiet -o -H newc -R 0:0) | gzip -9 >"$2"
}
