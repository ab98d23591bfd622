package inventory

import (
	"reflect"
	"regexp"

	"github.com/invopop/jsonschema"

	"pcloud-apply/inventory/distro"
)

// meaning is what the schema says of a key beside its type.
type meaning struct {
	says     string         // to somebody who sees it for the first time
	absent   string         // what holds without it, unless it is fixed or required
	example  string         // as YAML
	required bool           // in each mapping that may have it
	words    []string       // the only values
	pattern  *regexp.Regexp // of a text, or of each in a list
	name     bool           // it is a name, or a list of them
	unique   bool           // a list has each value once
	least    *int
	most     *int         // of a number, of items, of named things
	short    reflect.Type // a value of this type may stand for the mapping
}

// meanings describes every key by its type's name and its own, and by the name of
// the type alone what is listed or named by the user.
var meanings = map[string]meaning{
	"Inventory":          {says: "Declares golden images and the virtual machines (spawns) made from them."},
	"Inventory.version":  {says: "The version of this format.", required: true, example: "1", least: new(1), most: new(1)},
	"Inventory.name":     {says: "The owner label on all that is made from this file. What carries another name is never touched. Do not change it later: what was made before would then be somebody else's.", required: true, example: "homelab", name: true},
	"Inventory.hosts":    {says: "The libvirt connections, by names of your own.", absent: "one host, named local, with the defaults of its keys", example: "{local: {uri: \"qemu:///system\"}}"},
	"Inventory.policy":   {says: "Limits on what one run may do.", absent: "the defaults of its keys", example: "{max_destroy: 5}"},
	"Inventory.images":   {says: "The golden images, by names of your own. Each is built once, sealed, and never changed; a changed definition is built as a new generation beside the old one.", absent: "none", example: "{debian12: {bootstrap: {suite: bookworm}}}"},
	"Inventory.defaults": {says: "What holds for every spawn. Each key of a spawn may stand here. A spawn's own keys win: mappings are merged key by key, lists and single values are replaced.", absent: "none", example: "{image: debian12, memory: 2GiB}"},
	"Inventory.spawns":   {says: "The virtual machines, by names of your own. A machine whose block is taken out of the file is destroyed by the next apply.", absent: "none", example: "{web: {image: debian12, count: 2}}"},

	"Host":             {says: "A libvirt connection, with the pool and the network that its spawns use."},
	"Host.uri":         {says: "The libvirt URI. Only hosts on this machine are supported yet.", absent: "$LIBVIRT_DEFAULT_URI, else qemu:///system", example: "qemu:///system"},
	"Host.pool":        {says: "The storage pool for all images and disks. It must exist and be of type dir.", example: "default", pattern: foreignName},
	"Host.network":     {says: "The libvirt network of spawns that name none.", example: "default", pattern: foreignName},
	"Host.accelerator": {says: "How guests are run. auto proves that KVM works by starting a guest, and emulates them (slow) where it does not; kvm insists on it; tcg always emulates.", words: []string{"auto", "kvm", "tcg"}},

	"Policy.max_destroy": {says: "How many ready spawns one run may destroy or respawn. A run that would take more does nothing and exits with 4.", example: "10", least: new(0)},

	"Image":           {says: "A golden image, from exactly one of source, bootstrap and install."},
	"Image.source":    {says: "Makes the image from a ready one: a file, or from the web.", absent: "bootstrap or install makes the image", example: "{file: images/debian12.qcow2}"},
	"Image.bootstrap": {says: "Makes the image from a Debian or Ubuntu package mirror with mmdebstrap. Takes a minute, and root.", absent: "source or install makes the image", example: "{suite: bookworm}"},
	"Image.install":   {says: "Makes the image with the distribution's own installer, unattended, in a build VM. Takes ten minutes or more.", absent: "source or bootstrap makes the image", example: "{distro: rocky9}"},
	"Image.disk":      {says: "The virtual size of the image, in binary units. Its spawns have at least that.", absent: "what a source has; 4GiB bootstrapped; an installation's profile has one", example: "12GiB"},
	"Image.prepare":   {says: "What is changed in the image before it is sealed, so that every spawn has it. All that makes a machine unique (host keys, machine id, logs) is taken away then.", absent: "the image stays as it was made", example: "{packages: [htop], timezone: Europe/Berlin}"},
	"Image.canary":    {says: "Whether a fresh image is published only after a guest on a throw-away overlay of it came up."},

	"Source.file":   {says: "The path of a raw or qcow2 image without backing file, encryption or snapshots, relative to this file.", absent: "url names the image", example: "images/debian12.qcow2"},
	"Source.url":    {says: "The address of an image, http or https. A download that breaks off is resumed; .gz, .xz and .zst are decompressed.", absent: "file names the image", example: "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2", pattern: regexp.MustCompile(`^[hH][tT][tT][pP][sS]?://[^/\x00-\x1f\x7f]`)},
	"Source.sha256": {says: "The SHA-256 checksum of the source as it is downloaded, 64 hexadecimal digits. Required for http; of a file it spares reading it.", absent: "a file is read to see whether it changed; https is trusted", example: "9f1d0c8b6f4f2e1c5d3b7a9086e5d4c3b2a190f8e7d6c5b4a39281706f5e4d3c", pattern: regexp.MustCompile(`^[0-9a-fA-F]{64}$`)},
	"Source.sha512": {says: "The SHA-512 checksum instead of sha256, 128 hexadecimal digits.", absent: "see sha256", example: "c4f0a2d8e6b1935704f8c2a6d0e4b89173f5a9c3d7e1b5f90246ace8d0f2b4769c3d7e1b5f90246ace8d0f2b476c4f0a2d8e6b1935704f8c2a6d0e4b89173f5a", pattern: regexp.MustCompile(`^[0-9a-fA-F]{128}$`)},

	"Bootstrap.suite":      {says: "The release's code name.", required: true, example: "bookworm", pattern: suitePattern},
	"Bootstrap.mirror":     {says: "The address of the package mirror, http or https.", absent: "this machine's, else the distribution's own", example: "https://mirror.example.org/debian", pattern: mirrorPattern},
	"Bootstrap.components": {says: "The parts of the archive that packages come from.", absent: "the distribution's", example: "[main, contrib]", pattern: componentPattern},
	"Bootstrap.keyring":    {says: "A file with the keys that sign the mirror's packages, relative to this file.", absent: "the distribution's keyring", example: "files/mirror.asc", pattern: keyringPattern},
	"Bootstrap.packages":   {says: "Packages to install beside those that a bootable machine needs.", absent: "none", example: "[vim, htop]", pattern: debianPackage},

	"Install.distro":      {says: "A profile with location, answers, memory and disk for a distribution. The other keys replace parts of it.", absent: "location (or kernel) and an answer file say all", words: distro.Names()},
	"Install.location":    {says: "An installation tree (an address) or an ISO image (an address, or a file relative to this one).", absent: "the profile's", example: "https://download.rockylinux.org/pub/rocky/9/BaseOS/x86_64/os/"},
	"Install.kernel":      {says: "The installer's kernel, an address or a file, instead of location. Goes with initrd.", absent: "from location", example: "files/vmlinuz"},
	"Install.initrd":      {says: "The installer's initrd, an address or a file. Goes with kernel.", absent: "from location", example: "files/initrd.img"},
	"Install.kernel_args": {says: "Arguments for the installer's kernel beside those for answers and console, in one line.", absent: "none", example: "inst.nokill", pattern: regexp.MustCompile(`^[\x20-\x7e]{0,1000}$`)},
	"Install.preseed":     {says: "A preseed file with all answers, for Debian's installer, relative to this file.", absent: "the profile's answers", example: "files/debian.cfg"},
	"Install.kickstart":   {says: "A kickstart file with all answers, for Fedora and the like, relative to this file.", absent: "the profile's answers", example: "files/rocky9.ks"},
	"Install.autoinstall": {says: "An autoinstall file with all answers, for Ubuntu's installer, relative to this file.", absent: "the profile's answers", example: "files/ubuntu.yaml"},
	"Install.memory":      {says: "The memory of the build VM. A bare number is MiB.", absent: "the profile's", example: "4GiB", least: new(leastInstall >> 20)},
	"Install.vcpus":       {says: "The number of CPUs of the build VM.", example: "4", least: new(1), most: new(maxVCPUs)},
	"Install.network":     {says: "The libvirt network of the build VM.", absent: "the host's", example: "default", pattern: foreignNameOrNone},
	"Install.timeout":     {says: "How long the installation may take, at least 10s. An emulated machine may need more.", example: "90m"},

	"Prepare.packages":            {says: "Packages to install with the image's own package manager.", absent: "none", example: "[htop, curl]", pattern: packagePattern},
	"Prepare.copy":                {says: "Files to put into the image.", absent: "none", example: "[{from: files/motd, to: /etc/motd}]"},
	"Prepare.ssh_authorized_keys": {says: "Public keys that may log in as root.", absent: "none", example: "[ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXm6KKzyNKLUYVjiADtVlkzvKWqBVM9aHtgN8RsnE7a me]", pattern: publicKey},
	"Prepare.timezone":            {says: "The time zone, as its file below /usr/share/zoneinfo is named.", absent: "the image's", example: "Europe/Berlin", pattern: emptyOr(zonePattern)},
	"Prepare.run":                 {says: "Commands for the image's shell, one a line, run in the image and never on this machine. One that fails ends the build.", absent: "none", example: "[systemctl disable apt-daily.timer]", pattern: regexp.MustCompile(`^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$`)},

	"Copy":       {says: "A file to put into the image."},
	"Copy.from":  {says: "The file, relative to this one; at most 1 MiB.", required: true, example: "files/motd"},
	"Copy.to":    {says: "Its absolute path in the image.", required: true, example: "/etc/motd", pattern: regexp.MustCompile(`^/[^\x00-\x1f\x7f-\x9f]*[^/\x00-\x1f\x7f-\x9f]$`)},
	"Copy.mode":  {says: "Its permissions in octal. In quotes, since YAML would take it for a number.", absent: `"0644"`, example: `"0600"`, pattern: emptyOr(modePattern)},
	"Copy.owner": {says: "Its owner in the image: user or user:group.", absent: "root", example: "www-data:www-data", pattern: emptyOr(ownerPattern)},
}

// foreignName is for names that libvirt gave; see checkForeignName.
var (
	foreignName       = regexp.MustCompile(`^[^-/ \t"'<>&\x00-\x1f\x7f-\x9f][^/ \t"'<>&\x00-\x1f\x7f-\x9f]{0,199}$`)
	foreignNameOrNone = emptyOr(foreignName)
	publicKey         = regexp.MustCompile(`^ *(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) +[A-Za-z0-9+/]{22,}={0,2}( [^\x00-\x1f\x7f-\x9f]*)?$`)
)

// emptyOr lets an empty text stand for none.
func emptyOr(pattern *regexp.Regexp) *regexp.Regexp {
	return regexp.MustCompile("^$|" + pattern.String())
}

// rules are what holds between the keys of a mapping.
var rules = map[string]func(*jsonschema.Schema){
	"Inventory": rulesOfDefaults,
	"Image":     func(s *jsonschema.Schema) { s.OneOf = each("source", "bootstrap", "install") },
	"Source": func(s *jsonschema.Schema) {
		s.OneOf = each("file", "url")
		s.Not = having("sha256", "sha512")
		http := jsonschema.NewProperties()
		http.Set("url", &jsonschema.Schema{Pattern: "^[hH][tT][tT][pP]://"})
		s.If = &jsonschema.Schema{Properties: http, Required: []string{"url"}}
		s.Then = &jsonschema.Schema{AnyOf: each("sha256", "sha512")}
	},
	"Install": func(s *jsonschema.Schema) {
		s.AllOf = []*jsonschema.Schema{
			{Not: &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
				having("preseed", "kickstart"), having("preseed", "autoinstall"), having("kickstart", "autoinstall"), having("kernel", "location"),
			}}},
			{AnyOf: each("distro", "preseed", "kickstart", "autoinstall")},
			{AnyOf: each("distro", "location", "kernel")},
		}
		s.DependentRequired = map[string][]string{"kernel": {"initrd"}, "initrd": {"kernel"}}
	},
	"NIC": func(s *jsonschema.Schema) {
		s.OneOf = each("network", "bridge")
		s.DependentRequired = map[string][]string{"gateway": {"ip"}, "nameservers": {"ip"}}
	},
	"Spawn": func(s *jsonschema.Schema) {
		own := &jsonschema.Schema{Items: &jsonschema.Schema{Not: &jsonschema.Schema{AnyOf: each("mac", "ip")}}}
		s.DependentSchemas = map[string]*jsonschema.Schema{"count": in("networks", own)}
	},
}

// rulesOfDefaults ask of each spawn what defaults do not have for all of them.
func rulesOfDefaults(s *jsonschema.Schema) {
	disk := &jsonschema.Schema{AdditionalProperties: ofTypes(having("size"), "object", "string")}
	severalHosts := in("hosts", &jsonschema.Schema{Type: "object", MinProperties: new(uint64(2))})
	severalHosts.Required = []string{"hosts"}
	s.AllOf = []*jsonschema.Schema{
		unlessDefault("image", jsonschema.TrueSchema, mapping("image")),
		unlessDefault("disks", jsonschema.TrueSchema, in("disks", disk)),
		unlessDefault("host", severalHosts, mapping("host")),
	}
}

// unlessDefault asks something of each spawn when a condition holds and
// defaults lack a key.
func unlessDefault(name string, condition, spawn *jsonschema.Schema) *jsonschema.Schema {
	has := in("defaults", mapping(name))
	has.Required = []string{"defaults"}
	return &jsonschema.Schema{
		If:   &jsonschema.Schema{AllOf: []*jsonschema.Schema{condition, {Not: has}}},
		Then: in("spawns", &jsonschema.Schema{AdditionalProperties: spawn}),
	}
}

// in asks something of one key's value.
func in(name string, value *jsonschema.Schema) *jsonschema.Schema {
	properties := jsonschema.NewProperties()
	properties.Set(name, value)
	return &jsonschema.Schema{Properties: properties}
}

// mapping is one that has these keys; having alone lets other values pass.
func mapping(names ...string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Required: names}
}

func having(names ...string) *jsonschema.Schema { return &jsonschema.Schema{Required: names} }

func each(names ...string) []*jsonschema.Schema {
	var list []*jsonschema.Schema
	for _, name := range names {
		list = append(list, having(name))
	}
	return list
}
