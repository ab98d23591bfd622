package workdir

import (
	"os"
	"path/filepath"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestOnlyDeadFoldersOfTheInventoryAreSwept(t *testing.T) {
	f := Folder{filepath.Join(t.TempDir(), "work"), "lab"}
	must(t, f.Sweep()) // there is nothing yet
	dead, err := f.New()
	must(t, err)
	sub, err := dead.Sub("tree")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(sub, "file"), nil, 0o600))
	must(t, dead.File.Close()) // as the kernel does for a killed process
	alive, err := f.New()
	must(t, err)
	foreign := filepath.Join(f.Path, "lab-2.123")
	must(t, os.Mkdir(foreign, 0o700))
	must(t, f.Sweep())
	if there(dead.File.Name()) || !there(alive.File.Name()) || !there(foreign) {
		t.Errorf("dead %t, alive %t, foreign %t", there(dead.File.Name()), there(alive.File.Name()), there(foreign))
	}
	must(t, alive.Close())
	if there(alive.File.Name()) {
		t.Error("a closed folder is there")
	}
}

func TestAnOpenFolderCanBeReachedByOthers(t *testing.T) {
	f := Folder{filepath.Join(t.TempDir(), "ours", "work"), "lab"}
	dir, err := f.New()
	must(t, err)
	path, err := dir.Open("install")
	must(t, err)
	closed, err := dir.Sub("secrets")
	must(t, err)
	for path, want := range map[string]os.FileMode{
		path: 0o711, closed: 0o700, dir.File.Name(): 0o711, f.Path: 0o711, filepath.Dir(f.Path): 0o711,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	must(t, dir.Close())
}

func TestANewFolderIsNeverSwept(t *testing.T) {
	f := Folder{filepath.Join(t.TempDir(), "work"), "lab"}
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 1000 {
			dir, err := f.New()
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := dir.Sub("x"); err != nil {
				t.Error(err)
			}
			if err := dir.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
			if err := f.Sweep(); err != nil {
				t.Error(err)
			}
		}
	}
}
