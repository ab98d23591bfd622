package e2e

import (
	"crypto/sha512"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
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
