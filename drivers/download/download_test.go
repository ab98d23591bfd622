package download

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

var image = bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func cache(t *testing.T) Cache {
	return Cache{Folder: t.TempDir() + "/cache", MaxBytes: 4 << 20, Idle: 10 * time.Second, Attempts: 2, Pause: time.Millisecond}
}

func quiet(string) {}

// serve is a server of one image; change may spoil an answer.
func serve(t *testing.T, content []byte, change func(http.ResponseWriter, *http.Request) bool) (string, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("ETag", `"one"`)
		if change != nil && change(w, r) {
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	return server.URL, &asked
}

func fetched(t *testing.T, c Cache, url, content string) []byte {
	t.Helper()
	path, err := c.Fetch(t.Context(), url, content, quiet)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func left(t *testing.T, c Cache) []string {
	t.Helper()
	entries, err := os.ReadDir(c.Folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestAProvenDownloadIsNotFetchedAgain(t *testing.T) {
	c := cache(t)
	url, asked := serve(t, image, nil)
	for range 2 {
		if got := fetched(t, c, url+"/a.img", sumOf(image)); !bytes.Equal(got, image) {
			t.Errorf("%d bytes", len(got))
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// half sends half of what it was asked for and breaks the connection.
func half(w http.ResponseWriter, content []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content[:len(content)/2])
	panic(http.ErrAbortHandler)
}

func TestABrokenDownloadGoesOnFromWhereItWas(t *testing.T) {
	c := cache(t)
	var ranges []string
	first := true
	url, _ := serve(t, image, func(w http.ResponseWriter, r *http.Request) bool {
		ranges = append(ranges, r.Header.Get("Range"))
		if first {
			first = false
			half(w, image)
		}
		return false
	})
	if got := fetched(t, c, url+"/a.img", sumOf(image)); !bytes.Equal(got, image) {
		t.Errorf("%d bytes", len(got))
	}
	if len(ranges) != 2 || !strings.HasPrefix(ranges[1], "bytes=") || ranges[1] == "bytes=0-" {
		t.Errorf("asked for %q", ranges)
	}
}

func TestAnotherVersionIsNotGluedToThePart(t *testing.T) {
	c := cache(t)
	other := bytes.Repeat([]byte("x"), len(image))
	first := true
	url, _ := serve(t, other, func(w http.ResponseWriter, _ *http.Request) bool {
		if first {
			first = false
			half(w, image)
		}
		w.Header().Set("ETag", `"two"`)
		return false
	})
	if got := fetched(t, c, url+"/a.img", sumOf(other)); !bytes.Equal(got, other) {
		t.Error("two versions were glued together")
	}
}

func TestWhatIsRefusedLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(http.ResponseWriter, *http.Request) bool
		sum    string
		want   string
	}{
		"wrong hash": {nil, sumOf([]byte("other")), "not the declared"},
		"not found": {func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", http.StatusNotFound)
			return true
		}, "", "404 Not Found"},
		"too large": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<40))
			return true
		}, "", "at most"},
		"to a file": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
			return true
		}, "", "unsupported protocol scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := cache(t)
			url, _ := serve(t, image, c.change)
			_, err := cache.Fetch(t.Context(), url+"/a.img", c.sum, quiet)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			for _, file := range left(t, cache) {
				if !strings.HasSuffix(file, validatorSuffix) && !strings.HasSuffix(file, partSuffix) {
					t.Errorf("%s is left", file)
				}
			}
		})
	}
}

func TestAnEndlessBodyEnds(t *testing.T) {
	c := cache(t)
	url, _ := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) bool {
		for {
			if _, err := w.Write(image); err != nil {
				return true
			}
		}
	})
	_, err := c.Fetch(t.Context(), url+"/a.img", "", quiet)
	if err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("%v", err)
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	c := cache(t)
	c.Idle = 50 * time.Millisecond
	url, _ := serve(t, image, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(image)))
		_, _ = w.Write(image[:10])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	_, err := c.Fetch(t.Context(), url+"/a.img", "", quiet)
	if err == nil || !strings.Contains(err.Error(), "sent nothing for") {
		t.Errorf("%v", err)
	}
}

func TestARedirectIsFollowed(t *testing.T) {
	c := cache(t)
	url, _ := serve(t, image, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/a.img" {
			http.Redirect(w, r, "/b.img", http.StatusFound)
			return true
		}
		return false
	})
	if got := fetched(t, c, url+"/a.img", sumOf(image)); !bytes.Equal(got, image) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestAnUnknownCertificateIsRefused(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = nil
	_, err := cache(t).Fetch(t.Context(), server.URL+"/a.img", "", quiet)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}

func TestACancelledDownloadEndsAndIsGoneOnWith(t *testing.T) {
	c := cache(t)
	ctx, cancel := context.WithCancel(t.Context())
	stop := true
	url, _ := serve(t, image, func(w http.ResponseWriter, r *http.Request) bool {
		if !stop {
			return false
		}
		stop = false
		w.Header().Set("Content-Length", fmt.Sprint(len(image)))
		_, _ = w.Write(image[:len(image)/2])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	})
	if _, err := c.Fetch(ctx, url+"/a.img", sumOf(image), quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := fetched(t, c, url+"/a.img", sumOf(image)); !bytes.Equal(got, image) {
		t.Errorf("%d bytes", len(got))
	}
}

func pack(t *testing.T, ending string) []byte {
	t.Helper()
	var packed bytes.Buffer
	var w io.WriteCloser
	var err error
	switch ending {
	case ".gz":
		w = gzip.NewWriter(&packed)
	case ".xz":
		w, err = xz.NewWriter(&packed)
	case ".zst":
		w, err = zstd.NewWriter(&packed)
	}
	if err == nil {
		_, err = w.Write(image)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestCompressedImagesAreUnpacked(t *testing.T) {
	for _, ending := range []string{".gz", ".xz", ".zst"} {
		t.Run(ending, func(t *testing.T) {
			c, packed := cache(t), pack(t, ending)
			url, _ := serve(t, packed, nil)
			for range 2 {
				if got := fetched(t, c, url+"/a.img"+ending, sumOf(packed)); !bytes.Equal(got, image) {
					t.Errorf("%d bytes", len(got))
				}
			}
			if err := c.Forget(url+"/a.img"+ending, sumOf(packed)); err != nil || len(left(t, c)) != 0 {
				t.Errorf("%v, left: %v", err, left(t, c))
			}
		})
	}
}

func TestABombIsRefused(t *testing.T) {
	c := cache(t)
	c.MaxBytes = int64(len(image)) - 1
	packed := pack(t, ".gz")
	url, _ := serve(t, packed, nil)
	if _, err := c.Fetch(t.Context(), url+"/a.gz", sumOf(packed), quiet); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("%v", err)
	}
	if names := left(t, c); len(names) != 0 {
		t.Errorf("left: %v", names)
	}
}

func TestProgressIsTold(t *testing.T) {
	url, _ := serve(t, image, nil)
	var told []string
	if _, err := cache(t).Fetch(t.Context(), url+"/a.img", "", func(s string) { told = append(told, s) }); err != nil {
		t.Fatal(err)
	}
	if len(told) == 0 || told[len(told)-1] != "download 100 %" {
		t.Errorf("%q", told)
	}
}
