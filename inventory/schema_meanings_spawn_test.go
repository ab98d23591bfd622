package inventory

import (
	"maps"
	"reflect"
	"regexp"
)

func init() { maps.Copy(meanings, spawnMeanings) }

// spawnMeanings describes the keys of a spawn and of what is in it.
var spawnMeanings = map[string]meaning{
	"Spawn":                      {says: "A virtual machine, or with count a group of equal ones."},
	"Spawn.image":                {says: "The golden image that the machine is made from: one of images.", absent: "that of defaults; one of the two must be there", example: "debian12", name: true},
	"Spawn.count":                {says: "Makes a group: NAME-1 to NAME-n, equal but for name, addresses and host name.", absent: "one machine, named as the block is", example: "3", least: new(1), most: new(maxCount)},
	"Spawn.host":                 {says: "The host that the machine runs on: one of hosts.", absent: "the only host", example: "local", name: true},
	"Spawn.description":          {says: "What the machine is for, in one line; virsh desc shows it.", absent: "none", example: "the database"},
	"Spawn.tags":                 {says: "Words to group machines by.", absent: "none", example: "[production, postgres]", name: true, unique: true, most: new(maxTags)},
	"Spawn.vcpus":                {says: "The number of CPUs. A running machine shows a change after its next restart.", example: "2", least: new(1), most: new(maxVCPUs)},
	"Spawn.max_vcpus":            {says: "How many CPUs the machine can get while it runs, at least vcpus.", absent: "vcpus", example: "8", least: new(0), most: new(maxVCPUs)},
	"Spawn.memory":               {says: "The memory, in binary units (K, KB and KiB are 1024 bytes). A bare number is MiB. A running machine shows a change after its next restart.", example: "2GiB"},
	"Spawn.max_memory":           {says: "How much memory the machine can get while it runs, at least memory. A bare number is MiB.", absent: "memory", example: "8GiB"},
	"Spawn.disk":                 {says: "The root disk: its size (20GiB), or a mapping with more. It grows only, also while the machine runs.", absent: "the image's size", example: "20GiB"},
	"Spawn.disks":                {says: "Extra disks, by names of your own (at most 20 letters); the name is the disk's serial number in the guest. They outlive a respawn.", absent: "none", example: "{data: {size: 50GiB}}", most: new(maxDisks)},
	"Spawn.networks":             {says: "The network cards, in their order.", absent: "one card on the host's network", example: "[{network: default}, {bridge: br0}]", most: new(maxNICs)},
	"Spawn.cloud_init":           {says: "How the machine is set up at its first start, by cloud-init.", absent: "its host name and the keys", example: "{user: ops}"},
	"Spawn.ssh_authorized_keys":  {says: "Public keys (the file that ends in .pub) of those who may log in.", absent: "none", example: "[ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXm6KKzyNKLUYVjiADtVlkzvKWqBVM9aHtgN8RsnE7a me]", pattern: publicKey},
	"Spawn.standalone":           {says: "Pulls the image's data into the machine's own disk, so that it depends on no golden image. A standalone disk never becomes an overlay again."},
	"Spawn.state":                {says: "Whether the machine runs; every apply sees to it. any leaves it as it is.", words: []string{"running", "stopped", "any"}},
	"Spawn.shutdown":             {says: "How the machine is stopped.", absent: "asked, and forced after a minute", example: "{timeout: 3m, then: fail}"},
	"Spawn.restart":              {says: "Whether a running machine that lacks a part of its definition is restarted for it (when-needed), or shows it after its next restart (never).", words: []string{"never", "when-needed"}},
	"Spawn.autostart":            {says: "Whether the machine starts with its host."},
	"Spawn.cpu":                  {says: "The CPU that the guest sees: host-passthrough, host-model, maximum, or a model of QEMU's.", absent: "host-passthrough with KVM, maximum without", example: "host-model", pattern: emptyOr(cpuPattern)},
	"Spawn.uefi":                 {says: "Whether the machine boots by UEFI instead of BIOS."},
	"Spawn.secure_boot":          {says: "Whether UEFI starts signed systems only. Goes with uefi: true."},
	"Spawn.tpm":                  {says: "Whether the machine has an emulated TPM 2.0."},
	"Spawn.graphics":             {says: "The screen, reached on this machine only; without one there is the serial console.", words: []string{"none", "vnc", "spice"}},
	"Spawn.shares":               {says: "Folders of the host that the guest can mount, by names of your own (at most 36 letters).", absent: "none", example: "{backup: {path: /srv/backup, read_only: true}}", most: new(maxShares)},
	"Spawn.xml":                  {says: "A file, relative to this one, that is laid over the domain's XML definition: for what has no key here.", absent: "none", example: "files/db.xml"},
	"Spawn.protect":              {says: "Keeps the machine from being destroyed or respawned. It is recorded on the machine, so that deleting its block does not lift it: set it to false and apply first."},
	"Spawn.on_image_change":      {says: "What happens when the image has a newer generation. keep: it stays on its own; respawn: it is destroyed and made anew, with the same name, address and extra disks; consolidate: it takes the old image's data into its own disk.", words: []string{"keep", "respawn", "consolidate"}},
	"Spawn.on_cloud_init_change": {says: "What happens when what the seed is made from has changed. keep: nothing but a note; respawn: the machine is destroyed and made anew.", words: []string{"keep", "respawn"}},
	"Spawn.rollout":              {says: "How the members of a group take turns when they are respawned or restarted. Goes with count.", absent: "all at once", example: "{max_unavailable: 1}"},
	"Spawn.wait":                 {says: "What a started machine must show before it counts as done.", absent: "an address within five minutes", example: "{for: ssh, timeout: 10m}"},

	"Disk":         {says: "A disk. A size alone may stand for the mapping.", short: reflect.TypeFor[Size]()},
	"Disk.size":    {says: "Its size, in binary units and with the unit. It grows only. An extra disk must have one.", absent: "of the root disk, the image's", example: "50GiB"},
	"Disk.cache":   {says: "How the host caches it, in QEMU's words.", words: []string{"default", "none", "writethrough", "writeback", "directsync", "unsafe"}},
	"Disk.discard": {says: "Whether space that the guest frees is given back to the host (unmap) or not (ignore).", words: []string{"unmap", "ignore"}},

	"Share":           {says: "A folder of the host. In the guest: mount -t virtiofs NAME /mnt."},
	"Share.path":      {says: "Its absolute path on the host.", required: true, example: "/srv/backup", pattern: regexp.MustCompile(`^/[^\x00-\x1f\x7f-\x9f]*[^/\x00-\x1f\x7f-\x9f]$`)},
	"Share.read_only": {says: "Whether the guest may only read it."},

	"Rollout.max_unavailable": {says: "How many members may be down at once. 0 is all.", absent: "0", example: "1", least: new(0)},

	"NIC":             {says: "A network card, on a libvirt network or on a bridge."},
	"NIC.network":     {says: "The libvirt network that the card is on.", absent: "bridge says where it is", example: "default", pattern: foreignNameOrNone},
	"NIC.bridge":      {says: "The host's bridge that the card is on. libvirt does not see the addresses there.", absent: "network says where it is", example: "br0", pattern: regexp.MustCompile(`^([^-/ \t"'<>&\x00-\x1f\x7f-\x9f][^/ \t"'<>&\x00-\x1f\x7f-\x9f]{0,14})?$`)},
	"NIC.mac":         {says: "The card's MAC address. Not in a group.", absent: "derived from inventory, machine and card, so that it stays", example: `"52:54:00:12:34:56"`, pattern: regexp.MustCompile(`^$|^([0-9a-eA-E][02468aceACE]|[fF][02468aAcC])(:[0-9a-fA-F]{2}){5}$`)},
	"NIC.ip":          {says: "A static address with the length of its prefix. Not in a group.", absent: "by DHCP", example: "10.0.0.5/24", pattern: regexp.MustCompile(`^$|^[0-9a-fA-F:.]+/[0-9]{1,3}$`)},
	"NIC.gateway":     {says: "The gateway, an address in the same network. Goes with ip.", absent: "none", example: "10.0.0.1", pattern: emptyOr(address)},
	"NIC.nameservers": {says: "The addresses of the name servers. Goes with ip.", absent: "none", example: "[10.0.0.1, 9.9.9.9]", pattern: address},

	"CloudInit.user":           {says: "A user that is made, with sudo and the keys.", absent: "the image's own user gets the keys", example: "ops", pattern: emptyOr(userPattern)},
	"CloudInit.user_data":      {says: "A file, relative to this one, that becomes user-data as it stands; what is generated becomes vendor-data.", absent: "generated", example: "files/web.yaml"},
	"CloudInit.network_config": {says: "A file, relative to this one, with cloud-init's network configuration.", absent: "DHCP on the first card, as the image does it", example: "files/network.yaml"},

	"Shutdown.timeout": {says: "How long a machine that was asked to stop may take.", example: "3m"},
	"Shutdown.then":    {says: "What happens after that. force: it is powered off; fail: it is left running, and the run fails.", words: []string{"force", "fail"}},

	"Wait.for":     {says: "What to wait for. ip: a DHCP lease; ssh: an answer of its SSH server; none: nothing.", absent: "ip; none where there is no network or the machine does not run", words: []string{"none", "ip", "ssh"}},
	"Wait.timeout": {says: "How long to wait. When it runs out, the machine stays, and the run exits with 3.", example: "10m"},
}

var address = regexp.MustCompile(`^[0-9a-fA-F:.]+(%.+)?$`)
