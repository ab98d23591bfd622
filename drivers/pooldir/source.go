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
	"syscall"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/qcow2"
	"pcloud-apply/plan"
)

// source is the file that a golden image is made from. It is opened once: what
// is judged, hashed and converted is one file, whatever happens to its name.
type source struct {
	*os.File
	image  qcow2.Image
	opened syscall.Stat_t // as it was before anything was read
}

// openSource opens and judges the source. Symbolic links are followed: the
// name is the user's own.
func openSource(g plan.Generation) (*source, error) {
	file, err := os.OpenFile(g.Source.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	s := &source{File: file}
	if err := s.judge(g.Disk); err != nil {
		return nil, errors.Join(fmt.Errorf("source image %s is refused: %w", g.Made(), err), file.Close())
	}
	return s, nil
}

func (s *source) judge(disk int64) (err error) {
	if s.opened, err = s.stat(); err != nil {
		return err
	}
	if s.opened.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return errors.New("it is not a regular file")
	}
	if s.image, err = qcow2.Source(s, s.opened.Size); err != nil {
		return err
	}
	if disk > 0 && disk < s.image.Size {
		return fmt.Errorf("the declared disk of %s is smaller than the image's %s", plan.Bytes(disk), plan.Bytes(s.image.Size))
	}
	return nil
}

func (s *source) stat() (st syscall.Stat_t, err error) {
	return st, syscall.Fstat(int(s.Fd()), &st)
}

// verify compares the content with a declared checksum, or with the digest
// that the plan was made from.
func (s *source) verify(ctx context.Context, content string) error {
	kind, want, _ := strings.Cut(content, ":")
	digest := map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New}[kind]
	if digest == nil {
		return fmt.Errorf("unknown checksum %q", content)
	}
	got, err := sum(ctx, s.File, digest())
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	if !strings.EqualFold(got, want) {
		return fmt.Errorf("%s has the %s %s, not the expected %s", s.Name(), kind, got, want)
	}
	return nil
}

// unchanged fails when the file was written since it was opened: then what was
// converted may not be what was judged and verified. A time of change cannot
// be set back.
func (s *source) unchanged() error {
	now, err := s.stat()
	if err != nil {
		return fmt.Errorf("look at source: %w", err)
	}
	if now.Size != s.opened.Size || now.Mtim != s.opened.Mtim || now.Ctim != s.opened.Ctim {
		return fmt.Errorf("%s was changed while it was read: try again", s.Name())
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
