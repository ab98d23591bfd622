// Package download fetches disk images over http and https into a cache
// folder: resumed after a break, hashed while they stream, bounded in size, and
// under their final name only when they are complete and as declared.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Cache is a folder of downloads. It is safe for concurrent use, also by
// several programs: an image is fetched by one at a time.
type Cache struct {
	Folder   string        // made when it is missing, 0700
	MaxBytes int64         // of a download, and of what is decompressed from it
	Idle     time.Duration // a server that sends nothing for so long is given up
	Attempts int           // that bring no progress before a download fails
	Pause    time.Duration // between attempts, doubled each time
	Client   *http.Client  // nil: a usual one
}

// NewCache is a cache with limits that fit disk images.
func NewCache(folder string) Cache {
	return Cache{Folder: folder, MaxBytes: 1 << 40, Idle: time.Minute, Attempts: 5, Pause: time.Second}
}

// Fetch returns the path of the image: downloaded, compared with content
// ("sha256:…", "sha512:…", or "" for none), and decompressed when its name says
// so. What is in the cache already is not fetched again when a checksum proves
// it; without one it is asked for anew, with what the server said of it. A
// cancelled Fetch leaves what it has, and the next one goes on from there.
func (c Cache) Fetch(ctx context.Context, url, content string, tell func(string)) (path string, err error) {
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	d := &fetch{Cache: c, url: url, content: content, tell: tell, path: filepath.Join(c.Folder, key(url, content))}
	if err := d.newSum(); err != nil {
		return "", fmt.Errorf("download %s: %w", url, err)
	}
	release, err := d.exclusive(ctx)
	if err != nil {
		return "", fmt.Errorf("download %s: %w", url, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := d.get(ctx); err != nil {
		return "", fmt.Errorf("download %s: %w", url, err)
	}
	path, err = d.decompress(ctx)
	if err != nil {
		return "", fmt.Errorf("decompress %s: %w", url, err)
	}
	return path, nil
}

// Forget removes what the cache has of an image. It is nil when that is nothing.
func (c Cache) Forget(url, content string) error {
	path := filepath.Join(c.Folder, key(url, content))
	var errs []error
	for _, name := range []string{path, path + partSuffix, path + validatorSuffix, path + imageSuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func key(url, content string) string {
	sum := sha256.Sum256([]byte(url + "\n" + content))
	return hex.EncodeToString(sum[:16])
}

// What lies beside a complete download.
const (
	partSuffix      = ".part"      // on its way
	validatorSuffix = ".validator" // what the server calls this version of it
	imageSuffix     = ".img"       // decompressed
)

// fetch is one image on its way.
type fetch struct {
	Cache
	url, content string
	tell         func(string)
	path         string // of the complete download
	sum          *sum   // nil: there is no checksum to compare with
}

// get downloads unless the complete file is there, with a checksum to prove it.
func (d *fetch) get(ctx context.Context) error {
	if _, err := os.Stat(d.path); err == nil && d.content != "" {
		return nil
	}
	failures, pause := 0, d.Pause
	for {
		before := d.have()
		err := d.attempt(ctx)
		if err == nil || ctx.Err() != nil || errors.As(err, new(*finalError)) {
			return err
		}
		if d.have() > before {
			failures, pause = 0, d.Pause
			continue
		}
		if failures++; failures >= d.Attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// have is how many bytes have come.
func (d *fetch) have() int64 {
	info, err := os.Stat(d.path + partSuffix)
	if err != nil {
		return 0
	}
	return info.Size()
}

// finalError is an error that another attempt would meet again.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

func final(format string, args ...any) error { return &finalError{fmt.Errorf(format, args...)} }

// attempt asks for what is missing and appends it.
func (d *fetch) attempt(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := d.request(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // only read from
	file, err := d.open(response)
	if err != nil {
		return err
	}
	err = d.receive(ctx, cancel, file, response)
	return errors.Join(err, file.Close(), d.finish(err))
}

func (d *fetch) request(ctx context.Context) (*http.Response, error) {
	request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return nil, final("%w", err)
	}
	if validator, have := d.validator(), d.have(); have > 0 && validator != "" {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		request.Header.Set("If-Range", validator)
	}
	response, err := d.client().Do(request)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return response, nil
	}
	err = final("the server says %s", response.Status)
	return nil, errors.Join(err, response.Body.Close())
}

// client retries what a server may answer for a while: no connection, 429, 5xx.
func (d *fetch) client() *retryablehttp.Client {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryMax = d.Attempts - 1
	client.RetryWaitMin, client.RetryWaitMax = d.Pause, 8*d.Pause
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	if d.Client != nil {
		client.HTTPClient = d.Client
	}
	return client
}

// validator is what proves to the server which version we have a part of: an
// entity tag, unless it is a weak one, else the date of the last change.
func (d *fetch) validator() string {
	text, err := os.ReadFile(d.path + validatorSuffix)
	if err != nil {
		return ""
	}
	return string(text)
}

// open opens the part: to append when the server goes on from there, else empty.
func (d *fetch) open(response *http.Response) (*os.File, error) {
	mode := os.O_TRUNC
	if response.StatusCode == http.StatusPartialContent {
		var from int64
		if _, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-", &from); err != nil || from != d.have() {
			return nil, final("the server goes on from another place than it was asked to")
		}
		mode = os.O_APPEND
	} else if err := d.keepValidator(response); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(d.path+partSuffix, os.O_WRONLY|os.O_CREATE|mode, 0o600)
	if err != nil {
		return nil, final("%w", err)
	}
	return file, nil
}

func (d *fetch) keepValidator(response *http.Response) error {
	validator := response.Header.Get("ETag")
	if validator == "" || validator[0] == 'W' {
		validator = response.Header.Get("Last-Modified")
	}
	if err := os.WriteFile(d.path+validatorSuffix, []byte(validator), 0o600); err != nil {
		return final("%w", err)
	}
	return nil
}

// receive copies the body, and tells how far it is.
func (d *fetch) receive(ctx context.Context, cancel context.CancelCauseFunc, file *os.File, response *http.Response) error {
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return final("%w", err)
	}
	whole := int64(-1)
	if response.ContentLength >= 0 {
		whole = have + response.ContentLength
	}
	if whole > d.MaxBytes {
		return final("it has %d bytes; at most %d are taken", whole, d.MaxBytes)
	}
	watch := &watched{Reader: response.Body, limit: d.MaxBytes - have, have: have, whole: whole, tell: d.tell}
	watch.timer = time.AfterFunc(d.Idle, func() { cancel(fmt.Errorf("the server sent nothing for %s", d.Idle)) })
	watch.idle = d.Idle
	defer watch.timer.Stop()
	into, summed := d.sum.beside(file, have)
	_, err = io.Copy(into, watch)
	summed()
	switch cause := context.Cause(ctx); {
	case err != nil && cause != nil:
		return cause
	case err != nil:
		return err
	case whole >= 0 && watch.have != whole:
		return fmt.Errorf("it broke off at %d of %d bytes: %w", watch.have, whole, io.ErrUnexpectedEOF)
	}
	return file.Sync()
}

// finish gives a complete download its final name, after a look at its content.
func (d *fetch) finish(received error) error {
	if received != nil {
		return nil
	}
	if err := d.check(); err != nil {
		return errors.Join(err, d.Forget(d.url, d.content))
	}
	if err := os.Rename(d.path+partSuffix, d.path); err != nil {
		return final("%w", err)
	}
	return nil
}
