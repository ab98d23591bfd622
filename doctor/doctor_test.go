package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func healthy(change ...func(*Facts)) Facts {
	f := Facts{
		URI: "qemu:///system", Versions: "libvirt 9", Accelerator: "auto", Security: "apparmor", Root: true,
		Pool:     Pool{Name: "default", Folder: "/pool", Mode: 0o711, Free: 10 << 30, Immutable: true, Autostart: true},
		Networks: []Network{{Name: "default", Active: true, Autostart: true, DHCP: true}},
		Tools:    []Tool{{Name: "qemu-img", Version: "7.2"}}, MemoryFree: 4 << 30, MemoryWanted: 1 << 30, DiskWanted: 5 << 30,
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func TestAHealthyHostHasNothingToMend(t *testing.T) {
	for _, finding := range Examine(healthy()) {
		if finding.Level != OK || finding.Text == "" {
			t.Errorf("%+v", finding)
		}
	}
}

func TestEveryFindingHasItsFix(t *testing.T) {
	for want, change := range map[string]func(*Facts){
		"warning accelerator":      func(f *Facts) { f.NoKVM = "no /dev/kvm" },
		"problem accelerator":      func(f *Facts) { f.NoKVM, f.Accelerator = "no /dev/kvm", "kvm" },
		"problem rights":           func(f *Facts) { f.Root = false },
		"warning security":         func(f *Facts) { f.Security = "" },
		"problem pool default":     func(f *Facts) { f.Pool.Mode = 0o777 },
		"problem pool default ":    func(f *Facts) { f.Pool.Owner = 1000 },
		"problem pool default  ":   func(f *Facts) { f.Pool.Mode = 0o700 },
		"warning pool default":     func(f *Facts) { f.Pool.Symlink = true },
		"warning pool default ":    func(f *Facts) { f.Pool.Immutable = false },
		"warning pool default  ":   func(f *Facts) { f.Pool.Autostart = false },
		"problem network default":  func(f *Facts) { f.Networks[0] = Network{Name: "default", Missing: true} },
		"problem network default ": func(f *Facts) { f.Networks[0].Active = false },
		"warning network default":  func(f *Facts) { f.Networks[0].DHCP = false },
		"warning network default ": func(f *Facts) { f.Networks[0].Autostart = false },
		"problem qemu-img": func(f *Facts) {
			f.Tools[0] = Tool{Name: "qemu-img", Missing: "not found", Fix: "apt-get install qemu-utils"}
		},
		"warning memory":     func(f *Facts) { f.MemoryWanted = 5 << 30 },
		"warning disk space": func(f *Facts) { f.DiskWanted = 50 << 30 },
	} {
		var got []string
		for _, finding := range Examine(healthy(change)) {
			if finding.Level != OK {
				got = append(got, fmt.Sprintf("%s %s", finding.Level, finding.What))
				if finding.Fix == "" {
					t.Errorf("%+v has no fix", finding)
				}
			}
		}
		if diff := cmp.Diff([]string{strings.TrimSpace(want)}, got); diff != "" {
			t.Errorf("%s:\n%s", want, diff)
		}
	}
}

func TestEmulationThatIsDeclaredIsFine(t *testing.T) {
	for _, finding := range Examine(healthy(func(f *Facts) { f.NoKVM, f.Accelerator = "declared", "tcg" })) {
		if finding.Level != OK {
			t.Errorf("%+v", finding)
		}
	}
}
