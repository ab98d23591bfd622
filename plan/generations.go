package plan

import "slices"

// GenerationStanding is where one golden image stands.
type GenerationStanding struct {
	Generation Generation
	Current    bool    // the inventory asks for it
	Spawns     []Spawn // of this inventory that need it
	Others     []User  // that are not this inventory's and need it
	Unknown    string  // what could not be read; it may need it
}

// Generations tells where every golden image stands that exists, sorted. Others are
// known for hosts whose references were read.
func Generations(actual, desired State) []GenerationStanding {
	v := newView(actual, desired)
	var standings []GenerationStanding
	images := slices.Clone(actual.Images)
	sortImages(images)
	for _, g := range images {
		standing := GenerationStanding{Generation: g, Current: v.wanted[g.key()], Spawns: v.dependants(g)}
		refs := actual.References[g.Host]
		standing.Others = v.strangers(g, refs)
		standing.Unknown = refs.unknown()
		standings = append(standings, standing)
	}
	return standings
}

// strangers are the users of a golden image that are not spawns of ours.
func (v *view) strangers(g Generation, refs References) []User {
	own := map[User]bool{}
	for _, s := range v.dependants(g) {
		own[User{"domain", s.Domain}] = true
		own[User{"image", v.path(g.Host, s.Volume())}] = true
	}
	return slices.DeleteFunc(refs.usersOf(v.path(g.Host, g.File())), func(u User) bool { return own[u] })
}
