//go:build !race

package inventory

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// every is a mapping with every key of a spawn.
const every = "{image: tiny, count: 1, host: local, vcpus: 1, memory: 1GiB, disk: 1GiB, standalone: true, state: any, " +
	"shutdown: {timeout: 1s, then: fail}, autostart: true, uefi: false, protect: true, on_image_change: keep, " +
	"on_cloud_init_change: keep, wait: {for: ip, timeout: 1s}, networks: [{network: a}, {bridge: b}], " +
	"disks: {a: {size: 1GiB}, b: {size: 1GiB}}, cloud_init: {user: ops, user_data: user.yaml, network_config: net.yaml}, " +
	"ssh_authorized_keys: [\"" + key + "\"]}"

// hostile are inventories that try to take much time or memory, as large as can be.
var hostile = map[string]func() string{
	"too dense":        func() string { return fill(MaxBytes, head+"x-a: [", "{a},", "]\n") },
	"mappings":         func() string { return filled(head+"x-a: [", "{a},", "]\n") },
	"lists":            func() string { return filled(head+"x-a: [", "[],", "]\n") },
	"comments":         func() string { return filled(head+"x-a:\n", "- a #\n", "") },
	"dashes":           func() string { return filled(head+"x-a:\n", "- - a\n", "") },
	"anchors":          func() string { return filled(head+"x-a: [", "&a% a,", "]\n") },
	"tag directives":   func() string { return filled("", "%TAG !a x\n", "--- {version: 1}\n") },
	"keys to ignore":   func() string { return filled(head, "x-%:\n", "") },
	"unknown keys":     func() string { return filled(head+"policy: {", "k%: ,", "}\n") },
	"the same key":     func() string { return filled(head+"policy: {", "k: ,", "}\n") },
	"wrong values":     func() string { return filled(head+"spawns: {w: {ssh_authorized_keys: [", "1,", "]}}\n") },
	"wrong SSH keys":   func() string { return filled(head+"spawns: {w: {ssh_authorized_keys: [", "a%,", "]}}\n") },
	"spawns":           func() string { return filled(head+"defaults: "+every+"\nspawns: {", "s%: ,", "}\n") },
	"images":           func() string { return filled("version: 1\nname: a\nimages: {", "s%: ,", "}\n") },
	"cards":            func() string { return filled(head+"spawns: {w: {networks: [", "{},", "]}}\n") },
	"keys in defaults": func() string { return filled(head+"defaults: {", "k%: ,", "}\nspawns: {"+many(20)+"}\n") },
	"a long key":       func() string { return head + "spawns: {? " + long("a") + " : " + every + "}\n" },
	"a long word":      func() string { return head + "spawns: {w: {image: " + long("a") + "}}\n" },
	"a long number":    func() string { return head + "spawns: {w: {disk: " + long("1") + "}}\n" },
	"control":          func() string { return head + "x-a: \"" + long("\x01") + "\"\n" },
	"a long word again": func() string {
		return filled(head+"x-k: &k "+long("A")+"\ndefaults: {ssh_authorized_keys: [", "*k ,", "]}\n")
	},
	"a long list again": func() string {
		return again("x-a: &a ["+strings.Repeat("a,", 300_000)+"]", "{ssh_authorized_keys: *a }")
	},
	"cards again": func() string {
		return again("x-n: &n {network: a}\nx-a: &a ["+strings.Repeat("*n ,", 100_000)+"]", "{image: tiny, networks: *a }")
	},
	"wrong values again":  func() string { return again("x-a: &a ["+strings.Repeat("1,", 100)+"]", "{ssh_authorized_keys: *a }") },
	"disks again":         func() string { return again("x-a: &a {"+manyOf(9000, "{size: 1G}")+"}", "{image: tiny, disks: *a }") },
	"everything again":    func() string { return again("x-a: &a "+every, "*a ") },
	"everything defaults": func() string { return again("defaults: "+every, "{}") },
	"wrong references":    func() string { return again("hosts: {"+manyOf(9000, "{uri: 'x:%'}")+"}", "{host: nearly}") },
	"groups":              func() string { return again("defaults: {image: tiny, count: 1000}", "{}") },
	"large groups":        func() string { return again("defaults: {image: tiny, count: 999999999999999}", "{}") },
	"lists in lists":      func() string { return head + "x-a: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "\n" },
	"merge keys":          bomb,
}

func long(text string) string { return strings.Repeat(text, 3<<20) }

// again is most of the spawns that can be, all alike.
func again(begin, spawn string) string {
	return head + begin + "\nspawns: {" + manyOf(9999, spawn) + "}\n"
}

func manyOf(n int, value string) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("s%d: %s", i, strings.ReplaceAll(value, "%", fmt.Sprint(i))))
	}
	return strings.Join(names, ", ")
}

// filled is what passes as not too dense.
func filled(begin, item, end string) string {
	free := maxMarks - marksOf([]byte(begin+end))
	return fill(free/marksOf([]byte(item)), begin, item, end)
}

// fill repeats an item, numbered in place of %.
func fill(times int, begin, item, end string) string {
	var text strings.Builder
	text.WriteString(begin)
	for i := 0; i < times && text.Len()+len(item)+10+len(end) < MaxBytes; i++ {
		if strings.HasPrefix(item, "%TAG") {
			text.WriteString(item)
			continue
		}
		text.WriteString(strings.ReplaceAll(item, "%", fmt.Sprint(i)))
	}
	return text.String() + end
}

// What any inventory may take (reliability: bounded memory and time for any input).
const (
	mostMemory = 256 << 20
	mostTime   = 5 * time.Second // of the processor
)

// TestNoInventoryTakesMuch loads each in a process of its own, to see what it took.
func TestNoInventoryTakesMuch(t *testing.T) {
	if name := os.Getenv("HOSTILE_INVENTORY"); name != "" {
		_, err := Load("f", []byte(hostile[name]()), files)
		fmt.Println(err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		t.Run(name, func(t *testing.T) {
			if size := len(hostile[name]()); size > MaxBytes {
				t.Fatalf("%d bytes", size)
			}
			output, process := loadAlone(name)
			memory := process.SysUsage().(*syscall.Rusage).Maxrss << 10
			took := process.UserTime() + process.SystemTime()
			if !process.Success() || took > mostTime || memory > mostMemory {
				t.Errorf("%s, %s, %d MiB: %s", process, took, memory>>20, shortenTo(string(output), 500))
			}
		})
	}
}

func loadAlone(name string) ([]byte, *os.ProcessState) {
	load := exec.Command(os.Args[0], "-test.run=^TestNoInventoryTakesMuch$", "-test.timeout=1m")
	load.Env = append(os.Environ(), "HOSTILE_INVENTORY="+name)
	output, _ := load.CombinedOutput() // the state of the process tells whether it failed
	return output, load.ProcessState
}
