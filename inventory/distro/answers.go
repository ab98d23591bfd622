package distro

import (
	_ "embed" // for the answers
	"strings"
)

// The answers are made of these texts, put together in the order in which an
// installer reads them. Words in @ @ are replaced.
var (
	//go:embed answers/debian-installer.cfg
	installerAnswers string // of Debian and, up to 18.04, of Ubuntu
	//go:embed answers/debian.cfg
	debianAnswers string
	//go:embed answers/debian-archived.cfg
	archivedAnswers string
	//go:embed answers/debian-expired.cfg
	expiredAnswers string
	//go:embed answers/ubuntu.cfg
	ubuntuAnswers string
	//go:embed answers/autoinstall.yaml
	autoinstallAnswers string
	//go:embed answers/enterprise.ks
	enterpriseAnswers string
	//go:embed answers/fedora.ks
	fedoraAnswers string
	//go:embed answers/centos7.ks
	centos7Answers string
	//go:embed answers/system.ks
	systemAnswers string // of all kickstarts
	//go:embed answers/centos7-vault.ks
	vaultAnswers string
)

// preseed gives answers for Debian's installer, which gets the packages of a
// suite from http://<host>/<folder>.
func preseed(host, folder, suite string, texts ...string) Answers {
	words := strings.NewReplacer("@HOST@", host, "@FOLDER@", folder, "@SUITE@", suite)
	return Answers{Preseed, []byte(words.Replace(strings.Join(texts, "\n")))}
}

// kickstart gives answers for Anaconda, which gets the packages from a tree.
func kickstart(tree string, texts ...string) Answers {
	words := strings.NewReplacer("@TREE@", tree)
	return Answers{Kickstart, []byte(words.Replace(strings.Join(texts, "\n")))}
}
