package pooldir

import (
	"context"
	"errors"
	"fmt"
	"os"
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
// few hundred bytes are read, unless a golden image looks changed.
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
		if there[name] {
			contents.Volumes[name] = f.volume(name)
		}
	}
	return contents, ctx.Err()
}

func (f *Folder) inspectEntry(name string, there map[string]bool, contents *Contents) error {
	if parts := manifestName.FindStringSubmatch(name); parts != nil {
		g := plan.Generation{Host: f.Host, Image: parts[1], Hash: parts[2]}
		m, err := f.readManifest(g)
		if errors.Is(err, errForeign) || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		g, err = f.generation(g, m, there)
		contents.Images = append(contents.Images, g)
		return err
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

// generation compares a golden image with its manifest.
func (f *Folder) generation(g plan.Generation, m manifest, there map[string]bool) (plan.Generation, error) {
	g.Origin, g.SHA256, g.Size, g.Created, g.Disk = m.Origin, m.SHA256, m.Size, m.Created, m.VirtualSize
	if g.Complete = there[g.File()]; !g.Complete {
		return g, nil
	}
	info, err := f.stat(g.File())
	if err != nil {
		g.Damage = err.Error()
		return g, nil
	}
	v, err := f.compare(g, m, info)
	if err != nil {
		return g, err
	}
	g.Stale, g.Damage = v.stale, v.damage
	g.Sealed, err = f.sealed(g, info)
	return g, err
}

// volume reads the header of a spawn's image; of a seed only that it is there.
func (f *Folder) volume(name string) plan.Volume {
	info, err := f.stat(name)
	if err != nil {
		return plan.Volume{Problem: err.Error()}
	}
	volume := plan.Volume{Used: used(info)}
	if plan.IsSeed(name) {
		return volume
	}
	file, err := f.open(name)
	if err != nil {
		volume.Problem = err.Error()
		return volume
	}
	defer func() { _ = file.Close() }() // nothing was written
	header, err := qcow2.Read(file, info.Size())
	if err != nil {
		volume.Problem = fmt.Sprintf("it is no sound qcow2 image: %v", err)
		return volume
	}
	volume.Size, volume.Backing, volume.Snapshots = header.Size, header.BackingFile, header.Snapshots
	return volume
}

// used is what the file takes on disk: images are sparse.
func used(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
