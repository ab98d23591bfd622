package guestfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatCouldBeTakenForSomethingElseIsRefused(t *testing.T) {
	for what, c := range map[string]Config{
		"package option":     {Packages: []string{"-y"}},
		"package list":       {Packages: []string{"a,b"}},
		"package removal":    {Packages: []string{"bash-"}},
		"package path":       {Packages: []string{"./x.deb"}},
		"package shell":      {Packages: []string{"a;b"}},
		"package lines":      {Packages: []string{"a\nb"}},
		"no package":         {Packages: []string{""}},
		"relative file":      {Files: []File{{To: "etc/x"}}},
		"folder":             {Files: []File{{To: "/etc/"}}},
		"root":               {Files: []File{{To: "/"}}},
		"climbing file":      {Files: []File{{To: "/etc/../x"}}},
		"lines in a name":    {Files: []File{{To: "/etc/x\ny"}}},
		"no file":            {Files: []File{{}}},
		"mode of a device":   {Files: []File{{To: "/x", Mode: os.ModeDevice | 0o600}}},
		"mode with setuid":   {Files: []File{{To: "/x", Mode: os.ModeSetuid | 0o755}}},
		"owner option":       {Files: []File{{To: "/x", Owner: "-R"}}},
		"owner shell":        {Files: []File{{To: "/x", Owner: "a b"}}},
		"owner's parts":      {Files: []File{{To: "/x", Owner: "a:b:c"}}},
		"key lines":          {RootKeys: []string{"secret-key\nsecret-key"}},
		"empty key":          {RootKeys: []string{" "}},
		"zone option":        {Timezone: "-x"},
		"climbing zone":      {Timezone: "../../etc/shadow"},
		"absolute zone":      {Timezone: "/etc/shadow"},
		"empty command":      {Commands: []string{"true", "\n"}},
		"command of no text": {Commands: []string{"a\x00b"}},
		"negative memory":    {Memory: -1},
	} {
		work := t.TempDir()
		err := Tool{Path: "/bin/false"}.Prepare(t.Context(), c, "/image", work, nil)
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
		if entries, _ := os.ReadDir(work); len(entries) > 0 {
			t.Errorf("%s: there is already %v", what, entries)
		}
	}
}

func TestNamesThatAreNoPathsAreRefused(t *testing.T) {
	for _, name := range []string{"", "-a", "image", "json:{}", "nbd:localhost"} {
		tool := Tool{Path: "/bin/false"}
		if err := tool.Prepare(t.Context(), Config{}, name, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "absolute") {
			t.Errorf("image %q: %v", name, err)
		}
		if err := tool.Prepare(t.Context(), Config{}, "/image", name, nil); err == nil || !strings.Contains(err.Error(), "absolute") {
			t.Errorf("work %q: %v", name, err)
		}
	}
}

func TestWhatIsUsualIsAccepted(t *testing.T) {
	c := everything()
	c.Packages = []string{"g++", "@core", "libc6:i386", "nginx=1.22.1-9~deb12u1", "python3.11", "0ad"}
	c.Files = append(c.Files, File{To: "/a", Owner: "0:0"}, File{To: "/b", Owner: "_apt:adm"})
	for _, c.Timezone = range []string{"", "UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"} {
		if err := c.check(); err != nil {
			t.Error(err)
		}
	}
}

func TestAKernelMustBeReadable(t *testing.T) {
	boot := t.TempDir()
	if err := findKernel(boot); err == nil || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("%v", err)
	}
	must(t, os.Symlink("nowhere", filepath.Join(boot, "vmlinuz-1")))
	if err := findKernel(boot); err == nil || !strings.Contains(err.Error(), "vmlinuz-1") {
		t.Errorf("%v", err)
	}
	must(t, os.WriteFile(filepath.Join(boot, "vmlinuz-2"), nil, 0o600))
	must(t, findKernel(boot))
}
