package virtinstall

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatCouldBeTakenForSomethingElseIsRefused(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"another machine":       func(c *Config) { c.URI = "qemu+ssh://server/system" },
		"another machine's TCP": func(c *Config) { c.URI = "qemu+unix://server/system" },
		"another driver":        func(c *Config) { c.URI = "test:///default" },
		"a session":             func(c *Config) { c.URI = "qemu:///session" },
		"no URI":                func(c *Config) { c.URI = "" },
		"a name with keys":      func(c *Config) { c.Name = "a,uuid=x" },
		"an option as name":     func(c *Config) { c.Name = "-a" },
		"no name":               func(c *Config) { c.Name = "" },
		"no UUID":               func(c *Config) { c.UUID = "build" },
		"a title of lines":      func(c *Config) { c.Title = "a\nb" },
		"two installers":        func(c *Config) { c.Location = "/tree" },
		"no installer":          func(c *Config) { c.Kernel, c.Initrd = "", "" },
		"half an installer":     func(c *Config) { c.Initrd = "" },
		"no kernel":             func(c *Config) { c.Kernel = "" },
		"a relative path":       func(c *Config) { c.Kernel = "kernel" },
		"a climbing path":       func(c *Config) { c.Kernel = "/a/../kernel" },
		"a path of lines":       func(c *Config) { c.Kernel = "/a\nb" },
		"an FTP server":         func(c *Config) { c.Kernel = "ftp://server/kernel" },
		"a local URL":           func(c *Config) { c.Kernel = "file:///kernel" },
		"no server":             func(c *Config) { c.Kernel = "http:///kernel" },
		"a login":               func(c *Config) { c.Kernel = "http://user:s3cret@server/kernel" },
		"a URL of words":        func(c *Config) { c.Kernel = "http://server/kernel init=/bin/sh" },
		"a quoting URL":         func(c *Config) { c.Kernel = `http://server/"` },
		"a token in a URL":      func(c *Config) { c.Kernel = "http://server/?token=x" },
		"half of a location":    func(c *Config) { c.Location, c.Kernel, c.Initrd, c.LocationKernel = "/i.iso", "", "", "linux" },
		"parts of nothing":      func(c *Config) { c.LocationKernel, c.LocationInitrd = "linux", "initrd" },
		"an option inside":      func(c *Config) { insideISO(c, "-rm") },
		"above the inside":      func(c *Config) { insideISO(c, "a/../../b") },
		"absolutely inside":     func(c *Config) { insideISO(c, "/linux") },
		"arguments of lines":    func(c *Config) { c.KernelArgs = "a\nb" },
		"arguments of no text":  func(c *Config) { c.KernelArgs = "\xff" },
		"unknown answers":       func(c *Config) { c.Answers.Kind = "autoyast" },
		"answers without kind":  func(c *Config) { c.Answers.Kind = "" },
		"kind without answers":  func(c *Config) { c.Answers.Content = nil },
		"no memory":             func(c *Config) { c.Memory = 0 },
		"odd memory":            func(c *Config) { c.Memory++ },
		"no CPU":                func(c *Config) { c.VCPUs = 0 },
		"no time":               func(c *Config) { c.Timeout = 0 },
		"no network":            func(c *Config) { c.Network = "" },
		"two networks":          func(c *Config) { c.Bridge = "br0" },
		"a network with keys":   func(c *Config) { c.Network = "default,mac=x" },
		"a bridge with keys":    func(c *Config) { c.Network, c.Bridge = "", "br0,x" },
	} {
		r := newTrial(t, "exit 1", absent)
		change(&r.Config)
		err := r.run(t.Context(), func(name string) { t.Errorf("%s: %s", what, name) })
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func insideISO(c *Config, kernel string) {
	c.Location, c.Kernel, c.Initrd, c.LocationKernel, c.LocationInitrd = "/i.iso", "", "", kernel, "initrd"
}

func TestDisksAndFoldersThatAreNoneAreRefused(t *testing.T) {
	r := newTrial(t, "exit 1", absent)
	empty, link, odd := filepath.Join(r.Work, "empty"), filepath.Join(r.Work, "link"), filepath.Join(r.Work, "odd")
	must(t, os.WriteFile(empty, nil, 0o600))
	must(t, os.WriteFile(odd, []byte("odd"), 0o600))
	must(t, os.Symlink(r.Disk, link))
	for _, name := range []string{empty, link, odd, "/dev/null"} {
		r := r
		r.Disk = name
		if err := r.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("disk %s: %v", name, err)
		}
	}
	for _, name := range []string{"", "work", "/a/", "/a\nb"} {
		r := r
		r.Work = name
		if err := r.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "path") {
			t.Errorf("work %q: %v", name, err)
		}
	}
}

func TestWhatIsUsualIsAccepted(t *testing.T) {
	for _, change := range []func(*Config){
		func(*Config) {},
		func(c *Config) { c.URI = "qemu+unix:///system?socket=/run/libvirt/libvirt-sock" },
		func(c *Config) { c.Name, c.Title = "pcloud.golden-0123", `Ünïcode, "quotes"` },
		func(c *Config) { c.Network, c.Bridge = "", "br0.12" },
		func(c *Config) { c.Kernel, c.Initrd, c.Location = "", "", "https://[::1]:8443/debian/" },
		func(c *Config) { c.Kernel, c.Initrd, c.Location = "", "", "/srv/a b, c=\"d\".iso" },
		func(c *Config) { insideISO(c, "boot/x86_64/linux-6.1+1") },
		func(c *Config) { c.Answers = Answers{} },
		func(c *Config) { c.KernelArgs = `ip=dhcp quiet="a, b"` },
	} {
		c := plain("/")
		change(&c)
		if err := c.check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
