package main

import (
	"github.com/spf13/cobra"

	"pcloud-apply/inventory"
)

func newValidate(o *options, t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "validate", Short: "Check the inventory without looking at any host", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			inv, err := loadInventory(o, newFiles())
			if err != nil {
				return err
			}
			return t.showValid(o, inv)
		},
	}
}

func (t *terminal) showValid(o *options, inv *inventory.Inventory) error {
	if o.output == "json" {
		return t.json(map[string]any{"valid": true, "inventory": inv.Name, "not_supported": faultTexts(inv.NotSupported)})
	}
	for _, fault := range inv.NotSupported {
		if err := t.printf("%s\n", fault.Error()); err != nil {
			return err
		}
	}
	return t.printf("%s is valid: inventory %s, %s, %s.\n", o.file, inv.Name,
		count(len(inv.Images), "image"), count(machines(inv), "spawn"))
}

func machines(inv *inventory.Inventory) int {
	total := 0
	for _, s := range inv.Spawns {
		if s.Count != nil {
			total += *s.Count
		} else {
			total++
		}
	}
	return total
}

func faultTexts(faults []inventory.Fault) []string {
	list := []string{}
	for _, fault := range faults {
		list = append(list, fault.Error())
	}
	return list
}
