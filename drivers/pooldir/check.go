package pooldir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"pcloud-apply/plan"
)

// Golden is a golden image that was found sound.
type Golden struct {
	Path   string // absolute
	SHA256 string // of the file, from its manifest
	Size   int64  // virtual size in bytes
}

// Check implements apply.Images: it compares the image with its manifest and
// fails when it was changed, or is not there. Nothing is written.
func (f *Folder) Check(ctx context.Context, g plan.Generation) (Golden, error) {
	m, _, _, err := f.lookAt(ctx, g)
	if err != nil {
		return Golden{}, err
	}
	return Golden{f.path(g.File()), m.SHA256, m.VirtualSize}, nil
}

// lookAt gives the manifest of a sound image and what its file looked like,
// and tells whether the manifest is stale.
func (f *Folder) lookAt(ctx context.Context, g plan.Generation) (m manifest, info fs.FileInfo, stale bool, err error) {
	if m, err = f.readManifest(g); err != nil {
		return m, nil, false, fmt.Errorf("read manifest of golden image: %w", err)
	}
	if info, err = f.stat(g.File()); err != nil {
		return m, nil, false, fmt.Errorf("look at golden image: %w", err)
	}
	stale, damage := f.compare(g, m, info)
	if damage != "" {
		return m, nil, false, fmt.Errorf("golden image %s is damaged: %s", g.Name(), damage)
	}
	return m, info, stale, ctx.Err()
}

// compare looks at size and time; only when they differ does the content
// decide. A manifest is stale when the content is right and they are not.
func (f *Folder) compare(g plan.Generation, m manifest, info fs.FileInfo) (stale bool, damage string) {
	if m.fault != "" || info.Size() == m.Size && info.ModTime().Equal(m.ModTime) {
		return false, m.fault
	}
	digest, err := f.Digest(f.path(g.File()))
	switch {
	case err != nil:
		return false, fmt.Sprintf("its size or time is not as it was published, and its content cannot be read: %v", err)
	case digest == m.SHA256:
		return true, ""
	}
	return false, fmt.Sprintf("its content is not what was published: it has %d bytes and the sha256 %.12s…, "+
		"not %d bytes and %.12s…, since %s", info.Size(), digest, m.Size, m.SHA256, info.ModTime().UTC().Format(time.RFC3339))
}

// published tells whether the generation is there and sound. What lies under
// its names and is not ours, or was changed, is an error.
func (f *Folder) published(ctx context.Context, g plan.Generation) (bool, error) {
	m, err := f.readManifest(g)
	marked := err == nil
	switch {
	case errors.Is(err, errForeign):
		return false, errTaken(f.path(g.Manifest()))
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return false, err
	case marked && m.refuseNewer(g) != nil:
		return false, m.refuseNewer(g)
	}
	switch _, err := os.Lstat(f.path(g.File())); {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !marked:
		return false, errTaken(f.path(g.File()))
	}
	_, err = f.Check(ctx, g)
	return err == nil, err
}

func errTaken(path string) error {
	return fmt.Errorf("%s exists already, but not as a golden image of this inventory: move it away", path)
}
