package inventory

import (
	"net/url"
	"path"
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
			l.checkBootstrap(image.Bootstrap, image.Disk, path+".bootstrap")
		}
		if image.Install != nil {
			image.Disk = l.checkInstall(image.Install, image.Disk, path)
			inv.Images[name] = image
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

// The grammars are narrow: none of the words can become an option, a list or a
// second line for the tools that get them.
var (
	suitePattern     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`)
	mirrorPattern    = regexp.MustCompile(`^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~+%-]+)*/?$`)
	componentPattern = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	debianPackage    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$`)
	keyringPattern   = regexp.MustCompile(`^[A-Za-z0-9._+/-]+\.(gpg|pgp|asc)$`)
)

// leastBootstrap is the smallest disk that a bootstrapped system fits on.
const leastBootstrap = 1 << 30

func (l *loader) checkBootstrap(b *Bootstrap, disk Size, path string) {
	l.matches(path+".suite", b.Suite, suitePattern, "a release's code name such as bookworm or noble")
	if b.Mirror != "" {
		l.matches(path+".mirror", b.Mirror, mirrorPattern, "an http or https address without a password")
	}
	if b.Keyring.Path != "" {
		l.matches(path+".keyring", b.Keyring.Path, keyringPattern, "a plain name that ends in .gpg, .pgp or .asc")
	}
	l.eachMatches(path+".components", b.Components, componentPattern, "a component such as main")
	l.eachMatches(path+".packages", b.Packages, debianPackage, "a package's name")
	if disk != 0 && (disk < leastBootstrap || disk%(1<<20) != 0) {
		l.complain(strings.TrimSuffix(path, "bootstrap")+"disk", "wants whole MiB, at least 1GiB, for a bootstrapped system")
	}
}

func (l *loader) matches(path, value string, pattern *regexp.Regexp, what string) {
	if !pattern.MatchString(value) && !l.unread[path] {
		l.complain(path, "wants %s, got %q", what, shorten(value))
	}
}

func (l *loader) eachMatches(path string, values []string, pattern *regexp.Regexp, what string) {
	for i, value := range values {
		l.matches(index(path, i), value, pattern, what)
	}
}

var (
	packagePattern = regexp.MustCompile(`^[A-Za-z0-9@]([A-Za-z0-9@+._:=~-]*[A-Za-z0-9@+._:=~])?$`)
	zonePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*)*$`)
	modePattern    = regexp.MustCompile(`^0?[0-7]{3}$`)
	ownerPattern   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$`)
)

func (l *loader) checkPrepare(p *Prepare, path string) {
	l.eachMatches(path+".packages", p.Packages, packagePattern, "a package's name")
	for i := range p.Copy {
		l.checkCopy(p.Copy[i], index(path+".copy", i))
	}
	l.checkKeys(p.SSHAuthorizedKeys, path+".ssh_authorized_keys")
	if p.Timezone != "" {
		l.matches(path+".timezone", p.Timezone, zonePattern, "a time zone such as Europe/Berlin")
	}
	for i, command := range p.Run {
		if strings.TrimSpace(command) == "" {
			l.complain(index(path+".run", i), "is empty")
		}
	}
}

func (l *loader) checkCopy(c Copy, at string) {
	if c.From.Path == "" {
		l.complain(at+".from", "is missing")
	}
	if !strings.HasPrefix(c.To, "/") || c.To == "/" || path.Clean(c.To) != c.To {
		l.complain(at+".to", "wants the absolute path of a file in the image, got %q", shorten(c.To))
	}
	if c.Mode != "" {
		l.matches(at+".mode", c.Mode, modePattern, `permissions in octal such as "0644"`)
	}
	if c.Owner != "" {
		l.matches(at+".owner", c.Owner, ownerPattern, "user or user:group")
	}
}
