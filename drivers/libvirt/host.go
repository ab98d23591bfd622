// Package libvirt talks to libvirt hosts: it inspects their domains and does
// to domains, volumes and networks what a plan asks for.
//
// It is the only package with cgo. Nothing here decides what is to be done;
// every call re-reads the live object and makes sure that it is the spawn's
// own before it changes it.
package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/singleflight"
	lv "libvirt.org/go/libvirt"
)

// callsInFlight is how many calls one connection carries at once: the daemon
// takes five (max_client_requests in libvirtd.conf), one is left for others.
const callsInFlight = 4

// Config says which host to open and on whose behalf.
type Config struct {
	Name        string // of the host in the inventory
	URI         string
	Pool        string
	Accelerator string // auto, kvm or tcg
	Inventory   string
	Origin      string
	Tool        string // version of this program, recorded on what it makes
	Commit      string // commit of the inventory, recorded likewise; may be ""
	ReadOnly    bool
}

// Host is an open libvirt host. It is safe for concurrent use. It must be closed.
type Host struct {
	Config
	PoolUUID string
	Folder   string // absolute path of the pool

	slots  chan *connection // free calls: a connection is in it once for each
	mu     sync.Mutex
	opened []*connection

	accelerator sync.Once
	noKVM       string // why KVM is not used

	leaseQuery singleflight.Group
	leases     leaseMemory

	canariesMu sync.Mutex
	canaries   map[string]bool // of this process, by generation; their networks are in use
	builds     map[string]bool // likewise, of build domains
}

// connection is one connection with its handle on the pool.
type connection struct {
	*lv.Connect
	pool *lv.StoragePool
}

// Open connects to the host and looks up its pool. The error of a missing or
// inactive pool has the commands that mend it.
func Open(config Config) (*Host, error) {
	h := &Host{Config: config, canaries: map[string]bool{}, builds: map[string]bool{}, slots: make(chan *connection, 2*callsInFlight)}
	first, err := h.connect()
	if err != nil {
		return nil, err
	}
	if err := h.readPool(first); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// connect opens a connection and puts its calls among the free ones.
func (h *Host) connect() (*connection, error) {
	open := lv.NewConnect
	if h.ReadOnly {
		open = lv.NewConnectReadOnly
	}
	connect, err := open(h.URI)
	if err != nil {
		return nil, connectError(h.URI, plain(err))
	}
	pool, err := connect.LookupStoragePoolByName(h.Pool)
	if err != nil {
		_, closeErr := connect.Close()
		return nil, errors.Join(poolError(h.URI, h.Pool, err), closeErr)
	}
	c := &connection{connect, pool}
	h.opened = append(h.opened, c)
	for range callsInFlight {
		h.slots <- c
	}
	return c, nil
}

func connectError(uri string, err error) error {
	return fmt.Errorf("connect to %s: %w. Is libvirtd running (systemctl start libvirtd), "+
		"and may you use it (root, or a member of the group libvirt)?", uri, err)
}

func poolError(uri, pool string, err error) error {
	if !errors.Is(err, lv.ERR_NO_STORAGE_POOL) {
		return fmt.Errorf("look up pool %s: %w", pool, plain(err))
	}
	return fmt.Errorf("%s has no pool %s. To make it:\n"+
		"  virsh -c %s pool-define-as %s dir --target /var/lib/libvirt/images\n"+
		"  virsh -c %s pool-build %s\n  virsh -c %s pool-start %s\n  virsh -c %s pool-autostart %s",
		uri, pool, uri, pool, uri, pool, uri, pool, uri, pool)
}

// readPool learns where the pool is.
func (h *Host) readPool(c *connection) error {
	active, err := c.pool.IsActive()
	if err != nil {
		return fmt.Errorf("look at pool %s: %w", h.Pool, err)
	}
	if !active {
		return fmt.Errorf("pool %s of %s is not active. To start it: virsh -c %s pool-start %s", h.Pool, h.URI, h.URI, h.Pool)
	}
	text, err := c.pool.GetXMLDesc(0)
	if err != nil {
		return fmt.Errorf("read pool %s: %w", h.Pool, err)
	}
	var pool struct {
		Type string `xml:"type,attr"`
		UUID string `xml:"uuid"`
		Path string `xml:"target>path"`
	}
	if err := xml.Unmarshal([]byte(text), &pool); err != nil {
		return fmt.Errorf("parse pool %s: %w", h.Pool, err)
	}
	if pool.Type != "dir" {
		return fmt.Errorf("pool %s of %s has the type %s; only dir is supported", h.Pool, h.URI, pool.Type)
	}
	h.PoolUUID, h.Folder = pool.UUID, pool.Path
	return nil
}

// call runs f with a connection while one of its calls is free. A second
// connection is opened when the first is busy.
func (h *Host) call(ctx context.Context, f func(*connection) error) error {
	c, err := h.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { h.slots <- c }()
	return plain(f(c))
}

func (h *Host) acquire(ctx context.Context) (*connection, error) {
	select {
	case c := <-h.slots:
		return c, nil
	default:
	}
	if err := h.widen(); err != nil {
		return nil, err
	}
	select {
	case c := <-h.slots:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// widen opens the second connection, once, and for changes only: a plan does
// with one.
func (h *Host) widen() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ReadOnly || len(h.opened) != 1 {
		return nil
	}
	_, err := h.connect()
	return err
}

// Close ends the connections. Nothing may be in flight.
func (h *Host) Close() error {
	var errs []error
	for _, c := range h.opened {
		errs = append(errs, c.pool.Free())
		if _, err := c.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", h.URI, err))
		}
	}
	h.opened = nil
	return errors.Join(errs...)
}
