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

// maxManifest is more bytes than a manifest has.
const maxManifest = 64 << 10

// identity is the part of a manifest that all its versions have.
type identity struct {
	Format    int    `json:"format"`
	Inventory string `json:"inventory"`
	Image     string `json:"image"`
	Hash      string `json:"hash"`
}

// manifest says of a golden image what cannot be seen from it. It holds no secrets.
type manifest struct {
	identity
	Definition  string    `json:"definition,omitempty"` // where it is not the hash: one that was built again
	Origin      string    `json:"origin"`
	SHA256      string    `json:"sha256"` // of the image file
	Size        int64     `json:"size"`   // bytes of the image file
	ModTime     time.Time `json:"mtime"`
	VirtualSize int64     `json:"virtual_size"`
	Created     time.Time `json:"created"`
	Tool        string    `json:"tool"`
	Source      string    `json:"source"`
	Content     string    `json:"source_content"`

	fault string // why only the identity can be relied on
}

// manifestName is the shape of a manifest's name.
var manifestName = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*)\.golden-([0-9a-f]{12})\.json$`)

var sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)

// errForeign is returned for the manifest of another inventory, and for a file
// that only looks like a manifest or cannot be read: ours can.
var errForeign = errors.New("not a manifest of this inventory")

// readManifest reads the manifest of the generation. One that is ours but of no
// use has a fault.
func (f *Folder) readManifest(g plan.Generation) (manifest, error) {
	if !manifestName.MatchString(g.Manifest()) {
		return manifest{}, fmt.Errorf("%q is no golden image's name", g.Name())
	}
	file, err := f.open(g.Manifest())
	if errors.Is(err, errNotRegular) || errors.Is(err, os.ErrPermission) {
		return manifest{}, fmt.Errorf("%w: %w", errForeign, err)
	}
	if err != nil {
		return manifest{}, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxManifest))
	if err != nil {
		return manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	return f.parseManifest(g, text)
}

func (f *Folder) parseManifest(g plan.Generation, text []byte) (manifest, error) {
	var id identity
	if json.Unmarshal(text, &id) != nil || id.Inventory != f.Inventory || id.Image != g.Image || id.Hash != g.Hash {
		return manifest{}, fmt.Errorf("%s: %w", f.path(g.Manifest()), errForeign)
	}
	m := manifest{identity: id}
	if id.Format != manifestFormat {
		m.fault = fmt.Sprintf("its manifest has format %d; another version of pcloud-apply wrote it", id.Format)
		return m, nil
	}
	err := json.Unmarshal(text, &m)
	switch {
	case err != nil:
		m.fault = fmt.Sprintf("its manifest is not valid: %v", err)
	case !sha256Text.MatchString(m.SHA256) || m.Size <= 0 || m.VirtualSize <= 0 || m.ModTime.IsZero():
		m.fault = "its manifest is not valid: sha256, size, mtime or virtual_size is missing"
	}
	return m, nil
}

// refuseNewer fails for a manifest that is not this version's to replace or remove.
func (m manifest) refuseNewer(g plan.Generation) error {
	if m.Format != manifestFormat {
		return fmt.Errorf("golden image %s: %s", g.Name(), m.fault)
	}
	return nil
}

// writeManifest replaces the manifest as a whole, durably.
func (f *Folder) writeManifest(g plan.Generation, m manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := f.write(g.Manifest(), append(text, '\n'), 0o444); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return f.sync()
}
