package plan

import (
	"fmt"
	"slices"
	"strings"
)

type objectKey struct{ host, name string }

func (g Generation) key() objectKey { return objectKey{g.Host, g.Name()} }
func (s Spawn) key() objectKey      { return objectKey{s.Host, s.Name} }

// generationKey is the key of the golden image that a spawn is made from.
func generationKey(s Spawn) objectKey {
	return Generation{Host: s.Host, Image: s.Image, Hash: s.Generation}.key()
}

// view is an index over two states.
type view struct {
	actual, desired State

	have   map[objectKey]Spawn      // actual spawns by name
	images map[objectKey]Generation // actual generations by their full name
	wanted map[objectKey]bool       // desired spawns and generations
	twice  map[objectKey][]string   // spawns that several domains claim to be
}

func newView(actual, desired State) *view {
	v := &view{
		actual: inOrder(actual), desired: inOrder(resolved(actual, desired)),
		have: map[objectKey]Spawn{}, images: map[objectKey]Generation{},
		wanted: map[objectKey]bool{}, twice: map[objectKey][]string{},
	}
	v.indexActual()
	v.compareFingerprints()
	for _, s := range v.desired.Spawns {
		v.wanted[s.key()] = true
	}
	for _, g := range v.desired.Images {
		v.wanted[g.key()] = true
	}
	return v
}

func (v *view) indexActual() {
	for _, s := range v.actual.Spawns {
		if first, ok := v.have[s.key()]; ok && v.twice[s.key()] == nil {
			v.twice[s.key()] = []string{first.Domain}
		} else if !ok {
			v.have[s.key()] = s
			continue
		}
		v.twice[s.key()] = append(v.twice[s.key()], s.Domain)
	}
	for _, g := range v.actual.Images {
		v.images[g.key()] = g
	}
}

// compareFingerprints finds golden images that were replaced as a whole: their
// manifests agree with them, but not with what the spawns on them remember.
func (v *view) compareFingerprints() {
	for i, g := range v.actual.Images {
		if s, ok := v.disagrees(g); ok && g.Complete && g.Damage == "" {
			v.actual.Images[i].Damage = fmt.Sprintf("it is not the one that spawn %s was made on (sha256 %.12s…, not %.12s…)",
				s.Name, g.SHA256, s.Fingerprint)
			v.images[g.key()] = v.actual.Images[i]
		}
	}
}

func (v *view) disagrees(g Generation) (Spawn, bool) {
	for _, s := range v.dependants(g) {
		_, made := v.root(s)
		if made && s.Fingerprint != "" && s.Fingerprint != g.SHA256 && s.Generation == g.Hash {
			return s, true
		}
	}
	return Spawn{}, false
}

// path is the absolute path of a file in the host's pool.
func (v *view) path(host, file string) string { return v.actual.Hosts[host].Folder + "/" + file }

func (v *view) volume(host, name string) (Volume, bool) {
	volume, ok := v.actual.Volumes[VolumeKey{host, name}]
	return volume, ok
}

// root is the spawn's own root volume.
func (v *view) root(s Spawn) (Volume, bool) { return v.volume(s.Host, s.Volume()) }

// dependants are this inventory's spawns that need the golden image: overlays
// of it, and those that were or will be.
func (v *view) dependants(g Generation) []Spawn {
	var needing []Spawn
	for _, s := range v.actual.Spawns {
		if s.Host == g.Host && v.needsImage(s, g) {
			needing = append(needing, s)
		}
	}
	return needing
}

// needsImage goes by the record where the root volume cannot be read: it may be
// made yet, or come back from a backup.
func (v *view) needsImage(s Spawn, g Generation) bool {
	if root, ok := v.root(s); ok && root.Problem == "" {
		return root.Backing == v.path(g.Host, g.File())
	}
	return s.Phase != Deleting && s.Image == g.Image && s.Generation == g.Hash
}

// references are those of the host. What was not read is unknown.
func (v *view) references(host string) References {
	refs, scanned := v.actual.References[host]
	if !scanned {
		refs.Unknown = []string{"nothing of host " + host + " was read"}
	}
	return refs
}

// existing are the spawn's own volumes that are there.
func (v *view) existing(s Spawn) []string {
	var names []string
	for _, name := range s.Volumes() {
		if _, ok := v.volume(s.Host, name); ok {
			names = append(names, name)
		}
	}
	return names
}

// owned tells whether this inventory has a spawn on the host.
func (v *view) owned(host string) bool {
	return slices.ContainsFunc(v.actual.Spawns, func(s Spawn) bool { return s.Host == host })
}

// HasStrays tells whether files lie on the host that look like those of a spawn
// without a domain. The domain may only have been renamed, so that all domains
// are worth a look then.
func HasStrays(actual, desired State, host string) bool {
	v := newView(actual, desired)
	return v.anyStray(host) || v.anyStraySeed(host)
}

// anyStraySeed finds seeds for which there is neither a spawn nor, with a
// spawn of somebody else's, a domain of that name.
func (v *view) anyStraySeed(host string) bool {
	seeds := map[string]bool{}
	for _, s := range v.actual.Spawns {
		seeds[s.SeedFile()] = seeds[s.SeedFile()] || s.Host == host
	}
	return slices.ContainsFunc(v.actual.Seeds, func(seed VolumeKey) bool {
		_, known := v.actual.Foreign[DomainKey{host, strings.TrimSuffix(seed.Name, seedSuffix)}]
		return seed.Host == host && !known && !seeds[seed.Name]
	})
}

// NeedsReferences tells whether a plan between the states has to know who
// names which file on the host: to destroy something, to remove a golden
// image, or to take over a disk that lies there without a domain. It is false
// while nothing differs, which is what keeps an ordinary plan cheap.
func NeedsReferences(actual, desired State, host string) bool {
	v := newView(actual, desired)
	return v.anyUnsettled(host) || v.anySuperseded(host) || v.anyStray(host) || v.anyReshaped(host) || v.anyRespawned(host)
}

func (v *view) anyRespawned(host string) bool {
	return slices.ContainsFunc(v.desired.Spawns, func(s Spawn) bool {
		have, ok := v.have[s.key()]
		return s.Host == host && ok && respawns(s, have)
	})
}

func (v *view) anyReshaped(host string) bool {
	return slices.ContainsFunc(v.desired.Spawns, func(s Spawn) bool { return s.Host == host && v.reshaped(s) })
}

func (v *view) anyUnsettled(host string) bool {
	return slices.ContainsFunc(v.actual.Spawns, func(s Spawn) bool {
		return s.Host == host && (!v.wanted[s.key()] || s.Phase != Ready)
	})
}

func (v *view) anySuperseded(host string) bool {
	return slices.ContainsFunc(v.actual.Images, func(g Generation) bool {
		return g.Host == host && !v.wanted[g.key()] && len(v.dependants(g)) == 0
	})
}

func (v *view) anyStray(host string) bool {
	return slices.ContainsFunc(v.desired.Spawns, func(s Spawn) bool {
		_, defined := v.have[s.key()]
		return s.Host == host && !defined && len(v.existing(s)) > 0
	})
}

// FileNames are the files of spawns, by host, that an inspection has to look
// at: those of every actual spawn, and those that a missing one, or one that
// is made anew, would have.
func FileNames(actual, desired State) map[string][]string {
	v := newView(actual, desired)
	names := map[string][]string{}
	add := func(s Spawn) { names[s.Host] = append(names[s.Host], append(s.Volumes(), s.SeedFile())...) }
	for _, s := range actual.Spawns {
		add(s)
	}
	for _, s := range desired.Spawns {
		if have, defined := v.have[s.key()]; !defined || have.Phase != Ready || have.Image != s.Image {
			add(s)
		}
	}
	return names
}
