package plan

import "slices"

// Wants are what declared spawns need of a host beyond what they have.
type Wants struct {
	Networks []string // that they are on, sorted
	Memory   int64    // bytes of those that should run and do not
	Disk     int64    // bytes that their disks can grow by
}

// Needs adds up what the declared spawns of a host need.
func Needs(actual, desired State, host string) Wants {
	v := newView(actual, desired)
	var wants Wants
	for _, s := range v.desired.Spawns {
		if s.Host == host {
			v.addWants(s, &wants)
		}
	}
	slices.Sort(wants.Networks)
	wants.Networks = slices.Compact(wants.Networks)
	return wants
}

func (v *view) addWants(s Spawn, wants *Wants) {
	for _, nic := range s.NICs {
		if nic.Network != "" {
			wants.Networks = append(wants.Networks, nic.Network)
		}
	}
	if have, ok := v.have[s.key()]; s.Power == Running && (!ok || have.Power != Running) {
		wants.Memory += s.Memory
	}
	for _, declared := range sizes(s, s) {
		volume, ok := v.volume(s.Host, declared.Volume)
		size := max(declared.Size, volume.Size)
		if !ok && declared.Volume == s.Volume() && size == 0 {
			size = v.imageDisk(s)
		}
		wants.Disk += max(size-volume.Used, 0)
	}
}

// imageDisk is the virtual size of the image a spawn is made from, 0 before it is built.
func (v *view) imageDisk(s Spawn) int64 { return v.images[generationKey(s)].Disk }
