package pooldir

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/qcow2"
	"pcloud-apply/drivers/qemuimg"
	"pcloud-apply/plan"
)

// publishing is a golden image on its way from its source to its final name.
type publishing struct {
	*Folder
	generation plan.Generation
	source     *os.File
	image      qcow2.Image
	temp       *temp
	manifest   manifest
}

// Publish implements apply.Images. The order of its steps is such that a final
// name always means a complete image, whenever it is killed.
func (f *Folder) Publish(ctx context.Context, g plan.Generation, step func(string)) (err error) {
	if _, err := f.Check(ctx, g); err == nil {
		return nil
	}
	p := &publishing{Folder: f, generation: g}
	if err := p.openSource(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.source.Close()) }()
	if p.temp, err = f.newTemp(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.temp.discard()) }()
	for _, s := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"check source", p.checkSource}, {"convert", p.convert}, {"check image", p.check},
		{"hash", p.hash}, {"flush", p.settle}, {"write manifest", p.writeManifest},
		{"rename", p.rename}, {"seal", p.seal},
	} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		step(s.name)
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// openSource opens the source once: what is judged, hashed and converted is
// one file, whatever happens to its name meanwhile.
func (p *publishing) openSource() error {
	path := p.generation.Source.Path
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open source: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil {
		p.image, err = qcow2.Source(file, info.Size())
	}
	if err == nil && p.generation.Disk > 0 && p.generation.Disk < p.image.Size {
		err = fmt.Errorf("disk of %s is smaller than the image's %s", plan.Bytes(p.generation.Disk), plan.Bytes(p.image.Size))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("source image %s is refused: %w", p.generation.Source, err), file.Close())
	}
	p.source = file
	return nil
}

// checkSource compares the source with its declared checksum, or with the
// digest that the plan was made from. A download was compared when it came, and
// may have been decompressed since.
func (p *publishing) checkSource(ctx context.Context) error {
	if p.generation.Source.URL != "" {
		return nil
	}
	kind, want, _ := strings.Cut(p.generation.Source.Content, ":")
	digest := map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New}[kind]
	if digest == nil {
		return fmt.Errorf("unknown checksum %q", p.generation.Source.Content)
	}
	got, err := sum(ctx, p.source, digest())
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	if got != want {
		return fmt.Errorf("%s has the %s %s, not the expected %s", p.generation.Source.Path, kind, got, want)
	}
	return nil
}

func sum(ctx context.Context, file *os.File, digest hash.Hash) (string, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if _, err := io.Copy(digest, &interruptible{ctx, file}); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// interruptible ends a long reading when its context ends.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// convert hands the tool the very file that was judged, as a descriptor.
func (p *publishing) convert(ctx context.Context) error {
	tool := p.QEMUImg
	tool.Inherit = append([]*os.File{p.source, p.temp.File}, tool.Inherit...)
	if err := tool.Convert(ctx, qemuimg.Inherited(0), p.image.Format, p.temp.Name()); err != nil {
		return err
	}
	if p.generation.Disk > p.image.Size {
		return tool.Grow(ctx, p.temp.Name(), p.generation.Disk)
	}
	return nil
}

// check reads the result as it is on disk, not as the tool says.
func (p *publishing) check(context.Context) error {
	info, err := p.temp.Stat()
	if err != nil {
		return err
	}
	header, err := qcow2.Read(p.temp, info.Size())
	switch want := max(p.generation.Disk, p.image.Size); {
	case err != nil:
		return err
	case header.BackingFile != "" || header.DataFile || header.Encrypted:
		return errors.New("the converted image does not stand alone")
	case header.Size < want:
		return fmt.Errorf("the converted image has %d bytes, not %d", header.Size, want)
	}
	p.manifest.VirtualSize = header.Size
	return nil
}

func (p *publishing) hash(ctx context.Context) (err error) {
	p.manifest.SHA256, err = sum(ctx, p.temp.File, sha256.New())
	return err
}

func (p *publishing) settle(ctx context.Context) error {
	group, err := p.Group(ctx)
	if err != nil {
		return err
	}
	return p.temp.settle(sealedMode, group)
}

func (p *publishing) writeManifest(context.Context) error {
	if _, err := os.Lstat(p.path(p.generation.File())); err == nil {
		return errTaken(p.path(p.generation.File()))
	}
	info, err := p.temp.Stat()
	if err != nil {
		return err
	}
	g, m := p.generation, &p.manifest
	m.Format, m.Inventory, m.Origin, m.Image, m.Hash = manifestFormat, p.Inventory, p.Origin, g.Image, g.Hash
	m.Size, m.ModTime, m.Created, m.Tool = info.Size(), info.ModTime(), time.Now(), p.Tool
	m.Source, m.Content = g.Source.String(), g.Source.Content
	return p.Folder.writeManifest(g, *m)
}

func (p *publishing) rename(context.Context) error {
	if err := p.temp.publish(p.generation.File()); err != nil {
		return err
	}
	return p.sync()
}

func (p *publishing) seal(ctx context.Context) error { return p.Folder.seal(ctx, p.generation) }
