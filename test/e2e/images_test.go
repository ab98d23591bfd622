package e2e

import (
	"regexp"
	"testing"
)

func TestImagesAndTreeTellWhatStandsOnWhat(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {count: 2, state: stopped}, db: {standalone: true, state: stopped}}\n")
	w.converged()
	w.shell("qemu-img", "resize", "-q", "-f", "qcow2", w.path("tiny.qcow2"), "256M")
	first := w.golden()
	w.converged()
	w.shell("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", first, w.path("theirs.qcow2"))
	w.must(defineForeign("borrower", w.path("theirs.qcow2"), ""))

	images := w.expect(0, "images").out
	for _, row := range []string{
		`(?m)^IMAGE +GENERATION +STATE +DISK +SIZE +AGE +DEPENDANTS$`,
		`(?m)^tiny +[0-9a-f]{12} +current +256MiB +.*none$`,
		`(?m)^tiny +[0-9a-f]{12} +superseded +128MiB +.*web-1, web-2, image .*theirs.qcow2$`,
	} {
		if !regexp.MustCompile(row).MatchString(images) {
			t.Errorf("%s is missing in\n%s", row, images)
		}
	}
	tree := w.expect(0, "status", "--tree").out
	for _, row := range []string{
		`tiny.golden-[0-9a-f]{12}  superseded\n│? +├─ web-1  stopped\n│? +└─ web-2  stopped`, `standalone.*\n +└─ db  stopped`,
	} {
		if !regexp.MustCompile(row).MatchString(tree) {
			t.Errorf("%s is missing in\n%s", row, tree)
		}
	}
	w.virsh("undefine", "borrower")
}
