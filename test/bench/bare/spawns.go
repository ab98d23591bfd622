package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	lv "libvirt.org/go/libvirt"
)

const namespace = "urn:pcloud-apply:bench:1"

// domainXML has the devices that a spawn of ours has.
const domainXML = `<domain type='qemu'><name>%[1]s</name><metadata><b:bare xmlns:b='urn:pcloud-apply:bench:1'/></metadata>
<memory unit='MiB'>96</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/><apic/></features><cpu mode='maximum'/><devices><controller type='usb' model='none'/>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/><source file='%[2]s/%[1]s.qcow2'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%[2]s/%[1]s.seed.iso'/><target dev='vdb' bus='virtio'/><readonly/></disk>
<interface type='network'><source network='default'/><model type='virtio'/><rom enabled='no'/></interface>
<serial type='pty'/><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng><memballoon model='virtio'/></devices></domain>`

const volumeXML = `<volume><name>%s.qcow2</name><capacity unit='bytes'>134217728</capacity><target><format type='qcow2'/></target>
<backingStore><path>%s</path><format type='qcow2'/></backingStore></volume>`

func name(i int) string { return fmt.Sprintf("bare-%d", i) }

// each runs f for 0 … n-1 on parallel workers that share the connections.
func (b *bare) each(n int, f func(*lv.Connect, *lv.StoragePool, int) error) error {
	next := make(chan int)
	errs := make(chan error, parallel)
	var workers sync.WaitGroup
	for w := range parallel {
		workers.Go(func() { errs <- b.work(b.conns[w%len(b.conns)], next, f) })
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// work takes numbers to the end, also after an error, so that nobody waits for it.
func (b *bare) work(c *lv.Connect, next <-chan int, f func(*lv.Connect, *lv.StoragePool, int) error) error {
	pool, err := c.LookupStoragePoolByName("default")
	for i := range next {
		if err == nil {
			err = f(c, pool, i)
		}
	}
	if err != nil {
		return err
	}
	return pool.Free()
}

// create: definition, overlay, seed file, metadata, and a start if so wanted.
func (b *bare) create(n int, start bool) error {
	return b.each(n, func(c *lv.Connect, pool *lv.StoragePool, i int) error {
		domain, err := c.DomainDefineXMLFlags(fmt.Sprintf(domainXML, name(i), b.folder), 0)
		if err != nil {
			return err
		}
		defer func() { _ = domain.Free() }() // fails only for a handle that is none
		volume, err := pool.StorageVolCreateXML(fmt.Sprintf(volumeXML, name(i), b.golden), 0)
		if err != nil {
			return err
		}
		if err := errors.Join(volume.Free(), b.seed(i)); err != nil {
			return err
		}
		if err := domain.SetMetadata(lv.DOMAIN_METADATA_ELEMENT, "<bare/>", "b", namespace, lv.DOMAIN_AFFECT_CONFIG); err != nil || !start {
			return err
		}
		return domain.CreateWithFlags(0)
	})
}

func (b *bare) seedPath(i int) string { return filepath.Join(b.folder, name(i)+".seed.iso") }

// seed writes as many bytes as a seed has, durably.
func (b *bare) seed(i int) error {
	file, err := os.Create(b.seedPath(i))
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 51200))
	return errors.Join(err, file.Sync(), file.Close())
}

// destroy makes the calls of ours: before each change the domain is looked up
// and its mark is read, since it may have become somebody else's.
func (b *bare) destroy(n int, running bool) error {
	return b.each(n, func(c *lv.Connect, pool *lv.StoragePool, i int) error {
		looked := func(change func(*lv.Domain) error) error {
			domain, err := c.LookupDomainByName(name(i))
			if err != nil {
				return err
			}
			defer func() { _ = domain.Free() }() // fails only for a handle that is none
			return change(domain)
		}
		read := func(change func(*lv.Domain) error) error {
			return looked(func(domain *lv.Domain) error {
				_, err := domain.GetMetadata(lv.DOMAIN_METADATA_ELEMENT, namespace, lv.DOMAIN_AFFECT_CONFIG)
				return errors.Join(err, change(domain))
			})
		}
		powerOff := looked
		if running {
			powerOff = read
		}
		return errors.Join(
			read(func(domain *lv.Domain) error { return mark(domain, running) }),
			powerOff(func(domain *lv.Domain) error { return off(domain, running) }),
			deleteDisk(pool, i),
			b.deleteSeed(pool, i),
			read((*lv.Domain).Undefine),
		)
	})
}

// blindDestroy makes the fewest calls that take a spawn away.
func (b *bare) blindDestroy(n int, running bool) error {
	return b.each(n, func(c *lv.Connect, pool *lv.StoragePool, i int) error {
		domain, err := c.LookupDomainByName(name(i))
		if err != nil {
			return err
		}
		defer func() { _ = domain.Free() }() // fails only for a handle that is none
		return errors.Join(mark(domain, running), off(domain, running), deleteDisk(pool, i), os.Remove(b.seedPath(i)), domain.Undefine())
	})
}

func mark(domain *lv.Domain, running bool) error {
	flags := lv.DOMAIN_AFFECT_CONFIG
	if running {
		flags |= lv.DOMAIN_AFFECT_LIVE
	}
	return domain.SetMetadata(lv.DOMAIN_METADATA_ELEMENT, "<bare/>", "b", namespace, flags)
}

func off(domain *lv.Domain, running bool) error {
	if !running {
		return nil
	}
	return domain.DestroyFlags(lv.DOMAIN_DESTROY_DEFAULT)
}

func deleteDisk(pool *lv.StoragePool, i int) error {
	volume, err := pool.LookupStorageVolByName(name(i) + ".qcow2")
	if err != nil {
		return err
	}
	return errors.Join(volume.Delete(lv.STORAGE_VOL_DELETE_NORMAL), volume.Free())
}

// deleteSeed asks for it as a volume first: libvirt lists it after a refresh.
func (b *bare) deleteSeed(pool *lv.StoragePool, i int) error {
	if _, err := pool.LookupStorageVolByName(name(i) + ".seed.iso"); !errors.Is(err, lv.ERR_NO_STORAGE_VOL) {
		return fmt.Errorf("the seed is listed: %w", err)
	}
	return os.Remove(b.seedPath(i))
}
