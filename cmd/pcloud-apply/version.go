package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker: -X main.release=…
var release string

func newVersion(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return t.printf("pcloud-apply %s\n", version()) },
	}
}

// version is the release, else the commit it was built from.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return "git-" + setting.Value[:min(12, len(setting.Value))]
			}
		}
	}
	return "development"
}
