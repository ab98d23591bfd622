# Everything a user or a CI needs: make demo, make test. See README.md.

SHELL := /bin/bash
# Where a Go that was unpacked or installed beside the system's lies.
export PATH := $(PATH):/usr/local/go/bin:/usr/lib/go/bin
# Without libvirt's headers at build time, and without its library until a connection is made.
TAGS := libvirt_dlopen,libvirt_without_lxc,libvirt_without_qemu
RELEASE := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w $(if $(RELEASE),-X main.release=$(RELEASE))
DEMO := .cache/demo
TINY := scripts/tiny-linux.bash scripts/boot-disk.sh $(wildcard scripts/guest/*)
PURE := ./inventory/... ./plan/... ./apply/...

PREFIX ?= /usr/local

.PHONY: build man install deps test unit pure e2e lint fuzz demo demo-down clean

build: ## bin/pcloud-apply
	go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/pcloud-apply ./cmd/pcloud-apply

man: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
man: build ## bin/man, dated as the commit is
	rm -rf bin/man
	bin/pcloud-apply man bin/man

install: man ## the program, its man pages and completions, below PREFIX and DESTDIR
	install -D -t $(DESTDIR)$(PREFIX)/bin bin/pcloud-apply
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 bin/man/*
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	bin/pcloud-apply completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pcloud-apply
	bin/pcloud-apply completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_pcloud-apply
	bin/pcloud-apply completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pcloud-apply.fish

deps: ## install what is missing on Debian or Ubuntu
	scripts/install-deps

.PHONY: test-deps
test-deps: ## install what the tests need, too, on Debian 12
	scripts/install-deps tests

test: test-deps lint pure unit e2e ## everything, end to end tests included

unit: tiny-guest
	go test -race -tags $(TAGS) $$(go list -tags $(TAGS) ./... | grep -v /test/)

pure: ## the packages that must not need cgo
	CGO_ENABLED=0 go test $(PURE)
	CGO_ENABLED=0 go test ./plan -run 'Converges|Touches|Budget|Depends' -rapid.checks=5000
	CGO_ENABLED=0 go test ./apply -run 'OneRun|LeavesNothing|AFaultIs' -rapid.checks=2000

e2e: build tiny-guest tiny-installer ## on private libvirtds with booting guests
	go test -race -count=1 -p 1 -timeout 38m -tags $(TAGS) ./test/...

.PHONY: tiny-guest tiny-installer
tiny-guest: .cache/tiny.qcow2
tiny-installer: .cache/installer/linux .cache/installer/initrd

.cache/tiny.qcow2: scripts/tiny-guest $(TINY)
	mkdir -p .cache
	scripts/tiny-guest $@

.cache/installer/linux .cache/installer/initrd &: scripts/tiny-installer $(TINY) $(wildcard scripts/installer/*)
	scripts/tiny-installer .cache/installer

lint: bin/staticcheck
	@bad=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); test -z "$$bad" || { echo "not gofmt-ed: $$bad"; exit 1; }
	go vet -tags $(TAGS) ./...
	go vet -tags $(TAGS),failpoint ./cmd/...
	bin/staticcheck -tags $(TAGS) ./...
	scripts/check-imports

bin/staticcheck: tools/go.mod
	go -C tools build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck

.PHONY: bench
bench: build tiny-guest ## against the same work done bare: docs/bench.md, docs/bench.svg
	go build -trimpath -tags $(TAGS) -ldflags '-s -w' -o bin/bench-bare ./test/bench/bare
	go run -tags $(TAGS) ./test/bench $(BENCH)

FUZZTIME ?= 30s
fuzz: ## each fuzz target for FUZZTIME
	scripts/fuzz $(FUZZTIME)

demo: deps build ## a golden image and three VMs on this machine's libvirt, with one command
	scripts/start-libvirtd $(DEMO)
	test -f $(DEMO)/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -C demo -f $(DEMO)/id_ed25519
	sed -e '/yaml-language-server/d' -e "s|- ssh-ed25519 .*|- $$(cat $(DEMO)/id_ed25519.pub)|" -e 's|^name: .*|name: demo|' examples/cloud.yaml > $(DEMO)/cloud.yaml
	bin/pcloud-apply apply -f $(DEMO)/cloud.yaml
	bin/pcloud-apply status -f $(DEMO)/cloud.yaml
	@echo
	@echo "Log in:       ssh -i $(DEMO)/id_ed25519 ops@\$$(bin/pcloud-apply ip -f $(DEMO)/cloud.yaml web-1)"
	@echo "Play with:    $(DEMO)/cloud.yaml, then bin/pcloud-apply plan -f $(DEMO)/cloud.yaml"
	@echo "Take it away: make demo-down"

demo-down: ## take away all that make demo made
	if test -f $(DEMO)/cloud.yaml; then bin/pcloud-apply destroy --yes -f $(DEMO)/cloud.yaml; fi
	scripts/stop-libvirtd $(DEMO)
	rm -rf $(DEMO)

clean:
	rm -rf bin .cache
