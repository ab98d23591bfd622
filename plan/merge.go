package plan

import (
	"fmt"
	"maps"
)

// Merge adds what was seen of another host.
func (s *State) Merge(other State) {
	s.Spawns = append(s.Spawns, other.Spawns...)
	s.Images = append(s.Images, other.Images...)
	s.Seeds = append(s.Seeds, other.Seeds...)
	s.Leftovers = append(s.Leftovers, other.Leftovers...)
	maps.Copy(s.Hosts, other.Hosts)
	maps.Copy(s.Volumes, other.Volumes)
	maps.Copy(s.Foreign, other.Foreign)
	maps.Copy(s.References, other.References)
	sortSpawns(s.Spawns)
	sortImages(s.Images)
}

// OneDomainOneHost fails when one domain was seen through two hosts: they are
// one libvirtd by two names, and a plan would do everything twice.
func (s *State) OneDomainOneHost() error {
	seen := map[string]string{}
	for _, spawn := range s.Spawns {
		if other, ok := seen[spawn.UUID]; ok && other != spawn.Host {
			return fmt.Errorf("hosts %s and %s both have the domain %s (%s): they are one libvirtd by two names",
				other, spawn.Host, spawn.Domain, spawn.UUID)
		}
		seen[spawn.UUID] = spawn.Host
	}
	return nil
}
