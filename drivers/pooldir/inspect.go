package pooldir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"pcloud-apply/drivers/qcow2"
	"pcloud-apply/plan"
)

// Contents is what an inspection saw in the folder.
type Contents struct {
	Empty     bool // nothing at all lies in it
	Images    []plan.Generation
	Volumes   map[string]plan.Volume // of the asked names, those that are there
	Seeds     []plan.VolumeKey       // all that lie there, anybody's
	Leftovers []plan.Leftover
}

// Inspect lists the folder once, reads this inventory's manifests, and looks
// at the named files of spawns. Nothing is written, and of an image file only a
// few hundred bytes are read, unless a golden image looks changed. What is not
// as it should be is told of the object that it concerns; an error means that
// the folder's contents are not known.
func (f *Folder) Inspect(ctx context.Context, names []string) (Contents, error) {
	contents := Contents{Volumes: map[string]plan.Volume{}}
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		return contents, err
	}
	there := map[string]bool{}
	for _, entry := range entries {
		there[entry.Name()] = true
	}
	contents.Empty = len(there) == 0 || len(there) == 1 && there["lost+found"]
	for _, entry := range entries {
		if err := f.inspectEntry(entry.Name(), there, &contents); err != nil {
			return contents, err
		}
	}
	for _, name := range names {
		if !there[name] {
			continue // nor is it looked at: a forged name may lead out of the folder
		}
		if volume, ok := f.volume(name); ok {
			contents.Volumes[name] = volume
		}
	}
	return contents, ctx.Err()
}

func (f *Folder) inspectEntry(name string, there map[string]bool, contents *Contents) error {
	if !strings.HasSuffix(name, ".json") && !plan.IsSeed(name) && !strings.HasPrefix(name, ".") {
		return nil // thousands of strangers should cost no more than their listing
	}
	if parts := manifestName.FindStringSubmatch(name); parts != nil {
		return f.inspectImage(plan.Generation{Host: f.Host, Image: parts[1], Hash: parts[2]}, there, contents)
	}
	if plan.IsSeed(name) {
		contents.Seeds = append(contents.Seeds, plan.VolumeKey{Host: f.Host, Name: name})
	}
	if !f.isTemp(name) {
		return nil
	}
	dead, err := f.dead(name)
	if dead {
		contents.Leftovers = append(contents.Leftovers, plan.Leftover{Host: f.Host, Name: name})
	}
	return err
}

func (f *Folder) inspectImage(g plan.Generation, there map[string]bool, contents *Contents) error {
	m, err := f.readManifest(g)
	if errors.Is(err, errForeign) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	g.Definition, g.Origin, g.SHA256, g.Size, g.Created, g.Disk = cmp.Or(m.Definition, m.Hash), m.Origin, m.SHA256, m.Size, m.Created, m.VirtualSize
	if g.Complete = there[g.File()]; g.Complete {
		f.inspectFile(&g, m)
	}
	contents.Images = append(contents.Images, g)
	return nil
}

// inspectFile compares a golden image with its manifest.
func (f *Folder) inspectFile(g *plan.Generation, m manifest) {
	info, err := f.stat(g.File())
	if errors.Is(err, os.ErrNotExist) {
		g.Complete = false // gone since the folder was listed
		return
	}
	if err == nil {
		g.Stale, g.Damage = f.compare(*g, m, info)
		g.Sealed, err = f.sealed(*g, info)
	}
	if err != nil {
		g.Damage = err.Error()
	}
}

// volume reads the header of a spawn's image; of a seed only that it is there.
// A file that is gone is not ok.
func (f *Folder) volume(name string) (volume plan.Volume, ok bool) {
	info, err := f.stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return plan.Volume{}, false
	}
	if err != nil {
		return plan.Volume{Problem: err.Error()}, true
	}
	volume.Used = used(info)
	if plan.IsSeed(name) {
		return volume, true
	}
	header, err := f.header(name, info.Size())
	if err != nil {
		volume.Problem = err.Error()
		return volume, true
	}
	volume.Size, volume.Backing, volume.Snapshots = header.Size, header.BackingFile, header.Snapshots
	return volume, true
}

func (f *Folder) header(name string, length int64) (qcow2.Header, error) {
	file, err := f.open(name)
	if err != nil {
		return qcow2.Header{}, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	header, err := qcow2.Read(file, length)
	if err != nil {
		return qcow2.Header{}, fmt.Errorf("it is no sound qcow2 image: %w", err)
	}
	return header, nil
}

// used is what the file takes on disk: images are sparse.
func used(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
