package main

import (
	"github.com/spf13/cobra"

	"pcloud-apply/docs"
)

func newSchema(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON schema of the inventory, for editors", Args: cobra.NoArgs,
		Long: "Print the JSON schema of the inventory. An editor with the YAML language server (VS Code with the\n" +
			"YAML extension, Neovim, Emacs, Helix) completes keys with it, explains them and marks what is wrong.\n" +
			"Write it to a file beside the inventory, and name it in the inventory's first line:\n\n" +
			"    # yaml-language-server: $schema=cloud.schema.json",
		Example: "pcloud-apply schema > cloud.schema.json",
		RunE:    func(*cobra.Command, []string) error { return t.printf("%s", docs.Schema) },
	}
}
