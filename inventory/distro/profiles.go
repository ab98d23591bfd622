package distro

const gib = 1 << 30

// disk holds each of the systems and leaves half to the user. Installers of
// live images want about as much.
const disk = 10 * gib

const (
	debianMirror  = "ftp.debian.org"
	debianArchive = "archive.debian.org" // for what is supported no more
	ubuntuMirror  = "archive.ubuntu.com" // which speaks HTTP only
)

func debians() []Profile {
	tested := debian("debian12", debianMirror, "bookworm", debianAnswers)
	tested.Tested = true
	return []Profile{
		debian("debian8", debianArchive, "jessie", archivedAnswers, expiredAnswers),
		debian("debian9", debianArchive, "stretch", archivedAnswers, expiredAnswers),
		debian("debian10", debianArchive, "buster", archivedAnswers),
		debian("debian11", debianMirror, "bullseye", debianAnswers),
		tested,
		debian("debian13", debianMirror, "trixie", debianAnswers),
	}
}

func debian(name, host, suite string, answers ...string) Profile {
	return Profile{
		Name:     name,
		Location: "https://" + host + "/debian/dists/" + suite + "/main/installer-amd64/",
		Answers:  preseed(host, "debian", suite, append([]string{installerAnswers}, answers...)...),
		Memory:   1 * gib,
		Disk:     disk,
	}
}

// ubuntus have the last image of their series, which stays where it is.
func ubuntus() []Profile {
	return []Profile{
		legacyUbuntu("ubuntu1604", "xenial"),
		legacyUbuntu("ubuntu1804", "bionic"),
		liveUbuntu("ubuntu2004", "20.04", "20.04.6"),
		liveUbuntu("ubuntu2204", "22.04", "22.04.5"),
		liveUbuntu("ubuntu2404", "24.04", "24.04.5"),
	}
}

// legacyUbuntu is a release that Debian's installer installs.
func legacyUbuntu(name, suite string) Profile {
	return Profile{
		Name:     name,
		Location: "http://" + ubuntuMirror + "/ubuntu/dists/" + suite + "/main/installer-amd64/",
		Answers:  preseed(ubuntuMirror, "ubuntu", suite, installerAnswers, ubuntuAnswers),
		Memory:   1 * gib,
		Disk:     disk,
	}
}

// liveUbuntu is a release that is installed from its live image. That keeps
// what it unpacks in memory.
func liveUbuntu(name, series, version string) Profile {
	return Profile{
		Name:     name,
		Location: "https://releases.ubuntu.com/" + series + "/ubuntu-" + version + "-live-server-amd64.iso",
		Answers:  Answers{Autoinstall, []byte(autoinstallAnswers)},
		Memory:   3 * gib,
		Disk:     disk,
	}
}

func enterprises() []Profile {
	return []Profile{
		centos7(),
		enterprise("centosstream9", "https://mirror.stream.centos.org/9-stream"),
		enterprise("centosstream10", "https://mirror.stream.centos.org/10-stream"),
		enterprise("rocky8", "https://download.rockylinux.org/pub/rocky/8"),
		enterprise("rocky9", "https://download.rockylinux.org/pub/rocky/9"),
		enterprise("rocky10", "https://download.rockylinux.org/pub/rocky/10"),
		enterprise("alma8", "https://repo.almalinux.org/almalinux/8"),
		enterprise("alma9", "https://repo.almalinux.org/almalinux/9"),
		enterprise("alma10", "https://repo.almalinux.org/almalinux/10"),
	}
}

// enterprise is a relative of Red Hat Enterprise Linux 8 or later. From the
// network, its installer keeps its own system in memory.
func enterprise(name, tree string) Profile {
	return Profile{
		Name:     name,
		Location: tree + "/BaseOS/x86_64/os/",
		Answers:  kickstart(tree, enterpriseAnswers, systemAnswers),
		Memory:   4 * gib,
		Disk:     disk,
	}
}

func centos7() Profile {
	const tree = "https://vault.centos.org/7.9.2009"
	return Profile{
		Name:     "centos7",
		Location: tree + "/os/x86_64/",
		Answers:  kickstart(tree, centos7Answers, systemAnswers, vaultAnswers),
		Memory:   2 * gib,
		Disk:     disk,
	}
}

func fedoras() []Profile {
	return []Profile{fedora("43"), fedora("44")}
}

func fedora(version string) Profile {
	tree := "https://dl.fedoraproject.org/pub/fedora/linux/releases/" + version + "/Everything/x86_64/os/"
	return Profile{
		Name:     "fedora" + version,
		Location: tree,
		Answers:  kickstart(tree, fedoraAnswers, systemAnswers),
		Memory:   4 * gib,
		Disk:     disk,
	}
}
