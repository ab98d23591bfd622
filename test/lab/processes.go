package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// addProcesses adds the QEMU of each guest and every process of the machine
// with an argument that names the pool's folder: a tool at work on it, or left
// over. A process that ends while this looks at it is not there.
func (l *Lab) addProcesses(world Snapshot) error {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	namespace, err := os.Readlink("/proc/" + strconv.Itoa(l.init.Process.Pid) + "/ns/pid")
	if err != nil {
		return err
	}
	for _, folder := range folders {
		arguments := processArguments(folder)
		if own, _ := os.Readlink(folder + "/ns/pid"); own == namespace {
			addGuest(world, arguments)
		} else if l.worksOnPool(arguments) && filepath.Base(folder) != strconv.Itoa(os.Getpid()) {
			world["process/"+filepath.Base(arguments[0])] = ""
		}
	}
	return nil
}

func processArguments(folder string) []string {
	line, err := os.ReadFile(folder + "/cmdline")
	if err != nil {
		return nil
	}
	return strings.Split(string(bytes.TrimSuffix(line, []byte{0})), "\x00")
}

func (l *Lab) worksOnPool(arguments []string) bool {
	for _, argument := range arguments {
		if strings.Contains(argument, l.Pool()) {
			return true
		}
	}
	return false
}

// addGuest adds a guest's QEMU. The QEMUs that libvirt starts for a moment to
// learn what they can do have no guest.
func addGuest(world Snapshot, arguments []string) {
	for i, argument := range arguments[:max(0, len(arguments)-1)] {
		if guest, isGuest := strings.CutPrefix(arguments[i+1], "guest="); isGuest && argument == "-name" {
			name, _, _ := strings.Cut(guest, ",")
			world["process/qemu "+name] = ""
		}
	}
}
