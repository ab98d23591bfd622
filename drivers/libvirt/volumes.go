package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	lv "libvirt.org/go/libvirt"
	"libvirt.org/go/libvirtxml"
)

// Create implements apply.Volumes.
func (h *Host) Create(ctx context.Context, name string, size int64, backing string) error {
	text, err := newVolume(name, size, backing).Marshal()
	if err != nil {
		return fmt.Errorf("write volume: %w", err)
	}
	err = h.createVolume(ctx, text)
	if errors.Is(err, lv.ERR_STORAGE_VOL_EXIST) && h.absent(name) {
		// Somebody unlinked it behind libvirt's back, which blocks the name until a refresh.
		if err := h.Refresh(ctx); err != nil {
			return err
		}
		err = h.createVolume(ctx, text)
	}
	if err != nil {
		return fmt.Errorf("create volume %s: %w", name, err)
	}
	return nil
}

func newVolume(name string, size int64, backing string) *libvirtxml.StorageVolume {
	volume := &libvirtxml.StorageVolume{
		Name:     name,
		Capacity: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: uint64(size)},
		Target:   &libvirtxml.StorageVolumeTarget{Format: &libvirtxml.StorageVolumeTargetFormat{Type: "qcow2"}},
	}
	if backing != "" {
		volume.BackingStore = &libvirtxml.StorageVolumeBackingStore{
			Path: backing, Format: &libvirtxml.StorageVolumeTargetFormat{Type: "qcow2"},
		}
	}
	return volume
}

func (h *Host) createVolume(ctx context.Context, text string) error {
	return h.call(ctx, func(c *connection) error {
		volume, err := c.pool.StorageVolCreateXML(text, 0)
		if err != nil {
			return err
		}
		return volume.Free()
	})
}

func (h *Host) absent(name string) bool {
	_, err := os.Lstat(h.Folder + "/" + name)
	return errors.Is(err, os.ErrNotExist)
}

// Delete implements apply.Volumes.
func (h *Host) Delete(ctx context.Context, name string) error {
	err := h.deleteVolume(ctx, name)
	if errors.Is(err, lv.ERR_NO_STORAGE_VOL) {
		if h.absent(name) {
			return nil
		}
		if err := h.Refresh(ctx); err != nil {
			return err
		}
		err = h.deleteVolume(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("delete volume %s: %w", name, err)
	}
	return nil
}

// Forget implements apply.Volumes.
func (h *Host) Forget(ctx context.Context, name string) error {
	err := h.deleteVolume(ctx, name)
	if errors.Is(err, lv.ERR_NO_STORAGE_VOL) || err != nil && h.absent(name) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete volume %s: %w", name, err)
	}
	return nil
}

func (h *Host) deleteVolume(ctx context.Context, name string) error {
	return h.call(ctx, func(c *connection) error {
		volume, err := c.pool.LookupStorageVolByName(name)
		if err != nil {
			return err
		}
		defer func() { _ = volume.Free() }() // fails only for a handle that is none
		return volume.Delete(lv.STORAGE_VOL_DELETE_NORMAL)
	})
}

// Refresh implements apply.Volumes. libvirt refuses it while volumes of the
// pool are being made, and has no error code for that.
func (h *Host) Refresh(ctx context.Context) error {
	const attempts = 6
	pause := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := h.call(ctx, func(c *connection) error { return c.pool.Refresh(0) })
		if err == nil {
			return nil
		}
		if attempt == attempts || !strings.Contains(err.Error(), "asynchronous jobs running") {
			return fmt.Errorf("refresh pool %s: %w", h.Pool, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}
