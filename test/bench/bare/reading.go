package main

import (
	"errors"
	"sync"
	"time"

	lv "libvirt.org/go/libvirt"
)

// plan is the list, and each definition, not parsed.
func (b *bare) plan() error {
	domains, err := b.conns[0].ListAllDomains(0)
	if err != nil {
		return err
	}
	next := make(chan int, len(domains))
	for i := range domains {
		next <- i
	}
	close(next)
	var workers sync.WaitGroup
	errs := make([]error, 4) // calls that the daemon takes at once on a connection
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
	return errors.Join(errs...)
}

// pull is a block pull of the one spawn that the bench has then.
func (b *bare) pull() error {
	domain, err := b.conns[0].LookupDomainByName("large.vm-1")
	if err != nil {
		return err
	}
	defer func() { _ = domain.Free() }() // fails only for a handle that is none
	if err := domain.BlockPull("vda", 0, 0); err != nil {
		return err
	}
	for {
		info, err := domain.GetBlockJobInfo("vda", 0)
		if err != nil || info.Type != lv.DOMAIN_BLOCK_JOB_TYPE_PULL {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
