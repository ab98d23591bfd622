package apply

import (
	"maps"
	"slices"
	"strings"

	"pcloud-apply/plan"
)

// scan finds everything that names a file.
func (m *memory) scan() plan.References {
	refs := plan.References{Users: map[string][]plan.User{}, Snapshots: maps.Clone(m.snapshots)}
	uses := func(path, kind, name string) {
		refs.Users[path] = append(refs.Users[path], plan.User{Kind: kind, Name: name})
	}
	for _, s := range m.spawns {
		for _, name := range s.Volumes() {
			uses(pool+"/"+name, "domain", s.Domain)
		}
	}
	for name, v := range m.volumes {
		uses(v.Backing, "image", pool+"/"+name)
	}
	for name, path := range m.borrowers {
		uses(path, "domain", name)
	}
	for name, path := range m.overlays {
		uses(path, "image", name)
	}
	delete(refs.Users, "")
	return refs
}

// observe is what the program does to learn the actual state.
func (m *memory) observe(desired plan.State) plan.State {
	state := m.inspect(desired, false)
	if plan.HasStrays(state, desired, "h") {
		state = m.inspect(desired, true)
	}
	if plan.NeedsReferences(state, desired, "h") {
		state.References = map[string]plan.References{"h": m.scan()}
	}
	return state
}

// inspect sees a domain that was renamed only when it looks at all of them.
func (m *memory) inspect(desired plan.State, all bool) plan.State {
	state := plan.State{
		Inventory: "lab", Origin: "here", Leftovers: slices.Clone(m.leftovers),
		Hosts:   map[string]plan.Host{"h": {Name: "h", Folder: pool}},
		Volumes: map[plan.VolumeKey]plan.Volume{}, Foreign: map[plan.DomainKey]string{},
	}
	for _, s := range m.spawns {
		if all || strings.Contains(s.Domain, ".") {
			state.Spawns = append(state.Spawns, s)
		} else {
			state.Foreign[plan.DomainKey{Host: "h", Name: s.Domain}] = ""
		}
	}
	for name := range m.borrowers {
		state.Foreign[plan.DomainKey{Host: "h", Name: name}] = ""
	}
	state.Images = slices.Collect(maps.Values(m.images))
	for _, name := range plan.FileNames(state, desired)["h"] {
		if volume, ok := m.volumes[name]; ok {
			state.Volumes[plan.VolumeKey{Host: "h", Name: name}] = volume
		}
	}
	for name := range m.volumes {
		if plan.IsSeed(name) {
			state.Seeds = append(state.Seeds, plan.VolumeKey{Host: "h", Name: name})
		}
	}
	return state
}
