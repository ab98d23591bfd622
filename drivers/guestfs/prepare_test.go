package guestfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pcloud-apply/drivers/tool"
)

func everything() Config {
	return Config{
		Packages: []string{"openssh-server", "g++"},
		Files: []File{
			{Content: []byte("token"), To: "/srv/my app/it's $HOME", Mode: 0o640, Owner: "me"},
			{Content: []byte("plain"), To: "/etc/plain:x"},
			{Content: []byte("echo $1 >>/root/said\n"), To: "/tmp/helper", Mode: 0o700},
		},
		RootKeys: []string{"ssh-ed25519 AAAA one", `command="x y" ssh-ed25519 AAAA two`},
		Timezone: "Europe/Berlin",
		Commands: []string{
			"sh /tmp/helper first; ls -d '" + hostFile + "' || cat /etc/machine-id >/root/id",
			"set -e\n# lines and 'quotes'\nsh /tmp/helper \"second\"\nip addr show eth0\necho log >/var/log/command.log",
		},
		Memory: 700 << 20,
	}
}

// hostFile is on the host, and not in the image: the first command goes on only there.
const hostFile = "/usr/bin/virt-sysprep"

// One run of the appliance shows all; the image loses its name on the way.
func TestPrepareCustomisesAndCleansInOneRun(t *testing.T) {
	t.Parallel()
	sysprep, path, work := find(t), image(t), t.TempDir()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	sysprep.Inherit = []*os.File{file}
	var steps []string
	must(t, sysprep.Prepare(t.Context(), everything(), tool.Inherited(0), work, func(step string) {
		if steps = append(steps, step); len(steps) == 2 {
			must(t, os.Rename(path, path+"-moved"))
		}
	}))
	if got := strings.Join(steps, "\n"); got != stagesOfEverything {
		t.Errorf("the stages are\n%s", got)
	}
	tree := content(t, path+"-moved")
	for name, want := range made {
		if got, err := os.ReadFile(filepath.Join(tree, name)); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v", name, got, err)
		}
	}
	for _, name := range gone {
		if found, _ := filepath.Glob(filepath.Join(tree, name)); len(found) > 0 {
			t.Errorf("%s is still there", found)
		}
	}
	checkOwners(t, tree)
	checkIdentities(t, tree)
	if left := inNamespaceOf(t, work); len(left) > 0 {
		t.Errorf("%q run on", left)
	}
}

const stagesOfEverything = `start the appliance
remove what the image gathered
install packages
copy files
add root's keys
set the time zone
run command 1
run command 2
make boots faster
clean up
relabel files for SELinux`

var made = map[string]string{
	"srv/my app/it's $HOME":                "token",
	"etc/plain:x":                          "plain",
	"root/said":                            "first\nsecond\n",
	"root/installed":                       "-q -y -o Dpkg::Options::=--force-confnew install openssh-server g++\n",
	"root/.ssh/authorized_keys":            "ssh-ed25519 AAAA old\nssh-ed25519 AAAA one\ncommand=\"x y\" ssh-ed25519 AAAA two\n",
	"home/me/.ssh/authorized_keys":         "ssh-ed25519 AAAA me\n",
	"etc/machine-id":                       "",
	"etc/passwd":                           debian["etc/passwd"],
	"etc/ssh/sshd_config":                  "kept",
	"root/notes.bak":                       "kept",
	"var/spool/cron/crontabs/root":         "kept",
	"var/lib/cloud/seed/nocloud/meta-data": "kept",
	"var/log/own/service.log":              "",
	"boot/grub/grub.cfg":                   "if true ; then\n  set timeout=0\nelse\n  set timeout=0\nfi\nmenuentry x\n",
	"etc/systemd/system/ssh.service.wants/ssh-host-keys.service": hostKeysUnit,
	"etc/default/grub":                                                "GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_RECORDFAIL_TIMEOUT=0\n",
	"etc/cloud/cloud.cfg.d/99-pcloud-apply.cfg":                       "datasource_list: [ NoCloud, None ]\n",
	"etc/systemd/system/x-wait-online.service.d/50-pcloud-apply.conf": "[Service]\nTimeoutStartSec=45\n",
}

const hostKeysUnit = `[Unit]
Description=Make SSH host keys
Before=ssh.service
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
`

var gone = []string{
	"etc/ssh/ssh_host*", "etc/passwd-", "etc/udev/rules.d/70*", "var/lib/dbus/machine-id", "var/lib/cloud/inst*",
	"var/lib/dhcp/*", "var/lib/systemd/random-seed", "var/lib/apt/lists/*", "var/cache/apt/archives/*", "var/log/*.1",
	"var/log/journal/*", "root/.*history", "home/me/.*history", "tmp/*", "var/tmp/*", ".autorelabel",
}

func checkOwners(t *testing.T, tree string) {
	t.Helper()
	for name, want := range map[string]string{
		"srv/my app/it's $HOME": "1000:1000 -rw-r-----",
		"etc/plain:x":           "0:0 -rw-r--r--",
		"etc/machine-id":        "0:0 -r--r--r--",
	} {
		info, err := os.Lstat(filepath.Join(tree, name))
		must(t, err)
		stat := info.Sys().(*syscall.Stat_t)
		if got := fmt.Sprintf("%d:%d %v", stat.Uid, stat.Gid, info.Mode()); got != want {
			t.Errorf("%s is of %s", name, got)
		}
	}
}

// The id that packages and commands saw is not the one the image had, and no
// log of this run has anything.
func checkIdentities(t *testing.T, tree string) {
	t.Helper()
	for _, name := range []string{"root/id", "root/id-for-packages"} {
		id, err := os.ReadFile(filepath.Join(tree, name))
		if err != nil || len(id) != 33 || string(id) == debian["etc/machine-id"] {
			t.Errorf("%s has %q, %v", name, id, err)
		}
	}
	must(t, filepath.WalkDir(filepath.Join(tree, "var/log"), func(path string, entry os.DirEntry, err error) error {
		if info, infoErr := entry.Info(); infoErr != nil || info.Mode().IsRegular() && info.Size() > 0 {
			t.Errorf("%s has %d bytes, %v", path, info.Size(), infoErr)
		}
		return err
	}))
}

// What a command printed is in the error, and nothing of any file or command.
func TestAFailingCommandSaysWhatItPrinted(t *testing.T) {
	t.Parallel()
	c := Config{
		Files:    []File{{Content: []byte("secret-of-file"), To: "/etc/token"}},
		RootKeys: []string{"secret-of-key"},
		Commands: []string{"true", "echo no such thing; exit 7 # secret-of-command"},
	}
	err := find(t).Prepare(t.Context(), c, image(t), t.TempDir(), func(string) {})
	var failed *Error
	if !errors.As(err, &failed) || failed.Stage != "run command 2" || !strings.Contains(err.Error(), "no such thing virt-sysprep: error: command-2:") {
		t.Errorf("%v", err)
	}
	if strings.Contains(fmt.Sprint(err, failed.Output), "secret") {
		t.Errorf("%v: %s", err, failed.Output)
	}
}

func TestCancelledPrepareLeavesNoAppliance(t *testing.T) {
	t.Parallel()
	tool, work := find(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var before []string
	err := tool.Prepare(ctx, Config{}, image(t), work, func(step string) {
		if step != starting {
			before = inNamespaceOf(t, work)
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	appliance := func(name string) bool { return strings.HasPrefix(name, "qemu-system") }
	if after := inNamespaceOf(t, work); !slices.ContainsFunc(before, appliance) || len(after) > 0 {
		t.Errorf("before there were %q, and after %q", before, after)
	}
}

// inNamespaceOf gives the names of the processes that see the folder as /tmp.
func inNamespaceOf(t *testing.T, folder string) []string {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	var names []string
	for _, process := range processes {
		mounts, _ := os.ReadFile(filepath.Join(process, "mountinfo")) // it may end at any time
		if strings.Contains(string(mounts), folder+" /tmp ") {
			name, _ := os.ReadFile(filepath.Join(process, "comm"))
			names = append(names, strings.TrimSpace(string(name)))
		}
	}
	return names
}
