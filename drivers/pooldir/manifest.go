package pooldir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"pcloud-apply/plan"
)

// manifestFormat is the version of the manifests that this program writes and reads.
const manifestFormat = 1

// manifest says of a golden image what cannot be seen from it. It holds no secrets.
type manifest struct {
	Format      int       `json:"format"`
	Inventory   string    `json:"inventory"`
	Origin      string    `json:"origin"`
	Image       string    `json:"image"`
	Hash        string    `json:"hash"`
	SHA256      string    `json:"sha256"` // of the image file
	Size        int64     `json:"size"`   // bytes of the image file
	ModTime     time.Time `json:"mtime"`
	VirtualSize int64     `json:"virtual_size"`
	Created     time.Time `json:"created"`
	Tool        string    `json:"tool"`
	Source      string    `json:"source"`
	Content     string    `json:"source_content"`
}

// manifestName is the shape of a manifest's name.
var manifestName = regexp.MustCompile(`^([a-z0-9-]+)\.golden-([0-9a-f]{12})\.json$`)

// errForeign is returned for the manifest of another inventory, or for a file
// that only looks like a manifest.
var errForeign = errors.New("not a manifest of this inventory")

// readManifest reads the manifest of the generation.
func (f *Folder) readManifest(g plan.Generation) (manifest, error) {
	file, err := f.open(g.Manifest())
	if errors.Is(err, errNotRegular) {
		return manifest{}, errForeign
	}
	if err != nil {
		return manifest{}, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, 64<<10))
	if err != nil {
		return manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil || m.Inventory != f.Inventory || m.Image != g.Image || m.Hash != g.Hash {
		return manifest{}, errForeign
	}
	if m.Format != manifestFormat {
		return manifest{}, fmt.Errorf("manifest %s has the format %d; a newer pcloud-apply wrote it", g.Manifest(), m.Format)
	}
	return m, nil
}

func (f *Folder) writeManifest(g plan.Generation, m manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := f.write(g.Manifest(), append(text, '\n'), 0o444); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// verdict is how an image file compares with its manifest.
type verdict struct {
	stale  bool   // the content is right, its size or time in the manifest are not
	damage string // why it is not the image that was published
}

// compare looks at size and time; only when they differ does the content decide.
func (f *Folder) compare(g plan.Generation, m manifest, info os.FileInfo) (verdict, error) {
	if info.Size() == m.Size && info.ModTime().Equal(m.ModTime) {
		return verdict{}, nil
	}
	digest, err := f.Digest(f.path(g.File()))
	if err != nil {
		return verdict{}, fmt.Errorf("read golden image: %w", err)
	}
	if digest == m.SHA256 {
		return verdict{stale: true}, nil
	}
	return verdict{damage: fmt.Sprintf("its content is not what was published (sha256 %.12s…, published %.12s…, changed %s)",
		digest, m.SHA256, info.ModTime().Format(time.DateTime))}, nil
}
