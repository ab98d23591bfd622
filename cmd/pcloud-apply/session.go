package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"pcloud-apply/drivers/libvirt"
	"pcloud-apply/drivers/pooldir"
	"pcloud-apply/drivers/qemuimg"
	"pcloud-apply/inventory"
	"pcloud-apply/plan"
)

// session is one run of the program: an inventory and the hosts it names.
type session struct {
	options   *options
	files     *files
	lock      *os.File // of the run; nil when it changes nothing
	inventory *inventory.Inventory
	desired   plan.State
	hosts     map[string]*host
	failed    map[string]error // hosts that could not be opened
	// seen is who names which file on a host, as the plan has just read it.
	seen map[string]plan.References
}

// host is one libvirt host with the folder of its pool.
type host struct {
	*libvirt.Host
	folder *pooldir.Folder
}

// loadInventory reads and checks the inventory.
func loadInventory(o *options, f *files) (*inventory.Inventory, error) {
	file, err := os.Open(o.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no inventory %s here; name one with --file", o.file)
	}
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, inventory.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	return inventory.Load(o.file, text, f)
}

// openSession loads the inventory and opens its hosts. The session must be closed.
func openSession(o *options, readOnly bool) (*session, error) {
	s := &session{options: o, files: newFiles(), hosts: map[string]*host{}, failed: map[string]error{}}
	inv, err := loadInventory(o, s.files)
	if err != nil {
		return nil, err
	}
	if err := s.connectFlag(inv); err != nil {
		return nil, err
	}
	from, err := origin(o.file)
	if err != nil {
		return nil, err
	}
	s.inventory, s.desired = inv, plan.Desired(inv, from)
	return s, s.openHosts(readOnly)
}

// connectFlag puts --connect, or else libvirt's default, where the inventory names no URI.
func (s *session) connectFlag(inv *inventory.Inventory) error {
	if s.options.connect != "" && len(inv.Hosts) > 1 {
		return fmt.Errorf("--connect goes with an inventory of one host; this one has %d", len(inv.Hosts))
	}
	for name, h := range inv.Hosts {
		switch {
		case s.options.connect != "":
			h.URI = s.options.connect
		case h.URI == "":
			h.URI = defaultURI()
		}
		if inventory.NamesServer(h.URI) {
			return fmt.Errorf("%s: not supported yet: a host on another machine", h.URI)
		}
		inv.Hosts[name] = h
	}
	return nil
}

func defaultURI() string {
	if uri := os.Getenv("LIBVIRT_DEFAULT_URI"); uri != "" {
		return uri
	}
	return "qemu:///system"
}

// openHosts opens every host. Where some cannot be opened the others still
// can be worked on; where none can, that is an error.
func (s *session) openHosts(readOnly bool) error {
	var all *multierror.Error
	for name := range s.inventory.Hosts {
		if err := s.openHost(name, readOnly); err != nil {
			s.failed[name] = err
			all = multierror.Append(all, err)
		}
	}
	if len(s.hosts) > 0 {
		return s.refuseSamePool()
	}
	all.ErrorFormat = func(errs []error) string {
		return strings.Join(texts(errs), "\n")
	}
	return all
}

func texts(errs []error) []string {
	list := make([]string, len(errs))
	for i, err := range errs {
		list[i] = err.Error()
	}
	slices.Sort(list)
	return list
}

func (s *session) openHost(name string, readOnly bool) error {
	declared := s.inventory.Hosts[name]
	shapedBy := ""
	if !readOnly { // it is recorded on what is made or changed
		shapedBy = commit(s.options.file)
	}
	opened, err := libvirt.Open(libvirt.Config{
		Name: name, URI: declared.URI, Pool: declared.Pool, Accelerator: declared.Accelerator,
		Inventory: s.inventory.Name, Origin: s.desired.Origin,
		Tool: version(), Commit: shapedBy, ReadOnly: readOnly,
	})
	if err != nil {
		return err
	}
	if _, err := os.Stat(opened.Folder); err != nil {
		return errors.Join(fmt.Errorf("the folder of pool %s cannot be seen here: %w", declared.Pool, err), opened.Close())
	}
	s.hosts[name] = &host{opened, &pooldir.Folder{
		Path: opened.Folder, Host: name, Inventory: s.inventory.Name, Origin: s.desired.Origin,
		Tool: version(), Group: opened.Group, Digest: s.files.Digest,
	}}
	return nil
}

// refuseSamePool catches two URIs of one libvirtd.
func (s *session) refuseSamePool() error {
	seen := map[string]string{}
	for name, h := range s.hosts {
		if other, ok := seen[h.PoolUUID]; ok {
			return fmt.Errorf("hosts %s and %s have the same pool: they are one libvirtd by two names", other, name)
		}
		seen[h.PoolUUID] = name
	}
	return nil
}

// close ends the connections and reports what would otherwise go unseen.
func (s *session) close(t *terminal) {
	for _, h := range s.hosts {
		if err := h.Close(); err != nil {
			t.warn("%v", err)
		}
	}
}

// useTools finds the external tools that changes need. Children keep the lock
// file open, so that one that outlives a killed run still holds the lock.
func (s *session) useTools(lockFile *os.File) error {
	tool, err := qemuimg.Find()
	if err != nil {
		return err
	}
	tool.Inherit = []*os.File{lockFile}
	s.lock = lockFile
	for _, h := range s.hosts {
		h.folder.QEMUImg, h.folder.Boot = tool, h.bootCanary
	}
	return nil
}

func (h *host) bootCanary(ctx context.Context, c pooldir.Canary) error {
	return h.Boot(ctx, libvirt.Canary(c))
}

// supported refuses an inventory that asks for what this version cannot do.
func (s *session) supported() error {
	var all *multierror.Error
	for _, fault := range s.inventory.NotSupported {
		all = multierror.Append(all, fault)
	}
	if all != nil {
		all.ErrorFormat = func(errs []error) string { return strings.Join(texts(errs), "\n") }
	}
	return all.ErrorOrNil()
}

// names resolves the spawns that the user named: spawns, or groups of them.
// Spawns that exist count as well as declared ones.
func (s *session) names(given []string, actual plan.State) (map[string]bool, error) {
	if len(given) == 0 {
		return nil, nil
	}
	chosen := map[string]bool{}
	for _, name := range given {
		found := false
		for _, spawn := range slices.Concat(s.desired.Spawns, actual.Spawns) {
			if spawn.Name == name || s.inGroup(spawn.Name, name) {
				chosen[spawn.Name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no spawn %q in the inventory or on its hosts", name)
		}
	}
	return chosen, nil
}

func (s *session) inGroup(spawn, group string) bool {
	declared, ok := s.inventory.Spawns[group]
	if !ok || declared.Count == nil {
		return false
	}
	digits, ok := strings.CutPrefix(spawn, group+"-")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
