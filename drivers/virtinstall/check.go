package virtinstall

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	uuidForm   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	deviceForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)
	insideForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*$`)
	schemeForm = regexp.MustCompile(`^qemu(\+unix)?$`)
)

const mebibyte = 1 << 20

// check refuses what a tool could take for something else than it is meant to
// be. No answer is in its errors.
func (c Config) check() error {
	return errors.Join(
		checkURI(c.URI),
		match(nameForm, c.Name, "a name of a domain"),
		match(uuidForm, c.UUID, "a UUID in lower case"),
		checkText(c.Title, "a title"),
		c.checkInstaller(),
		checkText(c.KernelArgs, "one line of kernel arguments"),
		c.Answers.check(),
		c.checkMachine(),
	)
}

func match(pattern *regexp.Regexp, value, what string) error {
	if !pattern.MatchString(value) {
		return fmt.Errorf("%q is not %s", value, what)
	}
	return nil
}

func checkText(value, what string) error {
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("%q is not %s", value, what)
	}
	return nil
}

// checkURI refuses other machines: all paths are of this one.
func checkURI(uri string) error {
	parsed, err := url.Parse(uri)
	if err != nil {
		return fmt.Errorf("read the connection's URI: %w", err)
	}
	if !schemeForm.MatchString(parsed.Scheme) || parsed.Host != "" || parsed.Path != "/system" {
		return fmt.Errorf("%q is not the URI of this machine's libvirt", uri)
	}
	return checkText(uri, "a URI")
}

func (c Config) checkInstaller() error {
	if (c.Location == "") == (c.Kernel == "") || (c.Kernel == "") != (c.Initrd == "") {
		return errors.New("an installer has either a location or a kernel and an initrd")
	}
	if (c.LocationKernel == "") != (c.LocationInitrd == "") || c.LocationKernel != "" && c.Location == "" {
		return errors.New("a kernel and an initrd inside a location come together, and with a location")
	}
	var errs []error
	for _, source := range given(c.Location, c.Kernel, c.Initrd) {
		errs = append(errs, checkSource(source))
	}
	for _, inside := range given(c.LocationKernel, c.LocationInitrd) {
		errs = append(errs, match(insideForm, inside, "a path inside a location"))
	}
	return errors.Join(errs...)
}

// given leaves out what is not.
func given(values ...string) (rest []string) {
	for _, value := range values {
		if value != "" {
			rest = append(rest, value)
		}
	}
	return rest
}

// checkSource wants a clean absolute path or a URL. A URL becomes a kernel
// argument, hence no space in it; it is shown, hence no login.
func checkSource(source string) error {
	if strings.HasPrefix(source, "/") {
		return checkPath(source)
	}
	parsed, err := url.Parse(source)
	if err != nil {
		return fmt.Errorf("read the URL of an installer: %w", err)
	}
	if !isURL(source) || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(source, " \"'\\") {
		return fmt.Errorf("%q is neither an absolute path nor a plain http or https URL", parsed.Redacted())
	}
	return checkText(source, "a URL")
}

func isURL(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

func checkPath(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Errorf("%q is not a clean absolute path", path)
	}
	return checkText(path, "a path")
}

func (a Answers) check() error {
	if _, known := ways[a.Kind]; !known {
		return fmt.Errorf("%q is no kind of answers: preseed, kickstart, autoinstall", a.Kind)
	}
	if (a.Kind == "") != (len(a.Content) == 0) {
		return errors.New("answers need both a kind and a content")
	}
	return nil
}

func (c Config) checkMachine() error {
	if (c.Network == "") == (c.Bridge == "") {
		return errors.New("the machine has either a network or a bridge")
	}
	if c.Memory < mebibyte || c.Memory%mebibyte != 0 || c.VCPUs < 1 || c.Timeout <= 0 {
		return fmt.Errorf("a machine with %d bytes of memory (whole MiB), %d CPUs and %s of time cannot be", c.Memory, c.VCPUs, c.Timeout)
	}
	return match(deviceForm, c.Network+c.Bridge, "a name of a network")
}

// checkDisk wants a raw disk that still has the name by which QEMU opens it.
func checkDisk(disk *os.File) error {
	opened, err := disk.Stat()
	if err != nil {
		return fmt.Errorf("look at the disk: %w", err)
	}
	named, err := os.Lstat(disk.Name())
	if err != nil {
		return fmt.Errorf("look at the disk: %w", err)
	}
	if !opened.Mode().IsRegular() || !os.SameFile(opened, named) || opened.Size() == 0 || opened.Size()%sector != 0 {
		return fmt.Errorf("%s is not a regular file of whole sectors under its own name", disk.Name())
	}
	return checkPath(disk.Name())
}

const sector = 512
