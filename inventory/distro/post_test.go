package distro

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var absolute = regexp.MustCompile(`[ >]/[^ ;\n]+`)

// post runs the scripts of a kickstart, if they stay in the sandbox.
func post(s sandbox, name string) error {
	s.Helper()
	p, _ := Find(name)
	have, err := parseKickstart(string(p.Answers.Content))
	for _, script := range have.scripts {
		for _, path := range absolute.FindAllString(script, -1) {
			if !strings.HasPrefix(path[1:], "/etc/") && !strings.HasPrefix(path[1:], "/usr/lib/systemd/") {
				s.Fatalf("%s works on %s", name, path)
			}
		}
		if err == nil {
			err = s.run("bash", script, "/etc/", "/usr/lib/systemd/")
		}
	}
	return err
}

const centosRepo = `[base]
mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo=os&infra=$infra
#baseurl=http://mirror.centos.org/centos/$releasever/os/$basearch/
gpgcheck=1
`

func TestThePostScriptsOfCentOS7(t *testing.T) {
	s := newSandbox(t, map[string]string{
		"/etc/yum.repos.d/CentOS-Base.repo":           centosRepo,
		"/etc/ssh/sshd_config":                        "UsePAM yes\n",
		"/etc/sysconfig/network-scripts/ifcfg-eth0":   "",
		"/etc/sysconfig/network-scripts/ifcfg-lo":     "",
		"/usr/lib/systemd/system/cloud-init.service":  "",
		"/usr/lib/systemd/system/cloud-final.service": "",
	})
	if err := post(s, "centos7"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/etc/yum.repos.d/CentOS-Base.repo": "[base]\n#mirrorlist=http://mirrorlist.centos.org/?release=$releasever&arch=$basearch&repo=os&infra=$infra\n" +
			"baseurl=https://vault.centos.org/7.9.2009/os/$basearch/\ngpgcheck=1\n",
		"/etc/ssh/sshd_config":                    "PasswordAuthentication no\nUsePAM yes\n",
		"/etc/sysconfig/network-scripts/ifcfg-lo": "",
	}
	if diff := cmp.Diff(want, s.files("/etc")); diff != "" {
		t.Error(diff)
	}
	called := "systemctl enable serial-getty@ttyS0.service\nsystemctl enable cloud-init.service\nsystemctl enable cloud-final.service\n"
	if diff := cmp.Diff(called, s.files("/called")["/called"]); diff != "" {
		t.Error(diff)
	}
}

func TestThePostScriptOfALaterRelease(t *testing.T) {
	s := newSandbox(t, map[string]string{
		"/etc/ssh/sshd_config":                                       "UsePAM yes\n",
		"/etc/ssh/sshd_config.d/50-redhat.conf":                      "",
		"/etc/NetworkManager/system-connections/enp1s0.nmconnection": "",
		"/usr/lib/systemd/system/cloud-init-main.service":            "",
	})
	if err := post(s, "alma10"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/etc/ssh/sshd_config":                     "UsePAM yes\n",
		"/etc/ssh/sshd_config.d/50-redhat.conf":    "",
		"/etc/ssh/sshd_config.d/60-keys-only.conf": "PasswordAuthentication no\n",
	}
	if diff := cmp.Diff(want, s.files("/etc")); diff != "" {
		t.Error(diff)
	}
}

func TestAPostScriptFailsWithTheToolsItCalls(t *testing.T) {
	s := newSandbox(t, map[string]string{"/etc/ssh/sshd_config": ""})
	s.write("/bin/systemctl", "#!/bin/sh\nexit 1\n", 0o755)
	if err := post(s, "rocky9"); err == nil {
		t.Error("systemctl fails, and nobody sees it")
	}
}
