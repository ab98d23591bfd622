package main

import (
	"errors"
	"slices"

	"pcloud-apply/doctor"
	"pcloud-apply/drivers/guestfs"
	"pcloud-apply/drivers/mmdebstrap"
	"pcloud-apply/drivers/virtinstall"
	"pcloud-apply/plan"
)

// builderTools are what golden images are made with, and when.
var builderTools = []struct {
	name   string
	needed func(plan.Generation) bool
	find   func() (path string, err error)
}{
	{"mmdebstrap", func(g plan.Generation) bool { return g.Bootstrap != nil }, func() (string, error) {
		tool, err := mmdebstrap.Find()
		return tool.Paths["mmdebstrap"], err
	}},
	{"virt-install", func(g plan.Generation) bool { return g.Install != nil }, func() (string, error) {
		tool, err := virtinstall.Find()
		return tool.Paths["virt-install"], err
	}},
	{"virt-sysprep", func(g plan.Generation) bool { return g.Prepare != nil }, func() (string, error) {
		tool, err := guestfs.Find()
		return tool.Path, err
	}},
}

// findTools fails when something is missing that the image is made with.
func findTools(g plan.Generation) error {
	var errs []error
	for _, t := range builderTools {
		if t.needed(g) {
			_, err := t.find()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// builderFacts are of the tools that the host's images are made with.
func (s *session) builderFacts(host string) []doctor.Tool {
	var facts []doctor.Tool
	for _, t := range builderTools {
		if !slices.ContainsFunc(s.desired.Images, func(g plan.Generation) bool { return g.Host == host && t.needed(g) }) {
			continue
		}
		path, err := t.find()
		fact := doctor.Tool{Name: t.name, Version: path}
		if err != nil {
			fact.Missing = err.Error()
		}
		facts = append(facts, fact)
	}
	return facts
}
