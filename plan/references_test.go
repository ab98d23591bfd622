package plan

import "testing"

// Reading who names which file is dear: an ordinary plan must not ask for it.
func TestWhenReferencesAreNeeded(t *testing.T) {
	both := []Generation{golden(current), golden(older)}
	for name, c := range map[string]struct {
		actual, desired State
		want            bool
	}{
		"nothing differs":                           {host(sound, ready()), wish(web()), false},
		"nothing is there":                          {host(nil), wish(web()), false},
		"an update":                                 {host(sound, ready()), wish(desire(func(s *Spawn) { s.VCPUs = 2 })), false},
		"an older generation with an overlay":       {host(both, ready(on(older))), wish(web()), false},
		"an older generation that nothing needs":    {host(both, ready()), wish(web()), true},
		"an older generation whose overlay is lost": {edited(host(both, ready(on(older))), lost("tiny.web.qcow2")), wish(web()), false},
		"a spawn that goes":                         {host(sound, ready()), wish(), true},
		"a half-made spawn":                         {host(sound, ready(phase(Creating))), wish(web()), true},
		"a half-destroyed spawn":                    {host(sound, ready(phase(Deleting))), wish(web()), true},
		"a disk without domain":                     {edited(host(sound), volume("tiny.web.qcow2", Volume{})), wish(web()), true},
		"a disk that grows":                         {host(sound, ready()), wish(desire(func(s *Spawn) { s.Disk = 2 << 30 })), true},
		"a disk that is to stand alone":             {host(sound, ready()), wish(desire(standalone)), true},
		"a disk that stands alone": {
			edited(host(sound, ready()), volume("tiny.web.qcow2", Volume{Size: 1 << 30})), wish(desire(standalone)), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := NeedsReferences(c.actual, c.desired, "local"); got != c.want {
				t.Error(got)
			}
			if NeedsReferences(c.actual, c.desired, "two") {
				t.Error("they are needed on a host where nothing is")
			}
		})
	}
}
