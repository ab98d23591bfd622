# What makes a disk start the tiny guest. Used where the disk is made: by
# tiny-guest on this machine, and by the installer's shell in a guest.
# shellcheck shell=sh

# write_boot_sector writes to disk $1 the MBR code in file $2 and one active
# Linux partition from 1 MiB to the end, without needing a partitioning tool. $3
# is the disk's size in sectors of 512 bytes.
write_boot_sector() {
	dd if="$2" of="$1" conv=notrunc status=none
	{
		printf '\200\376\377\377\203\376\377\377'
		little_endian 2048
		little_endian $(($3 - 2048))
		# The three other partitions: none.
		dd if=/dev/zero bs=16 count=3 status=none
		printf '\125\252'
	} | dd of="$1" bs=1 seek=446 conv=notrunc status=none
}

little_endian() {
	printf '%b' "$(printf '\\0%03o\\0%03o\\0%03o\\0%03o' \
		$(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"
}

# make_file_system makes one on partition $1 without the newer features, which
# extlinux does not know.
make_file_system() {
	mkfs.ext4 -q -F -L tiny -O '^64bit,^metadata_csum' "$1"
}

# install_boot_loader makes the file system mounted at $1 start by its
# boot/extlinux.conf.
install_boot_loader() {
	extlinux --install "$1/boot" >/dev/null 2>&1
}
