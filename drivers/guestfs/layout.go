package guestfs

import (
	_ "embed" // the scripts
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// operations are virt-sysprep's own that tell one machine from another, and not
// those that take what users made: files that look like backups, crontabs and
// authorized keys. New LVM ids keep some distributions from finding their root.
// It performs them before it customises, so clean.sh has to follow.
const operations = "defaults,-backup-files,-cron-spool,-lvm-uuids,-ssh-userdir"

// boot makes starts of the image faster; clean removes what tells machines apart.
var (
	//go:embed boot.sh
	boot string
	//go:embed clean.sh
	clean string
)

// The names of files in the working folder. The tool repeats those of scripts.
const (
	disk          = "disk" // where the image appears
	keysFile      = "keys"
	foldersScript = "folders"
	ownersScript  = "owners"
	commandScript = "command-"
	bootScript    = "boot"
	cleanScript   = "clean"
)

// layout is a working folder with the arguments that lead to its files. Their
// names are plain, so that no argument has a part of the host's paths, nor of
// what files, keys and commands hold.
type layout struct {
	folder string
	args   []string
	err    error // the first
}

// lay writes the files that the tool reads into the folder, and gives the
// arguments for a tool whose working folder that is.
func lay(c Config, folder string) ([]string, error) {
	l := &layout{folder: folder, args: []string{"--operations", operations, "--format", "qcow2", "-a", "/tmp/" + disk}}
	l.write(disk, "")
	l.network(c)
	if len(c.Packages) > 0 {
		l.add("--install", strings.Join(c.Packages, ","))
	}
	l.files(c.Files)
	if len(c.RootKeys) > 0 {
		l.write(keysFile, strings.Join(c.RootKeys, "\n")+"\n")
		l.add("--ssh-inject", "root:file:"+keysFile)
	}
	if c.Timezone != "" {
		l.add("--timezone", c.Timezone)
	}
	for i, command := range c.Commands {
		l.script(fmt.Sprint(commandScript, i+1), command)
	}
	l.script(bootScript, boot)
	l.script(cleanScript, clean)
	l.add("--selinux-relabel") // does nothing where the image has no SELinux
	return l.args, l.err
}

// network is there for package managers and commands only.
func (l *layout) network(c Config) {
	if len(c.Packages)+len(c.Commands) > 0 {
		l.add("--network")
	} else {
		l.add("--no-network")
	}
}

// files are readable by root alone until they have their owners: folders first,
// and a folder where a file should be is an error and not the file's parent.
func (l *layout) files(files []File) {
	if len(files) == 0 {
		return
	}
	folders, owners := "set -e\n", "set -e\n"
	for _, file := range files {
		folders += fmt.Sprintf("mkdir -p %s\nif [ -d %s ]; then echo %[2]s is a folder; exit 1; fi\n",
			quote(filepath.Dir(file.To)), quote(file.To))
		owners += fmt.Sprintf("chown %s %s\nchmod %04o %[2]s\n", file.owner(), quote(file.To), file.mode())
	}
	l.script(foldersScript, folders)
	for i, file := range files {
		name := fmt.Sprint("file-", i+1)
		l.write(name, string(file.Content))
		l.add("--upload", name+":"+file.To)
	}
	l.script(ownersScript, owners)
}

// owner has a group always; that of a user alone is the one he logs in with.
func (f File) owner() string {
	switch {
	case f.Owner == "":
		return "0:0"
	case strings.Contains(f.Owner, ":"):
		return f.Owner
	}
	return f.Owner + ":"
}

func (f File) mode() os.FileMode {
	if f.Mode == 0 {
		return 0o644
	}
	return f.Mode
}

// quote makes one word of a shell of any text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func (l *layout) script(name, text string) {
	l.write(name, text)
	l.add("--run", name)
}

func (l *layout) add(args ...string) { l.args = append(l.args, args...) }

// write makes a new file: what a name in the folder already leads to stays as it is.
func (l *layout) write(name, text string) {
	if l.err != nil {
		return
	}
	file, err := os.OpenFile(filepath.Join(l.folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		l.err = err
		return
	}
	_, l.err = file.WriteString(text)
	if err := file.Close(); l.err == nil {
		l.err = err
	}
}

// environment is all that the tool inherits.
func environment(c Config) []string {
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TMPDIR=/tmp",
		"LIBGUESTFS_BACKEND=direct", "LIBGUESTFS_CACHEDIR=/var/tmp",
	}
	if !c.KVM {
		env = append(env, "LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
	}
	if c.Memory > 0 {
		env = append(env, fmt.Sprintf("LIBGUESTFS_MEMSIZE=%d", (c.Memory+1<<20-1)>>20))
	}
	return env
}
