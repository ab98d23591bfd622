package libvirt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"pcloud-apply/drivers/qcow2"
	"pcloud-apply/plan"
)

// scan gathers who names which file, then follows the backing chains of every
// image that was named or lies in a pool.
type scan struct {
	mu         sync.Mutex // guards the rest while domains are read side by side
	references plan.References
	pool       string // of our pool, as libvirt spells it
	real       string // the same without symbolic links
	images     []string
	seen       map[string]bool
	folders    map[string]string // of files that were named → the same without symbolic links
	texts      map[string]string // definitions that need not be read, by the domain's uuid
}

func newScan(folder string, texts map[string]string) *scan {
	s := &scan{
		references: plan.References{Users: map[string][]plan.User{}, Snapshots: map[string]int{}},
		pool:       folder, real: folder, seen: map[string]bool{}, folders: map[string]string{}, texts: texts,
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		s.real = real
	}
	return s
}

func (s *scan) unknown(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.references.Unknown = append(s.references.Unknown, fmt.Sprintf(format, args...))
}

func (s *scan) counts(uuid string, snapshots int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.references.Snapshots[uuid] = snapshots
}

// names records that the user's XML names every absolute path in it.
func (s *scan) names(user plan.User, text string) {
	paths, err := absolutePaths(text)
	if err != nil {
		s.unknown("%s: %v", user, err)
	}
	for _, path := range paths {
		s.uses(user, path)
	}
}

// uses records a user of a file, under the file's name in our pool when it is
// the same file by another spelling.
func (s *scan) uses(user plan.User, path string) {
	if path == "" {
		return
	}
	spellings := s.spellings(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images = append(s.images, path)
	for _, spelling := range spellings {
		s.addUser(spelling, user)
	}
}

func (s *scan) addUser(path string, user plan.User) {
	for _, known := range s.references.Users[path] {
		if known == user {
			return
		}
	}
	s.references.Users[path] = append(s.references.Users[path], user)
}

func (s *scan) spellings(path string) []string {
	path = filepath.Clean(path)
	list := []string{path}
	real, err := s.resolve(path)
	if err != nil || !strings.HasPrefix(real, s.real+"/") {
		return list
	}
	if ours := s.pool + strings.TrimPrefix(real, s.real); ours != path {
		list = append(list, ours)
	}
	return list
}

// resolve is [filepath.EvalSymlinks], which looks at each folder on the way
// again and again.
func (s *scan) resolve(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return filepath.EvalSymlinks(path)
	}
	folder, name := filepath.Split(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	real, ok := s.folders[folder]
	if !ok {
		if real, err = filepath.EvalSymlinks(folder); err != nil {
			return "", err
		}
		s.folders[folder] = real
	}
	return filepath.Join(real, name), nil
}

// folder notes every file of a pool's folder.
func (s *scan) folder(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			s.images = append(s.images, filepath.Join(path, entry.Name()))
		}
	}
	return nil
}

// followChains reads the header of every image, and of the images behind it.
func (s *scan) followChains() {
	for len(s.images) > 0 {
		var readers sync.WaitGroup
		slots := make(chan struct{}, headersAtOnce)
		for _, path := range s.unseen() {
			slots <- struct{}{}
			readers.Go(func() {
				s.followImage(path)
				<-slots
			})
		}
		readers.Wait()
	}
}

// headersAtOnce keeps a slow disk busy without needing many open files.
const headersAtOnce = 8

// unseen takes the images that were named since the last time, each once.
func (s *scan) unseen() []string {
	var list []string
	for _, path := range s.images {
		if path = filepath.Clean(path); !s.seen[path] {
			s.seen[path] = true
			list = append(list, path)
		}
	}
	s.images = nil
	return list
}

func (s *scan) followImage(path string) {
	header, err := readHeader(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, qcow2.ErrNotQCOW2):
		return
	case err != nil:
		s.unknown("image %s: %v", path, err)
		return
	}
	for _, backing := range backingPaths(path, header.BackingFile) {
		s.uses(plan.User{Kind: "image", Name: path}, backing)
	}
}

// readHeader reads regular files only: opening a pipe or a device may block or act.
func readHeader(path string) (qcow2.Header, error) {
	info, err := os.Stat(path)
	if err != nil {
		return qcow2.Header{}, err
	}
	if !info.Mode().IsRegular() {
		return qcow2.Header{}, qcow2.ErrNotQCOW2
	}
	file, err := os.Open(path)
	if err != nil {
		return qcow2.Header{}, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return qcow2.Read(file, info.Size())
}

// backingPaths are the files that a backing file name can mean: QEMU also
// takes file: names, relative ones, and json: descriptions.
func backingPaths(image, name string) []string {
	if description, ok := strings.CutPrefix(name, "json:"); ok {
		var paths []string
		for _, part := range strings.Split(description, `"`) {
			if strings.HasPrefix(part, "/") {
				paths = append(paths, part)
			}
		}
		return paths
	}
	name = strings.TrimPrefix(name, "file:")
	if name == "" {
		return nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(image), name)
	}
	return []string{name}
}
