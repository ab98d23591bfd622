package e2e

import (
	"crypto/sha512"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestAnImageComesFromTheWeb runs the program outside of the lab's network,
// where the server is; libvirt is reached through its socket.
func TestAnImageComesFromTheWeb(t *testing.T) {
	w := begin(t)
	text, err := os.ReadFile(source)
	w.must(err)
	breaks := true
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("ETag", `"one"`)
		if breaks {
			breaks = false
			rw.Header().Set("Content-Length", fmt.Sprint(len(text)))
			_, _ = rw.Write(text[:len(text)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeFile(rw, r, source)
	}))
	defer server.Close()
	image := func(sum string) string {
		return fmt.Sprintf("images: {tiny: {source: {url: \"%s/tiny.qcow2\", sha512: \"%s\"}, canary: false}}\nspawns: {web: {state: stopped}}\n", server.URL, sum)
	}
	outside := w.outside()

	outside.inventory(image(fmt.Sprintf("%0128d", 0)))
	outside.expect(3, "apply").wants(t, "image tiny: publish: download http://", "not the declared", "! spawn web", "not begun")
	outside.inventory(image(fmt.Sprintf("%x", sha512.Sum512(text))))
	outside.expect(0, "plan").wants(t, "+ image tiny", "new, from http://")
	outside.converged()
	w.shell("qemu-img", "compare", "-U", source, w.golden())
}

// TestKilledInADownload: what had come is in the cache, and gone on with.
func TestKilledInADownload(t *testing.T) {
	w := begin(t).outside()
	text, err := os.ReadFile(source)
	w.must(err)
	var ranges []string
	stalls, halfway := true, make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("ETag", `"one"`)
		ranges = append(ranges, r.Header.Get("Range"))
		if stalls {
			stalls = false
			rw.Header().Set("Content-Length", fmt.Sprint(len(text)))
			_, _ = rw.Write(text[:len(text)/2])
			rw.(http.Flusher).Flush()
			close(halfway)
			<-r.Context().Done()
			return
		}
		http.ServeFile(rw, r, source)
	}))
	defer server.Close()
	w.inventory(fmt.Sprintf("images: {tiny: {source: {url: \"%s/tiny.qcow2\", sha512: \"%x\"}, canary: false}}\nspawns: {}\n", server.URL, sha512.Sum512(text)))
	cmd := w.command(nil, program, "apply")
	w.must(cmd.Start())
	<-halfway
	w.until("a part is there", func() bool {
		parts, err := filepath.Glob(w.cache + "/pcloud-apply/downloads/*.part")
		w.must(err)
		return len(parts) == 1 && w.size(parts[0]) > 0
	})
	w.must(cmd.Process.Kill())
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != killed {
		t.Fatalf("not killed: %v", err)
	}
	w.converged()
	if len(ranges) != 2 || ranges[1] == "" {
		t.Errorf("it was asked for %q", ranges)
	}
}

func (w *world) size(path string) int64 {
	w.Helper()
	info, err := os.Stat(path)
	w.must(err)
	return info.Size()
}
