package inventory

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"pcloud-apply/inventory/distro"
)

// checkInstall fills in what the profile has, and gives the size of the disk.
func (l *loader) checkInstall(install *Install, disk Size, path string) Size {
	profile := l.profile(install, path+".install")
	l.checkAnswers(install, profile, path+".install")
	l.checkInstaller(install, profile, path+".install")
	l.checkBuildVM(install, profile, path+".install")
	if disk == 0 {
		disk = Size(profile.Disk)
	}
	unknown := install.Distro != "" && profile.Name == "" // it is complained of already
	if disk%(1<<20) != 0 || disk == 0 && !unknown {
		l.complain(path, "disk: an installation wants one of whole MiB, such as 10GiB")
	}
	return disk
}

func (l *loader) profile(install *Install, path string) distro.Profile {
	profile, known := distro.Find(install.Distro)
	if !known && install.Distro != "" {
		l.complain(path+".distro", "there is no profile %q%s; there are %s", shorten(install.Distro),
			l.didYouMean(install.Distro, slices.Values(distro.Names())), strings.Join(distro.Names(), ", "))
	}
	return profile
}

// checkAnswers wants one file, or the profile's answers.
func (l *loader) checkAnswers(install *Install, profile distro.Profile, path string) {
	install.Answers = profile.Answers
	var given []string
	for _, a := range []struct {
		kind distro.Kind
		file File
	}{{distro.Preseed, install.Preseed}, {distro.Kickstart, install.Kickstart}, {distro.Autoinstall, install.Autoinstall}} {
		if a.file.Path != "" {
			given = append(given, string(a.kind))
			install.Answers = distro.Answers{Kind: a.kind, Content: a.file.Content}
		}
	}
	switch {
	case len(given) > 1:
		l.complain(path, "has %s; only one of them can be", strings.Join(given, " and "))
	case len(given) == 0 && install.Distro == "":
		l.complain(path, "wants distro, or one of preseed, kickstart and autoinstall")
	}
}

// checkInstaller wants a location or a kernel with its initrd.
func (l *loader) checkInstaller(install *Install, profile distro.Profile, path string) {
	switch {
	case (install.Kernel == "") != (install.Initrd == ""):
		l.complain(path, "kernel and initrd go together")
	case install.Kernel != "" && install.Location != "":
		l.complain(path, "has a location and a kernel; only one of them can be")
	case install.Kernel == "" && install.Location == "":
		install.Location = profile.Location
	}
	if install.Kernel == "" && install.Location == "" && install.Distro == "" {
		l.complain(path, "wants distro, location, or kernel with initrd")
	}
	l.checkInstallerFile(&install.Location, install, path+".location")
	l.checkInstallerFile(&install.Kernel, install, path+".kernel")
	l.checkInstallerFile(&install.Initrd, install, path+".initrd")
	if install.KernelArgs != "" {
		l.matches(path+".kernel_args", install.KernelArgs, kernelArgsPattern, "one line of arguments for a kernel")
	}
}

var kernelArgsPattern = regexp.MustCompile(`^[\x20-\x7e]{1,1000}$`)

// checkInstallerFile identifies a part of the installer: a URL as it stands, a
// file by its bytes.
func (l *loader) checkInstallerFile(source *string, install *Install, path string) {
	switch {
	case *source == "":
	case strings.Contains(*source, "://"):
		l.checkInstallerURL(*source, path)
		install.Content = append(install.Content, *source)
	default:
		*source = l.absolute(*source)
		digest, err := l.files.Digest(*source)
		if err != nil {
			l.complain(path, "cannot read %s: %s", *source, cause(err))
		}
		install.Content = append(install.Content, "sha256:"+digest)
	}
}

// checkInstallerURL knows that it becomes an argument of a kernel.
func (l *loader) checkInstallerURL(text, path string) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		l.complain(path, "wants a file, or an http or https address, got %q", shorten(text))
	case parsed.User != nil:
		l.complain(path, "a password does not belong into an inventory")
	case parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(text, " \"'\\"):
		l.complain(path, "wants a plain address, without a query, blanks or quotes, got %q", shorten(text))
	}
}

// leastInstall is less than any installer runs in.
const leastInstall = 64 << 20

func (l *loader) checkBuildVM(install *Install, profile distro.Profile, path string) {
	if install.Memory == 0 {
		install.Memory = max(Memory(profile.Memory), 1<<30)
	}
	if install.Memory < leastInstall {
		l.complain(path+".memory", "no installer runs in so little")
	}
	if install.VCPUs < 1 || install.VCPUs > maxVCPUs {
		l.complain(path+".vcpus", "wants 1 to %d", maxVCPUs)
	}
	if install.Timeout < 10*time.Second {
		l.complain(path+".timeout", "wants 10s or more")
	}
	if install.Network != "" {
		l.checkForeignName(path+".network", install.Network, 200)
	}
}
