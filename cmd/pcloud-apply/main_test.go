package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the output of commands into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pcloud-apply": main})
}

// TestScripts runs the whole program on libvirt's own test driver. Each script
// has the inventory, the host as node.xml, and what is to be seen.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("XDG_RUNTIME_DIR", env.WorkDir)
			env.Setenv("LIBVIRT_DEFAULT_URI", "test://"+env.WorkDir+"/node.xml")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"expand": expand, "overlay": overlay},
	})
}

// expand FILE… puts the values of $VARIABLES into files.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(path, []byte(text), 0o600))
	}
}

// overlay FILE [BACKING] makes a qcow2 image of 1 MiB.
func overlay(ts *testscript.TestScript, _ bool, args []string) {
	create := []string{"create", "-q", "-f", "qcow2"}
	if len(args) > 1 {
		create = append(create, "-F", "qcow2", "-b", ts.MkAbs(args[1]))
	}
	ts.Check(ts.Exec("qemu-img", append(create, ts.MkAbs(args[0]), "1M")...))
}
