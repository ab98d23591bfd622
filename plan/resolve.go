package plan

import "slices"

// resolved is the desired state with the generations that the hosts have: of
// a definition that was built more than once, the newest counts.
func resolved(actual, desired State) State {
	desired.Images, desired.Spawns = slices.Clone(desired.Images), slices.Clone(desired.Spawns)
	for i, want := range desired.Images {
		if newest, ok := newestOf(actual, want); ok && want.Hash == want.Definition {
			desired.rename(i, newest.Hash)
		}
	}
	return desired
}

// rename gives an image another generation, and the spawns that are made from it.
func (s *State) rename(image int, hash string) {
	old := s.Images[image].key()
	s.Images[image].Hash = hash
	for i, spawn := range s.Spawns {
		if spawn.Host == old.host && generationKey(spawn) == old {
			s.Spawns[i].Generation = hash
		}
	}
}

// newestOf is the youngest complete generation of the same definition.
func newestOf(actual State, want Generation) (newest Generation, ok bool) {
	for _, have := range actual.Images {
		same := have.Host == want.Host && have.Image == want.Image && have.Definition == want.Definition
		if same && have.Complete && (!ok || have.Created.After(newest.Created)) {
			newest, ok = have, true
		}
	}
	return newest, ok
}

// Rebuilt is the desired state with a further generation of each named image,
// of the same definition. It is the same again until that one is built.
func Rebuilt(actual, desired State, images []string) State {
	desired = resolved(actual, desired)
	for i, want := range desired.Images {
		if _, built := newestOf(actual, want); built && slices.Contains(images, want.Image) {
			desired.rename(i, digest("pcloud-apply rebuild 1", want.Definition, want.Hash)[:12])
		}
	}
	return desired
}
