package virtinstall

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fetched runs a trial up to its end, with a tool that does nothing but write.
func fetched(t *testing.T, change func(*Config)) (trial, error) {
	t.Helper()
	r := newTrial(t, `echo >"$(dirname "$0")/disk"; cp "$HOME/kernel" "$HOME/seen"`, absent)
	tool, err := Find()
	must(t, err)
	r.Paths["xorriso"] = tool.Paths["xorriso"]
	r.Config.Kernel, r.Config.Initrd, r.Config.Answers = "", "", Answers{}
	change(&r.Config)
	return r, r.run(t.Context(), func(string) {})
}

func (r trial) mustHave(t *testing.T, kernel, initrd string) {
	t.Helper()
	if r.read(t, "seen") != kernel || r.read(t, "initrd") != initrd {
		t.Errorf("kernel %.40q, initrd %.40q", r.read(t, "seen"), r.read(t, "initrd"))
	}
	info, err := os.Stat(filepath.Join(r.Work, "initrd"))
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// tree makes a folder with files that contain their names.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644))
	}
	return dir
}

const debianKernel, debianInitrd = "current/images/netboot/debian-installer/amd64/linux", "current/images/netboot/debian-installer/amd64/initrd.gz"

func TestInstallersAreFoundInFoldersAndOnServers(t *testing.T) {
	dir := tree(t, "install.amd/vmlinuz", debianKernel, debianInitrd, "own/linux", "own/initrd")
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	for _, location := range []string{dir, server.URL, server.URL + "/"} {
		r, err := fetched(t, func(c *Config) { c.Location = location })
		must(t, err)
		r.mustHave(t, debianKernel, debianInitrd)
		r, err = fetched(t, func(c *Config) { c.Location, c.LocationKernel, c.LocationInitrd = location, "own/linux", "own/initrd" })
		must(t, err)
		r.mustHave(t, "own/linux", "own/initrd")
	}
	r, err := fetched(t, func(c *Config) { c.Kernel, c.Initrd = server.URL+"/own/linux", filepath.Join(dir, "own/initrd") })
	must(t, err)
	r.mustHave(t, "own/linux", "own/initrd")
}

func TestInstallersAreFoundInImages(t *testing.T) {
	dir := tree(t, "casper/vmlinuz", "casper/initrd")
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "casper/link")))
	iso := filepath.Join(t.TempDir(), "an, image.iso")
	output(t, "xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", iso, dir)
	r, err := fetched(t, func(c *Config) { c.Location = iso })
	must(t, err)
	r.mustHave(t, "casper/vmlinuz", "casper/initrd")
	for want, kernel := range map[string]string{"no kernel and initrd of an installer": "casper/none", "not a regular file": "casper/link"} {
		_, err := fetched(t, func(c *Config) { c.Location, c.LocationKernel, c.LocationInitrd = iso, kernel, "casper/initrd" })
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "fetch the installer: ") {
			t.Errorf("%s: %v", kernel, err)
		}
	}
}

func TestLocationsWithoutAnInstallerAreNamed(t *testing.T) {
	dir := tree(t, "file")
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	for _, location := range []string{dir, server.URL} {
		_, err := fetched(t, func(c *Config) { c.Location = location })
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "no kernel and initrd of an installer in "+location) {
			t.Errorf("%v", err)
		}
	}
	for _, location := range []string{dir + "/none", "/dev/null", dir + "/file"} {
		if _, err := fetched(t, func(c *Config) { c.Location = location }); err == nil || !strings.Contains(err.Error(), location) {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// A server's trouble is not taken for a missing file.
func TestServersInTroubleEndTheSearch(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Error(w, "trouble", http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	_, err := fetched(t, func(c *Config) { c.Location = server.URL })
	if err == nil || !strings.Contains(err.Error(), "503") || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestDownloadsAreBounded(t *testing.T) {
	must(t, copyBounded(io.Discard, strings.NewReader("1234"), 4))
	if err := copyBounded(io.Discard, strings.NewReader("12345"), 4); err == nil {
		t.Error("no error")
	}
}

// stuck is a trial whose kernel never comes from the server that is asked.
func stuck(t *testing.T, asked func()) trial {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	r := newTrial(t, "exit 1", absent)
	r.Config.Kernel = server.URL + "/linux"
	return r
}

func TestADownloadIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := stuck(t, cancel).run(ctx, func(string) {})
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "fetch the installer: ") {
		t.Errorf("%v", err)
	}
}

func TestADownloadTimesOut(t *testing.T) {
	r := stuck(t, func() {})
	r.Config.Timeout = 100 * time.Millisecond
	err := r.run(t.Context(), func(string) {})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no end within 100ms") {
		t.Errorf("%v", err)
	}
}
