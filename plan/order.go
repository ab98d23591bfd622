package plan

// needs tells whether a must wait until b has succeeded. It is the whole
// theory of order; b never needs a when a needs b.
func needs(a, b Action) bool {
	switch {
	case a.Verb == Create && b.Spawn != nil && b.Verb == Destroy: // a name or an address is free before it is taken again
		return a.Spawn.Name == b.Spawn.Name || sharesMAC(*a.Spawn, *b.Spawn)
	case a.Verb == Destroy && a.Next != nil: // nothing goes for an image that may never come
		return b.Verb == Build && b.Host == a.Next.Host && b.Image.key() == generationKey(*a.Next)
	case a.Host != b.Host:
		return false
	case uses(a, b.Image): // an image is built or mended before its spawns start from it
		return b.Verb == Build || b.Verb == Update
	case a.Image != nil && a.Verb == Destroy && b.Image != nil: // an old generation goes when the new one is there
		return b.Verb == Build && a.Image.Image == b.Image.Image
	case a.Image != nil && a.Verb == Destroy && b.Spawn != nil: // overlays go, or stand alone, before their image goes
		return b.Verb == Destroy || b.Pull
	}
	return false
}

func uses(a Action, image *Generation) bool {
	return image != nil && a.Spawn != nil && a.Verb != Destroy &&
		a.Spawn.Image == image.Image && a.Spawn.Generation == image.Hash
}

func sharesMAC(a, b Spawn) bool {
	for _, x := range a.NICs {
		for _, y := range b.NICs {
			if x.MAC == y.MAC {
				return true
			}
		}
	}
	return false
}

// Dependencies gives, for each action of the plan, the indexes of the actions
// that must have succeeded before it. They are all smaller than its own.
func (p Plan) Dependencies() [][]int {
	dependencies := make([][]int, len(p.Actions))
	for i, a := range p.Actions {
		for j, b := range p.Actions {
			if i != j && needs(a, b) {
				dependencies[i] = append(dependencies[i], j)
			}
		}
	}
	return dependencies
}

// ordered puts actions behind what they need and otherwise leaves them as they
// are: leftovers and images first, then spawns.
func ordered(actions []Action) []Action {
	sorted := make([]Action, 0, len(actions))
	placed := make([]bool, len(actions))
	for len(sorted) < len(actions) {
		i := nextPlaceable(actions, placed)
		placed[i] = true
		sorted = append(sorted, actions[i])
	}
	return sorted
}

// nextPlaceable is the first action whose needs are all placed. There always is
// one: needs only leads from the removal of images to spawns and builds, from
// spawns to builds and destroys, from destroys to builds, and from those nowhere.
func nextPlaceable(actions []Action, placed []bool) int {
	for i, a := range actions {
		if !placed[i] && !waits(a, actions, placed) {
			return i
		}
	}
	return len(actions) - 1
}

func waits(a Action, actions []Action, placed []bool) bool {
	for j, b := range actions {
		if !placed[j] && needs(a, b) {
			return true
		}
	}
	return false
}
