package inventory

import (
	"net/url"
	"regexp"
	"strings"
)

func (l *loader) checkImages(inv *Inventory) {
	for _, name := range sortedKeys(inv.Images) {
		image, path := inv.Images[name], "images."+name
		l.checkName(path, name, "an image's name")
		l.exactlyOne(path, map[string]bool{
			"source": image.Source != nil, "bootstrap": image.Bootstrap != nil, "install": image.Install != nil,
		})
		if image.Source != nil {
			l.checkSource(image.Source, path+".source")
		}
		if image.Bootstrap != nil {
			l.checkBootstrap(image.Bootstrap, path+".bootstrap")
		}
		if image.Install != nil {
			l.checkInstall(image.Install, path+".install")
		}
		if image.Prepare != nil {
			l.checkPrepare(image.Prepare, path+".prepare")
		}
	}
}

var (
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sha512Pattern = regexp.MustCompile(`^[0-9a-f]{128}$`)
)

func (l *loader) checkSource(s *Source, path string) {
	s.SHA256, s.SHA512 = strings.ToLower(s.SHA256), strings.ToLower(s.SHA512)
	l.exactlyOne(path, map[string]bool{"file": s.File != "", "url": s.URL != ""})
	switch {
	case s.SHA256 != "" && s.SHA512 != "":
		l.complain(path+".sha512", "one checksum is enough")
	case s.SHA256 != "" && !sha256Pattern.MatchString(s.SHA256):
		l.complain(path+".sha256", "wants 64 hexadecimal digits")
	case s.SHA512 != "" && !sha512Pattern.MatchString(s.SHA512):
		l.complain(path+".sha512", "wants 128 hexadecimal digits")
	}
	if s.URL != "" {
		l.checkURL(s, path)
	}
	if s.File != "" {
		s.File = l.absolute(s.File)
		l.identify(s, path)
	}
}

func (l *loader) checkURL(s *Source, path string) {
	parsed, err := url.Parse(s.URL)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		l.complain(path+".url", "wants an http or https address, got %q", shorten(s.URL))
	case parsed.User != nil:
		l.complain(path+".url", "a password does not belong into an inventory")
	case parsed.Scheme == "http" && s.SHA256 == "" && s.SHA512 == "":
		l.complain(path, "http is not protected on its way: add sha256 or sha512")
	}
	s.Content = declaredContent(s)
}

// identify says which bytes the source is: as declared, else as they are.
func (l *loader) identify(s *Source, path string) {
	if s.Content = declaredContent(s); s.Content != "" {
		return
	}
	digest, err := l.files.Digest(s.File)
	if err != nil {
		l.complain(path+".file", "cannot read %s: %s", s.File, cause(err))
		return
	}
	s.Content = "sha256:" + digest
}

func declaredContent(s *Source) string {
	switch {
	case s.SHA256 != "":
		return "sha256:" + s.SHA256
	case s.SHA512 != "":
		return "sha512:" + s.SHA512
	}
	return ""
}

var suitePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,40}$`)

func (l *loader) checkBootstrap(b *Bootstrap, path string) {
	if !suitePattern.MatchString(b.Suite) {
		l.complain(path+".suite", "wants a suite such as bookworm or noble, got %q", shorten(b.Suite))
	}
	b.Keyring = l.absolute(b.Keyring)
	l.checkPackages(b.Packages, path+".packages")
}

var packagePattern = regexp.MustCompile(`^[A-Za-z0-9@][A-Za-z0-9+._:@-]*$`)

func (l *loader) checkPackages(packages []string, path string) {
	for i, name := range packages {
		if !packagePattern.MatchString(name) {
			l.complain(index(path, i), "%q is no package's name", shorten(name))
		}
	}
}

func (l *loader) checkInstall(install *Install, path string) {
	answers := 0
	for _, file := range []*string{&install.Preseed, &install.Kickstart, &install.Autoinstall} {
		if *file != "" {
			answers++
		}
		*file = l.absolute(*file)
	}
	if answers > 1 {
		l.complain(path, "has more than one of preseed, kickstart and autoinstall")
	}
	if install.Distro == "" && install.Location == "" && install.Kernel == "" {
		l.complain(path, "wants distro, location, or kernel with initrd")
	}
	if (install.Kernel == "") != (install.Initrd == "") {
		l.complain(path, "kernel and initrd go together")
	}
	if install.VCPUs < 0 || install.VCPUs > maxVCPUs {
		l.complain(path+".vcpus", "wants 1 to %d", maxVCPUs)
	}
}

func (l *loader) checkPrepare(p *Prepare, path string) {
	l.checkPackages(p.Packages, path+".packages")
	for i := range p.Copy {
		at := index(path+".copy", i)
		if p.Copy[i].From == "" {
			l.complain(at+".from", "is missing")
		}
		if !strings.HasPrefix(p.Copy[i].To, "/") {
			l.complain(at+".to", "wants an absolute path in the image, got %q", shorten(p.Copy[i].To))
		}
		p.Copy[i].From = l.absolute(p.Copy[i].From)
	}
	for i, command := range p.Run {
		if strings.TrimSpace(command) == "" {
			l.complain(index(path+".run", i), "is empty")
		}
	}
}
