package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const followers = `spawns:
  web: {on_image_change: respawn, disks: {data: {size: 64MiB}}, wait: {for: ssh, timeout: 2m}}
  db: {on_image_change: consolidate, state: stopped}
  old: {state: stopped}
`

// grownImage is another definition of the same image.
const grownImage = "images: {tiny: {source: {file: tiny.qcow2}, disk: 256MiB, canary: false}}\n"

func TestSpawnsFollowTheirImageAsDeclared(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + followers)
	w.converged()
	first, address, key := w.golden(), w.ip("web"), w.guest("web", "cat", "/data/etc/dropbear_host_key")
	w.guest("web", "sh", "-c", "'echo kept > /dev/vdb'")

	w.inventory(grownImage + followers)
	w.expect(0, "plan").wants(t, "± spawn web", "respawned on tiny.golden-", "~ spawn db", "disk overlay → standalone",
		"spawn old", "stays on tiny.golden-", "1 to respawn")
	w.converged()
	if got := w.ip("web"); got != address {
		t.Errorf("its address was %s and is %s", address, got)
	}
	if got := w.guest("web", "head", "-c", "4", "/dev/vdb"); got != "kept" {
		t.Errorf("its extra disk has %q", got)
	}
	if w.guest("web", "cat", "/data/etc/dropbear_host_key") == key {
		t.Error("it is the old one")
	}
	w.expect(0, "status").wants(t, "on an older generation of its image")
	if _, err := os.Stat(first); err != nil {
		t.Errorf("old still needs its image: %v", err)
	}
	w.inventory(grownImage + strings.Replace(followers, "  old: {state: stopped}\n", "", 1))
	w.converged()
	if w.golden() == first {
		t.Error("nothing needs the first generation, and it is there")
	}
}

// TestKilledInARespawn: apply's tests on a host in memory kill it at each call.
func TestKilledInARespawn(t *testing.T) {
	w := begin(t)
	spawns := "spawns: {web: {on_image_change: respawn, disks: {data: {size: 1MiB}}, state: stopped}}\n"
	disk := w.pool("tiny.web.data.qcow2")
	w.inventory(tinyImage + spawns)
	w.steps(4, func() {
		w.expect(0, "destroy")
		w.inventory(tinyImage + spawns)
		w.converged()
		w.shell("qemu-io", "-f", "qcow2", "-c", "write -P 7 0 512", disk)
		w.inventory(grownImage + spawns)
	}, "apply")
	w.shell("qemu-io", "-f", "qcow2", "-c", "read -P 7 0 512", disk)
}

func TestAnImageIsBuiltAgain(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {on_image_change: respawn, state: stopped}, db: {state: stopped}}\n")
	w.converged()
	first := w.golden()
	w.expect(1, "plan", "--rebuild", "tinny").wants(t, "--rebuild tinny", "no such image")
	w.expect(0, "plan", "--rebuild", "tiny").wants(t, "+ image tiny", "built again: generation", "± spawn web", "db", "stays on")
	w.expect(0, "apply", "--rebuild", "tiny", "-y")
	w.settled()
	images := w.expect(0, "images").out
	for _, row := range []string{`(?m)^tiny +[0-9a-f]{12} +current .*web$`, `(?m)^tiny +[0-9a-f]{12} +superseded .*db$`} {
		if !regexp.MustCompile(row).MatchString(images) {
			t.Errorf("%s is missing in\n%s", row, images)
		}
	}
	w.inventory(tinyImage + "spawns: {web: {on_image_change: respawn, state: stopped}}\n")
	w.converged()
	if w.golden() == first {
		t.Error("the first generation is there, and not the second")
	}
}

// TestAFailedBuildChangesNothing: nothing is destroyed for an image that does
// not come.
func TestAFailedBuildChangesNothing(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {on_image_change: respawn, state: stopped}}\n")
	w.converged()
	before := snapshot(t)
	w.deadDisk("dead.raw")
	w.inventory("images: {tiny: {source: {file: dead.raw}}}\nspawns: {web: {on_image_change: respawn, state: stopped}}\n")
	w.expect(3, "apply").wants(t, "the guest stopped or crashed", "! spawn web", "not begun")
	if diff := before.Diff(snapshot(t)); diff != "" {
		t.Errorf("the failed build changed:\n%s", diff)
	}
}

// TestAnImageThatWasReplacedWithItsManifestIsDamage: the spawns on it know
// what they were made on.
func TestAnImageThatWasReplacedWithItsManifestIsDamage(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	image, manifest := w.golden(), strings.TrimSuffix(w.golden(), ".qcow2")+".json"
	saved := w.shell("cat", manifest)
	w.shell("chattr", "-i", image)
	other := strings.Replace(saved, recordedSum(t, saved), strings.Repeat("ab", 32), 1)
	w.must(os.WriteFile(manifest, []byte(other), 0o444))
	w.inventory(tinyImage + "spawns: {web: {}, new: {}}\n")
	for _, command := range []string{"plan", "apply"} {
		w.expect(4, command).wants(t, "! image tiny", "it is not the one that spawn web was made on", "! spawn web", "! spawn new")
	}
	if running := strings.TrimSpace(w.virsh("list", "--name")); strings.Contains(running, "tiny.") {
		t.Errorf("running: %s", running)
	}
	w.must(os.WriteFile(manifest, []byte(saved), 0o444))
	w.converged()
}

// recordedSum is the sha256 in a manifest.
func recordedSum(t *testing.T, manifest string) string {
	t.Helper()
	parts := regexp.MustCompile(`"sha256": "([0-9a-f]{64})"`).FindStringSubmatch(manifest)
	if parts == nil {
		t.Fatal(manifest)
	}
	return parts[1]
}
