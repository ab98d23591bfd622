package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan is for make and for packagers, so it does not show in the help.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the man pages into a folder", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("write man pages: %w", err)
			}
			return writeMan(cmd.Root(), args[0])
		},
	}
}

// writeMan writes a page for each command. They are dated as SOURCE_DATE_EPOCH
// says, which the generator reads by itself, and never with the current time.
func writeMan(root *cobra.Command, dir string) error {
	root.DisableAutoGenTag = true
	forMan(root)
	header := &doc.GenManHeader{Section: "1", Source: "pcloud-apply", Manual: "pcloud-apply"}
	if os.Getenv("SOURCE_DATE_EPOCH") == "" {
		header.Date = new(time.Unix(0, 0).UTC())
	}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fmt.Errorf("write man pages: %w", err)
	}
	return nil
}

// forMan turns help for a terminal into what man pages are made from: the exit
// codes get a section of their own, and keep their lines.
func forMan(cmd *cobra.Command) {
	table := "# EXIT STATUS\n" + strings.ReplaceAll(strings.TrimPrefix(exitCodes, "Exit codes:"), "\n  ", "\n    ")
	cmd.Long = strings.ReplaceAll(cmd.Long, exitCodes, table)
	for _, sub := range cmd.Commands() {
		forMan(sub)
	}
}
