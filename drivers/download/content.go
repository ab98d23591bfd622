package download

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// newSum prepares for the kind of checksum that is declared.
func (d *fetch) newSum() error {
	kind, want, _ := strings.Cut(d.content, ":")
	digest := map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New}[kind]
	switch {
	case want == "":
		return nil
	case digest == nil:
		return fmt.Errorf("unknown checksum %q", d.content)
	}
	d.sum = &sum{Hash: digest()}
	return nil
}

// check compares the complete part with the declared checksum.
func (d *fetch) check() error {
	if d.sum == nil {
		return nil
	}
	if err := d.readAgain(); err != nil {
		return final("%w", err)
	}
	kind, want, _ := strings.Cut(d.content, ":")
	if got := hex.EncodeToString(d.sum.Sum(nil)); got != want {
		return final("it has the %s %s, not the declared %s", kind, got, want)
	}
	return nil
}

// readAgain hashes the part from its beginning, if not all of it was hashed as
// it came: an earlier run has begun it.
func (d *fetch) readAgain() error {
	if d.have() == d.sum.size {
		return nil
	}
	file, err := os.Open(d.path + partSuffix)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	d.sum.Reset()
	d.sum.size, err = io.Copy(d.sum.Hash, file)
	return err
}

// decompressors by the ending of the name in the URL.
var decompressors = map[string]func(io.Reader) (io.Reader, error){
	".gz": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	".xz": func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) },
	".zst": func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<30))
	},
}

// decompress gives the path of the image itself.
func (d *fetch) decompress(ctx context.Context) (string, error) {
	parsed, err := url.Parse(d.url)
	if err != nil {
		return "", err
	}
	open, ok := decompressors[path.Ext(parsed.Path)]
	if !ok {
		return d.path, nil
	}
	if newer(d.path+imageSuffix, d.path) {
		return d.path + imageSuffix, nil
	}
	d.tell("decompress")
	if err := d.unpack(ctx, open); err != nil && ctx.Err() == nil {
		return "", errors.Join(err, d.Forget(d.url, d.content))
	} else if err != nil {
		return "", ctx.Err() // what was downloaded is good
	}
	return d.path + imageSuffix, nil
}

// newer tells whether a was made from b after b came.
func newer(a, b string) bool {
	made, err := os.Stat(a)
	if err != nil {
		return false
	}
	from, err := os.Stat(b)
	return err == nil && !made.ModTime().Before(from.ModTime())
}

// unpack writes to a name of its own first: what has the final one is whole.
func (d *fetch) unpack(ctx context.Context, open func(io.Reader) (io.Reader, error)) (err error) {
	packed, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }() // only read from
	reader, err := open(&interruptible{ctx, packed})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(d.path+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(file, io.LimitReader(reader, d.MaxBytes+1))
	if err == nil && n > d.MaxBytes {
		err = fmt.Errorf("it does not end within %d bytes", d.MaxBytes)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(d.path+partSuffix, d.path+imageSuffix)
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
