package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// options are the flags that commands share.
type options struct {
	file        string
	connect     string
	only        []string
	parallel    int
	output      string
	color       string
	verbose     bool
	lockTimeout time.Duration
	allowEmpty  bool
	takeOver    bool
	yes         bool
	rebuild     []string
	detailed    bool
	tree        bool
}

const exitCodes = `Exit codes:
  0    done, or nothing to do
  1    could not start: usage, inventory, connection, missing pool or network
  2    plan --detailed-exitcode: there are changes
  3    some actions failed or were skipped, or a wait ran out; the rest is done
  4    refused: destroy budget, empty inventory or shrinking (nothing is changed),
       protection or damage (those objects are skipped, the rest is done)
  5    another run holds the lock
  130  interrupted`

func newRoot(t *terminal) *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "pcloud-apply",
		Short: "Declarative golden images and VMs for libvirt hosts",
		Long: "pcloud-apply makes libvirt hosts agree with an inventory: a YAML file that declares golden\n" +
			"images and the VMs spawned from them. Start with: pcloud-apply plan\n\n" + exitCodes,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return t.configure(o)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	commonFlags(root, o)
	root.AddCommand(newPlan(o, t), newApply(o, t), newDestroy(o, t), newStatus(o, t), newImages(o, t), newIP(o, t), newDoctor(o, t), newValidate(o, t), newSchema(t), newMan(), newVersion(t))
	o.completions(root)
	return root
}

func commonFlags(root *cobra.Command, o *options) {
	flags := root.PersistentFlags()
	flags.StringVarP(&o.file, "file", "f", "cloud.yaml", "the inventory")
	flags.StringVarP(&o.connect, "connect", "c", "", "libvirt URI of the only host, instead of the inventory's")
	flags.StringVarP(&o.output, "output", "o", "text", "text, or json (its format is not settled yet)")
	flags.StringVar(&o.color, "color", "auto", "auto, always or never")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "tell every step")
}

func onlyFlag(cmd *cobra.Command, o *options) {
	cmd.Flags().StringSliceVar(&o.only, "only", nil, "look at these spawns only, and at the images they need")
	mustComplete(cmd, "only", o.completeSpawnList)
}

func policyFlags(cmd *cobra.Command, o *options) {
	cmd.Flags().BoolVar(&o.allowEmpty, "allow-empty", false, "let an inventory without spawns destroy all it has")
	cmd.Flags().StringSliceVar(&o.rebuild, "rebuild", nil, "build a new generation of these images although their definitions are the same")
	mustComplete(cmd, "rebuild", o.completeImageList)
	cmd.Flags().BoolVar(&o.takeOver, "take-over", false, "treat what another copy of the inventory made as this one's")
}

func changeFlags(cmd *cobra.Command, o *options) {
	cmd.Flags().IntVar(&o.parallel, "parallel", 0, "actions at once (default: twice the CPUs, 4 to 16)")
	cmd.Flags().DurationVar(&o.lockTimeout, "lock-timeout", 10*time.Second, "how long to wait for another run to end")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask before something is destroyed")
}

// choice refuses a flag's value that is none of the allowed ones.
func choice(flag, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("--%s %s: it is one of %v", flag, value, allowed)
}
