package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// begun is a download that was given up when a part of it was there.
func begun(t *testing.T) (c Cache, url string) {
	t.Helper()
	c = cache(t)
	ctx, cancel := context.WithCancel(t.Context())
	stop := true
	url, _ = serve(t, image, func(w http.ResponseWriter, r *http.Request) bool {
		if !stop {
			return false
		}
		stop = false
		w.Header().Set("Content-Length", fmt.Sprint(len(image)))
		_, _ = w.Write(image[:len(image)/2])
		w.(http.Flusher).Flush()
		for c.have("http://"+r.Host+"/a.img") == 0 && r.Context().Err() == nil {
			runtime.Gosched()
		}
		cancel()
		<-r.Context().Done()
		return true
	})
	url += "/a.img"
	if _, err := c.Fetch(ctx, url, sumOf(image), quiet); !errors.Is(err, context.Canceled) || c.have(url) == 0 {
		t.Fatalf("%v, %d bytes", err, c.have(url))
	}
	return c, url
}

// have is how much of the image lies there.
func (c Cache) have(url string) int64 {
	return (&fetch{path: filepath.Join(c.Folder, key(url, sumOf(image)))}).have()
}

// A part of an earlier run was not hashed by this one.
func TestAPartOfAnEarlierRunIsHashedToo(t *testing.T) {
	c, url := begun(t)
	if got := fetched(t, c, url, sumOf(image)); !bytes.Equal(got, image) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestASpoiledPartIsNoticed(t *testing.T) {
	c, url := begun(t)
	parts, err := filepath.Glob(c.Folder + "/*" + partSuffix)
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	part, err := os.ReadFile(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	part[7]++
	if err := os.WriteFile(parts[0], part, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch(t.Context(), url, sumOf(image), quiet); err == nil || !strings.Contains(err.Error(), "not the declared") {
		t.Errorf("%v", err)
	}
	if got := fetched(t, c, url, sumOf(image)); !bytes.Equal(got, image) {
		t.Errorf("%d bytes", len(got))
	}
}

// Each of those that fetch an image at once gets all of it, from one transfer.
func TestAnImageIsFetchedByOneAtATime(t *testing.T) {
	c := cache(t)
	url, asked := serve(t, image, nil)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			path, err := c.Fetch(t.Context(), url+"/a.img", sumOf(image), quiet)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, image) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	all.Wait()
	if names := left(t, c); asked.Load() != 1 || len(names) != 2 {
		t.Errorf("asked %d times, left: %v", asked.Load(), names)
	}
}

func TestWaitingForAnotherFetchEndsWithTheContext(t *testing.T) {
	c := cache(t)
	ctx, cancel := context.WithCancel(t.Context())
	d := &fetch{path: c.Folder + "/x"}
	if err := os.Mkdir(c.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	release, err := d.exclusive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := d.exclusive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}
