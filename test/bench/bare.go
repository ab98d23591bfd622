package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	lv "libvirt.org/go/libvirt"
)

// The reference: the calls and writes of our verbs, and nothing else.

const bareMark = "urn:pcloud-apply:bench:1"

// bareDomain has the devices that a spawn of ours has.
const bareDomain = `<domain type='qemu'><name>%[1]s</name><metadata><b:bare xmlns:b='urn:pcloud-apply:bench:1'/></metadata>
<memory unit='MiB'>96</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/><apic/></features><cpu mode='maximum'/><devices><controller type='usb' model='none'/>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/><source file='%[2]s/%[1]s.qcow2'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%[2]s/%[1]s.seed.iso'/><target dev='vdb' bus='virtio'/><readonly/></disk>
<interface type='network'><source network='default'/><model type='virtio'/><rom enabled='no'/></interface>
<serial type='pty'/><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng><memballoon model='virtio'/></devices></domain>`

const bareVolume = `<volume><name>%s.qcow2</name><capacity unit='bytes'>134217728</capacity><target><format type='qcow2'/></target>
<backingStore><path>%s</path><format type='qcow2'/></backingStore></volume>`

func bareName(i int) string { return fmt.Sprintf("bare-%d", i) }

// each runs f for 0 … n-1 on parallel workers that share the connections.
func (b *bench) each(n int, f func(*lv.Connect, *lv.StoragePool, int) error) error {
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
func (b *bench) work(c *lv.Connect, next <-chan int, f func(*lv.Connect, *lv.StoragePool, int) error) error {
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

// bareCreate: definition, overlay, seed file, metadata, and a start if so wanted.
func (b *bench) bareCreate(n int, start bool) error {
	return b.each(n, func(c *lv.Connect, pool *lv.StoragePool, i int) error {
		domain, err := c.DomainDefineXMLFlags(fmt.Sprintf(bareDomain, bareName(i), b.lab.Pool()), 0)
		if err != nil {
			return err
		}
		defer func() { _ = domain.Free() }() // fails only for a handle that is none
		volume, err := pool.StorageVolCreateXML(fmt.Sprintf(bareVolume, bareName(i), b.golden), 0)
		if err != nil {
			return err
		}
		if err := errors.Join(volume.Free(), b.bareSeed(i)); err != nil {
			return err
		}
		if err := domain.SetMetadata(lv.DOMAIN_METADATA_ELEMENT, "<bare/>", "b", bareMark, lv.DOMAIN_AFFECT_CONFIG); err != nil || !start {
			return err
		}
		return domain.CreateWithFlags(0)
	})
}

// bareSeed writes as many bytes as a seed has, durably.
func (b *bench) bareSeed(i int) error {
	file, err := os.Create(filepath.Join(b.lab.Pool(), bareName(i)+".seed.iso"))
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 51200))
	return errors.Join(err, file.Sync(), file.Close())
}

// bareDestroy: metadata, power off, files, undefine.
func (b *bench) bareDestroy(n int, running bool) error {
	return b.each(n, func(c *lv.Connect, pool *lv.StoragePool, i int) error {
		domain, err := c.LookupDomainByName(bareName(i))
		if err != nil {
			return err
		}
		defer func() { _ = domain.Free() }() // fails only for a handle that is none
		flags := lv.DOMAIN_AFFECT_CONFIG
		if running {
			flags |= lv.DOMAIN_AFFECT_LIVE
		}
		err = domain.SetMetadata(lv.DOMAIN_METADATA_ELEMENT, "<bare/>", "b", bareMark, flags)
		if err == nil && running {
			err = domain.DestroyFlags(lv.DOMAIN_DESTROY_DEFAULT)
		}
		if err != nil {
			return err
		}
		volume, err := pool.LookupStorageVolByName(bareName(i) + ".qcow2")
		if err != nil {
			return err
		}
		return errors.Join(volume.Delete(lv.STORAGE_VOL_DELETE_NORMAL), volume.Free(),
			os.Remove(filepath.Join(b.lab.Pool(), bareName(i)+".seed.iso")), domain.Undefine())
	})
}

// barePlan: a connection, the list, and each definition, not parsed.
func (b *bench) barePlan() error {
	c, err := lv.NewConnect(b.lab.URI())
	if err != nil {
		return err
	}
	domains, err := c.ListAllDomains(0)
	if err != nil {
		return err
	}
	next := make(chan int, len(domains))
	for i := range domains {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	errs := make([]error, 4)
	for w := range errs {
		workers.Go(func() {
			for i := range next {
				if _, err := domains[i].GetXMLDesc(lv.DOMAIN_XML_INACTIVE); err != nil {
					errs[w] = err
				}
				_ = domains[i].Free() // fails only for a handle that is none
			}
		})
	}
	workers.Wait()
	_, err = c.Close()
	return errors.Join(append(errs, err)...)
}
