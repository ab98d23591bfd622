package pooldir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"pcloud-apply/drivers/qcow2"
	"pcloud-apply/drivers/tool"
	"pcloud-apply/plan"
)

// publishing is a golden image on its way from its source to its final name.
type publishing struct {
	*Folder
	generation plan.Generation
	making     Making
	source     *source
	temp       *temp
	group      int
	virtual    int64  // size in bytes
	sha256     string // of the finished file
}

// Making is what a golden image needs beside the conversion of its source.
type Making struct {
	// Build fills an empty file with a raw disk image, which becomes the source;
	// nil where there is a source to be read.
	Build func(ctx context.Context, disk *os.File, step func(string)) error
	// Prepare changes the qcow2 image; nil leaves it as it came.
	Prepare func(ctx context.Context, image *os.File, step func(string)) error
}

// Publish makes a golden image. Whenever it is killed, a final name means a
// complete image; when it fails or ctx ends, nothing is left. Each step is told
// before it is taken. A generation that is there and sound is left as it is;
// one that is not sound, or not ours, is an error.
func (f *Folder) Publish(ctx context.Context, g plan.Generation, making Making, step func(string)) (err error) {
	if done, err := f.published(ctx, g); done || err != nil {
		return err
	}
	p := &publishing{Folder: f, generation: g, making: making}
	if making.Build != nil {
		built, err := f.build(ctx, making, step)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, built.discard()) }()
		g.Source.Path = built.Name()
	}
	if p.source, err = openSource(g); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.source.Close()) }()
	if p.temp, err = f.newTemp(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.temp.discard()) }()
	if err := p.fill(ctx, step); err != nil {
		return err
	}
	return p.commit(ctx, step)
}

// build fills a temporary file with the source. After an error nothing is left.
func (f *Folder) build(ctx context.Context, making Making, step func(string)) (*temp, error) {
	disk, err := f.newTemp()
	if err != nil {
		return nil, err
	}
	if err := making.Build(ctx, disk.File, step); err != nil {
		return nil, errors.Join(err, disk.discard())
	}
	return disk, nil
}

// stage is a part of the work on the image while its name is temporary.
type stage struct {
	name string
	run  func(context.Context) error
}

func (p *publishing) stages(step func(string)) []stage {
	stages := []stage{{"check source", p.checkSource}, {"convert", p.convert}}
	if p.making.Prepare != nil {
		stages = append(stages, stage{"prepare", func(ctx context.Context) error { return p.making.Prepare(ctx, p.temp.File, step) }})
	}
	stages = append(stages, stage{"check image", p.check}, stage{"hash image", p.hash}, stage{"flush", p.settle})
	if p.generation.Canary {
		stages = append(stages, stage{"boot", p.prove})
	}
	return stages
}

// fill makes the image under its temporary name.
func (p *publishing) fill(ctx context.Context, step func(string)) error {
	for _, s := range p.stages(step) {
		step(s.name)
		err := ctx.Err()
		if err == nil {
			err = s.run(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// checkSource looks at the user's files only: a download was compared with its
// checksum when it came, and may have been decompressed since.
func (p *publishing) checkSource(ctx context.Context) error {
	if p.generation.Source.URL != "" || p.making.Build != nil {
		return nil
	}
	return p.source.verify(ctx, p.generation.Source.Content)
}

// convert hands the tool the very file that was judged, as a descriptor, and
// the lock on the temporary file: a tool that outlives us keeps it.
func (p *publishing) convert(ctx context.Context) error {
	qemuImg := p.QEMUImg
	qemuImg.Inherit = append([]*os.File{p.source.File, p.temp.File}, qemuImg.Inherit...)
	if err := qemuImg.Convert(ctx, tool.Inherited(0), p.source.image.Format, p.temp.Name()); err != nil {
		return err
	}
	if err := p.source.unchanged(); err != nil {
		return err
	}
	if p.generation.Disk > p.source.image.Size {
		return qemuImg.Grow(ctx, p.temp.Name(), p.generation.Disk)
	}
	return nil
}

// check reads the header as it is in our own descriptor, not as the tool says.
func (p *publishing) check(ctx context.Context) error {
	tool := p.QEMUImg
	tool.Inherit = append([]*os.File{p.temp.File}, tool.Inherit...)
	if err := tool.Check(ctx, p.temp.Name()); err != nil {
		return err
	}
	info, err := p.temp.Stat()
	if err != nil {
		return err
	}
	header, err := qcow2.Read(p.temp, info.Size())
	if err != nil {
		return err
	}
	p.virtual = header.Size
	want := qcow2.Header{Version: 3, Size: max(p.generation.Disk, p.source.image.Size)}
	if header != want {
		return fmt.Errorf("the converted image is not as it should be: %+v, not %+v", header, want)
	}
	return nil
}

func (p *publishing) hash(ctx context.Context) (err error) {
	p.sha256, err = sum(ctx, p.temp.File, sha256.New())
	return err
}

func (p *publishing) settle(ctx context.Context) (err error) {
	if p.group, err = p.Group(ctx); err != nil {
		return err
	}
	return p.temp.settle(sealedMode, p.group)
}

// commit gives the image its final name. Once the manifest is written there is
// no way back on an interrupt: what is left to do takes no time.
func (p *publishing) commit(ctx context.Context, step func(string)) (err error) {
	unlock, err := p.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if done, err := p.published(ctx, p.generation); done || err != nil {
		return err
	}
	step("write manifest")
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := p.name(step); err != nil {
		return errors.Join(err, p.remove(p.generation.Manifest()))
	}
	if err := p.sync(); err != nil {
		return err
	}
	step("seal")
	return seal(p.temp.File, p.group)
}

func (p *publishing) name(step func(string)) error {
	if err := p.writeManifest(); err != nil {
		return err
	}
	step("rename")
	return p.temp.publish(p.generation.File())
}

func (p *publishing) writeManifest() error {
	info, err := p.temp.Stat()
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	g := p.generation
	created, err := p.youngest(g.Image)
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return p.Folder.writeManifest(g, manifest{
		identity:   identity{manifestFormat, p.Inventory, g.Image, g.Hash},
		Definition: again(g), Origin: p.Origin, SHA256: p.sha256, Size: info.Size(), ModTime: info.ModTime().UTC(), VirtualSize: p.virtual,
		Created: created, Tool: p.Tool, Source: g.Made(), Content: g.Source.Content,
	})
}

// youngest is the time now, or a moment after the youngest generation of the
// image: of a definition the youngest counts, whatever the clock does.
func (f *Folder) youngest(image string) (time.Time, error) {
	now := time.Now().UTC()
	entries, err := os.ReadDir(f.Path)
	for _, entry := range entries {
		parts := manifestName.FindStringSubmatch(entry.Name())
		if parts == nil || parts[1] != image {
			continue
		}
		m, err := f.readManifest(plan.Generation{Image: image, Hash: parts[2]})
		if err == nil && !m.Created.Before(now) { // one that cannot be read is none of ours
			now = m.Created.Add(time.Millisecond)
		}
	}
	return now, err
}

// again is the definition of a generation that is not its first.
func again(g plan.Generation) string {
	if g.Definition == g.Hash {
		return ""
	}
	return g.Definition
}
