package main

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pcloud-apply/inventory"
)

// completions are what a shell offers where it asks for them: names come from
// the inventory alone, and where it cannot be read there are none.
func (o *options) completions(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	flags := map[string]cobra.CompletionFunc{
		"file":   cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
		"output": cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp),
		"color":  cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp),
	}
	for name, complete := range flags {
		mustComplete(root, name, complete)
	}
}

// mustComplete knows that the flag is there: it was defined a line above.
func mustComplete(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc(flag, complete))
}

// completeSpawns offers spawns and groups for as many arguments as the command takes.
func (o *options) completeSpawns(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if cmd.ValidateArgs(append(args, toComplete)) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return without(o.names().Spawns, args), cobra.ShellCompDirectiveNoFileComp
}

// completeSpawnList offers them for a list with commas.
func (o *options) completeSpawnList(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	return listed(o.names().Spawns, toComplete)
}

// completeImageList offers images for a list with commas.
func (o *options) completeImageList(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	return listed(o.names().Images, toComplete)
}

// listed completes the last name of a list.
func listed(names []string, list string) ([]string, cobra.ShellCompDirective) {
	before := list[:strings.LastIndex(list, ",")+1]
	var lists []string
	for _, name := range without(names, strings.Split(before, ",")) {
		lists = append(lists, before+name)
	}
	return lists, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func without(names, given []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(given, name) })
}

// names are the inventory's, as far as it can be read.
func (o *options) names() inventory.Names {
	file, err := os.Open(o.file)
	if err != nil {
		return inventory.Names{}
	}
	defer func() { _ = file.Close() }()                               // nothing was written
	text, _ := io.ReadAll(io.LimitReader(file, inventory.MaxBytes+1)) // a completion does not complain
	return inventory.NamesIn(text)
}
