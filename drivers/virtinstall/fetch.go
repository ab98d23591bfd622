package virtinstall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// places are where installers for this architecture have kernel and initrd,
// below the root of an installation tree or an ISO image.
var places = [][2]string{
	{"images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"}, // Red Hat's family
	{"install.amd/vmlinuz", "install.amd/initrd.gz"},        // Debian's images
	{"casper/vmlinuz", "casper/initrd"},                     // Ubuntu's images
	{"current/images/netboot/debian-installer/amd64/linux", "current/images/netboot/debian-installer/amd64/initrd.gz"},
	{"current/legacy-images/netboot/ubuntu-installer/amd64/linux", "current/legacy-images/netboot/ubuntu-installer/amd64/initrd.gz"},
	{"boot/x86_64/loader/linux", "boot/x86_64/loader/initrd"}, // SUSE
}

// maxFile bounds what a server may send as kernel or initrd, in bytes.
const maxFile = 1 << 30

// fetch makes the files kernel and initrd, readable for us alone.
func (i *installation) fetch(ctx context.Context) error {
	c := i.config
	if c.Kernel != "" {
		return i.fetchPair(ctx, get, c.Kernel, c.Initrd)
	}
	find, root, err := i.open()
	if err != nil {
		return err
	}
	candidates := places
	if c.LocationKernel != "" {
		candidates = [][2]string{{c.LocationKernel, c.LocationInitrd}}
	}
	for _, place := range candidates {
		err = i.fetchPair(ctx, find, root+place[0], root+place[1])
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("no kernel and initrd of an installer in %s: %w", c.Location, err)
}

// getter writes the file that a source names; os.ErrNotExist is in the error
// when there is none.
type getter func(ctx context.Context, source string, to *os.File) error

// open tells how files of the location are got, and what their names begin with.
func (i *installation) open() (getter, string, error) {
	location := i.config.Location
	if isURL(location) {
		return get, strings.TrimSuffix(location, "/") + "/", nil
	}
	info, err := os.Stat(location)
	if err != nil {
		return nil, "", fmt.Errorf("look at the location: %w", err)
	}
	if info.IsDir() {
		return get, location + "/", nil
	}
	if !info.Mode().IsRegular() {
		return nil, "", fmt.Errorf("%s is neither a folder nor an image", location)
	}
	i.iso = location
	return i.extract, "/", nil
}

func (i *installation) fetchPair(ctx context.Context, get getter, kernel, initrd string) error {
	if err := i.fetchFile(ctx, get, kernel, "kernel"); err != nil {
		return err
	}
	return i.fetchFile(ctx, get, initrd, "initrd")
}

func (i *installation) fetchFile(ctx context.Context, get getter, source, name string) (err error) {
	to, err := os.OpenFile(i.file(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	err = get(ctx, source, to)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // it says what ended ctx
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", source, err)
	}
	return nil
}

func get(ctx context.Context, source string, to *os.File) error {
	if isURL(source) {
		return download(ctx, source, to)
	}
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}

func download(ctx context.Context, source string, to *os.File) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%s: %w", response.Status, os.ErrNotExist)
	default:
		return errors.New(response.Status)
	}
	return copyBounded(to, response.Body, maxFile)
}

func copyBounded(to io.Writer, from io.Reader, limit int64) error {
	n, err := io.Copy(to, io.LimitReader(from, limit+1))
	if n > limit {
		return fmt.Errorf("the server sends more than %d bytes", limit)
	}
	return err
}

// extract gets a file out of the ISO image. xorriso makes the file itself, with
// the mode that the image has for it.
func (i *installation) extract(ctx context.Context, source string, to *os.File) error {
	name := to.Name() + ".extracted"
	args := []string{"-no_rc", "-abort_on", "FAILURE", "-osirrox", "on", "-indev", "stdio:" + i.iso, "-extract", source, name}
	if err := i.run(ctx, "xorriso", args); err != nil {
		return i.notInside(err, source)
	}
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.New("it is not a regular file")) // a link would lead to one of this machine's
	}
	return errors.Join(get(ctx, name, to), os.Remove(name))
}

// notInside knows from what xorriso says that the image has no such file.
func (i *installation) notInside(err error, source string) error {
	var failed *Error
	if errors.As(err, &failed) && strings.Contains(failed.Output, "Cannot determine attributes of (ISO) source file '"+source+"'") {
		return fmt.Errorf("%s has no %s: %w", filepath.Base(i.iso), source, os.ErrNotExist)
	}
	return err
}
