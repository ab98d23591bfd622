package pooldir

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// world is all that can be seen of the files in the folder but their use.
func world(t *testing.T, f *Folder) string {
	t.Helper()
	entries, err := os.ReadDir(f.Path)
	must(t, err)
	var b strings.Builder
	for _, entry := range entries {
		info, err := entry.Info()
		must(t, err)
		st := info.Sys().(*syscall.Stat_t)
		content := ""
		if info.Mode().IsRegular() {
			content, err = digest(f.path(entry.Name()))
			must(t, err)
		}
		fmt.Fprintf(&b, "%s %v %d %d:%d %d %v %s\n", info.Name(), info.Mode(), st.Ino, st.Uid, st.Gid, info.Size(), st.Mtim, content)
	}
	return b.String()
}
