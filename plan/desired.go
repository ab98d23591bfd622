package plan

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"pcloud-apply/inventory"
)

// Desired brings an inventory into the shape that inspection returns: groups
// expanded, names, MACs and hashes in place. The same inventory gives the same
// state. It cannot fail: an [inventory.Inventory] is valid.
func Desired(inv *inventory.Inventory, origin string) State {
	state := State{Inventory: inv.Name, Origin: origin, Hosts: map[string]Host{}}
	for name, h := range inv.Hosts {
		state.Hosts[name] = Host{Name: name, URI: h.URI, Pool: h.Pool}
	}
	for name, s := range inv.Spawns {
		state.Spawns = append(state.Spawns, expand(inv, name, s)...)
	}
	sortSpawns(state.Spawns)
	state.Images = desiredImages(inv, state.Spawns)
	return state
}

// desiredImages gives a generation for each host that needs the image. An
// image without spawns is kept ready on every host.
func desiredImages(inv *inventory.Inventory, spawns []Spawn) []Generation {
	var images []Generation
	for name, image := range inv.Images {
		for _, host := range imageHosts(inv, name, spawns) {
			images = append(images, desiredImage(inv, host, name, image))
		}
	}
	sortImages(images)
	return images
}

func imageHosts(inv *inventory.Inventory, image string, spawns []Spawn) []string {
	used := map[string]bool{}
	for _, s := range spawns {
		if s.Image == image {
			used[s.Host] = true
		}
	}
	if len(used) == 0 {
		for host := range inv.Hosts {
			used[host] = true
		}
	}
	return sortedKeys(used)
}

func desiredImage(inv *inventory.Inventory, host, name string, image inventory.Image) Generation {
	hash := imageHash(inv.Name, name, image)
	g := Generation{
		Host: host, Image: name, Hash: hash, Definition: hash, Disk: int64(image.Disk),
		Bootstrap: image.Bootstrap, Install: image.Install, Prepare: image.Prepare, Canary: image.Canary,
	}
	if image.Source != nil {
		g.Source = Source{Path: image.Source.File, URL: image.Source.URL, Content: image.Source.Content}
	}
	return g
}

// imageHash names a generation: 12 digits over the inventory's name and the
// whole definition, the contents of files instead of their names.
func imageHash(inventoryName, name string, image inventory.Image) string {
	content := ""
	if image.Source != nil {
		content = cmp.Or(image.Source.Content, "url:"+image.Source.URL)
	}
	inputs := []any{"pcloud-apply golden image 1", inventoryName, name, content, image.Disk}
	if b := image.Bootstrap; b != nil {
		inputs = append(inputs, "bootstrap", b.Suite, b.Mirror, b.Components, b.Keyring.Content, b.Packages)
	}
	if i := image.Install; i != nil {
		inputs = append(inputs, "install", i.Content, i.KernelArgs, i.Answers.Kind, i.Answers.Content)
	}
	if p := image.Prepare; p != nil {
		inputs = append(inputs, "prepare", p.Packages, p.SSHAuthorizedKeys, p.Timezone, p.Run)
		for _, c := range p.Copy {
			inputs = append(inputs, c.From.Content, c.To, c.Mode, c.Owner)
		}
	}
	return digest(inputs...)[:12]
}

// expand gives the single machines of a declaration.
func expand(inv *inventory.Inventory, name string, s inventory.Spawn) []Spawn {
	if s.Count == nil {
		return []Spawn{desiredSpawn(inv, name, name, s)}
	}
	var spawns []Spawn
	for i := 1; i <= *s.Count; i++ {
		spawns = append(spawns, desiredSpawn(inv, name, fmt.Sprintf("%s-%d", name, i), s))
	}
	return spawns
}

func desiredSpawn(inv *inventory.Inventory, group, name string, s inventory.Spawn) Spawn {
	return Spawn{
		Host: s.Host, Name: name, Domain: s.Image + "." + name,
		Image: s.Image, Generation: imageHash(inv.Name, s.Image, inv.Images[s.Image]),
		VCPUs: s.VCPUs, Memory: int64(s.Memory), Disk: int64(s.Disk.Size),
		Disks: desiredDisks(s.Disks), NICs: desiredNICs(inv.Name, name, s.Networks),
		Tags: slices.Sorted(slices.Values(s.Tags)), Autostart: s.Autostart, Protect: s.Protect, Power: Power(s.State),
		Group: group, Consolidate: s.Standalone, OnImageChange: s.OnImageChange,
		Seed: Seed{
			Hostname: name, User: s.CloudInit.User, Keys: s.SSHAuthorizedKeys,
			UserData: s.CloudInit.UserData.Content, NetworkConfig: s.CloudInit.NetworkConfig.Content,
		},
		Shutdown: Shutdown{Timeout: s.Shutdown.Timeout, Force: s.Shutdown.Then == "force"},
		Wait:     Wait{For: s.Wait.For, Timeout: s.Wait.Timeout},
		At:       fmt.Sprintf("%s:%d:%d", s.At.File, s.At.Line, s.At.Column),
	}
}

func desiredDisks(disks map[string]inventory.Disk) []Disk {
	var list []Disk
	for name, d := range disks {
		list = append(list, Disk{Name: name, Size: int64(d.Size)})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

func desiredNICs(inventoryName, spawn string, nics []inventory.NIC) []NIC {
	var list []NIC
	for i, n := range nics {
		mac := n.MAC
		if mac == "" {
			mac = deriveMAC(inventoryName, spawn, i)
		}
		list = append(list, NIC{Network: n.Network, Bridge: n.Bridge, MAC: mac, IP: n.IP})
	}
	return list
}

// deriveMAC gives a stable, locally administered address: 02 and the first 40
// bits of a digest over the inventory, the spawn and the card's index.
func deriveMAC(inventoryName, spawn string, index int) string {
	d := digest("pcloud-apply mac 1", inventoryName, spawn, index)
	return fmt.Sprintf("02:%s:%s:%s:%s:%s", d[0:2], d[2:4], d[4:6], d[6:8], d[8:10])
}
