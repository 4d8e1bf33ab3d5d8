# telhub. `make help` lists the targets.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# The commit's date: a board's clock cannot be right before it. Reproducible.
BUILT   ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LDFLAGS  = -s -w -buildid= -X main.version=$(VERSION) -X main.built=$(BUILT)
# HTTP/2 needs TLS, which the local page does not speak: 0.33 MB that nobody uses.
TAGS     = nethttpomithttp2
# Packages that run at the start, for people only, or wait for the kernel anyway are compiled without inlining: 0.2 MB less.
COLD     = net/http/... crypto/x509 encoding/json encoding/asn1 regexp/... net/url mime/... github.com/pelletier/go-toml/v2/... go.bug.st/serial/... github.com/telhub/telhub/agent/config github.com/telhub/telhub/agent/doctor github.com/telhub/telhub/agent/audit github.com/telhub/telhub/agent/bench github.com/telhub/telhub/internal/toml github.com/telhub/telhub/board github.com/telhub/telhub/agent/cmd/telhub github.com/telhub/telhub/drivers/sysfs github.com/telhub/telhub/drivers/hwmon github.com/telhub/telhub/drivers/thermal github.com/telhub/telhub/drivers/w1 github.com/telhub/telhub/drivers/system github.com/telhub/telhub/drivers/iio github.com/telhub/telhub/drivers/gpio
BUILD    = CGO_ENABLED=0 GOFLAGS=-buildvcs=false $(GO) build -trimpath -tags '$(TAGS)' $(foreach p,$(COLD),-gcflags='$(p)=-l') -ldflags '$(LDFLAGS)'
FUZZTIME ?= 60s
CROSS    ?= arm64 armv6 armv7 amd64
PACKAGES ?= arm64 armv7 amd64
HOSTARCH  = $(shell $(GO) env GOHOSTARCH)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## build and start the demo: simulated board, page on http://127.0.0.1:9155
	@mkdir -p bin
	@# Not optimised: a first build takes 44 s instead of 65 on two cores, and the demo has little to do.
	$(BUILD) -gcflags='all=-N -l' -o bin/telhub-demo ./agent/cmd/telhub-demo
	@exec bin/telhub-demo $(ARGS)

.PHONY: demo
demo: ## build bin/telhub-demo for this machine, optimised
	@mkdir -p bin
	$(BUILD) -o bin/telhub-demo ./agent/cmd/telhub-demo

.PHONY: build
build: ## build bin/telhub for this machine
	@mkdir -p bin
	$(BUILD) -o bin/telhub ./agent/cmd/telhub

.PHONY: cross
cross: ## build dist/telhub-* for arm64, armv6, armv7 and amd64
	@mkdir -p dist
	@set -e; for t in $(CROSS); do \
		case $$t in armv*) arch=arm arm=$${t#armv} ;; *) arch=$$t arm= ;; esac; \
		GOOS=linux GOARCH=$$arch GOARM=$$arm $(BUILD) -o dist/telhub-linux-$$t ./agent/cmd/telhub; \
	done
	@ls -l dist

.PHONY: packages
packages: ## build deb, rpm, apk and ipk for arm64, armv7 and amd64 into dist/packages; PACKAGES="arm64" for fewer
	@$(MAKE) -s cross CROSS="$(PACKAGES)"
	@$(MAKE) -s cross-ttp PACKAGES="$(PACKAGES)"
	scripts/packages.sh '$(VERSION)' '$(BUILT)' $(PACKAGES)

.PHONY: release
release: ## packages of a clean tree, with checksums signed by minisign: KEY=secret PUB=public
	@test -z "$$(git status --porcelain)" || { echo "release: the tree has changes: commit them first" >&2; exit 1; }
	@$(MAKE) -s packages
	scripts/release.sh '$(KEY)' '$(PUB)'

.PHONY: images
images: ## build container images telhub, telhub-demo, ttp with docker, podman or buildah: PLATFORM=linux/arm64 TAG=dev
	scripts/images.sh '$(VERSION)' '$(BUILT)' $(ARGS)

.PHONY: yocto-mods
yocto-mods: ## write the modules, licences and configuration of the Yocto recipe from go.mod and go.sum
	$(GO) run ./scripts/yoctogen

.PHONY: flash
flash: ## put dist/telhub-linux-* onto a board, by ssh: HOST=user@board, or FLEET=hosts.txt
	scripts/flash.sh $(if $(FLEET),--fleet '$(FLEET)','$(HOST)')

.PHONY: reproducible
reproducible: ## build for arm64 twice, from two directories with caches of their own, and compare; WITH_PACKAGES=1 packages, too
	scripts/reproducible.sh

.PHONY: test
test: ## install what tests need (Debian, as root) and run all of them
	scripts/test-deps.sh
	$(GO) test -race -shuffle=on -timeout 15m ./...
	$(GO) test -count=1 -timeout 10m -run 'Alloc|Against|Soak|Histories' ./... # exact without the race detector, and ten times as many histories

.PHONY: test-arm
test-arm: ## run the tests under qemu-user for arm64 and armv7
	scripts/test-arm.sh

.PHONY: test-hil
test-hil: ## run the agent on an emulated Raspberry Pi: faults, outage, power cuts
	@mkdir -p dist
	GOOS=linux GOARCH=arm64 $(BUILD) -o dist/telhub-linux-arm64 ./agent/cmd/telhub
	scripts/test-hil.sh dist/telhub-linux-arm64 -v

.PHONY: hil
hil: ## boot Debian with systemd on emulated boards, install the package, audit after 20 power-offs (RIG_CUTS); Debian, root; 40 minutes or more
	@$(MAKE) -s packages PACKAGES=arm64
	scripts/hil.sh dist/packages/telhub_*_arm64.deb $(ARGS)

.PHONY: test-systemd
test-systemd: build ## run the unit under real systemd, and try what it must not do; Debian, root; 2 minutes
	scripts/test-systemd.sh bin/telhub

.PHONY: test-packages
test-packages: ## install, upgrade, remove and purge the packages under real systemd; Debian, root; 10 minutes
	@$(MAKE) -s cross CROSS=$(HOSTARCH)
	@$(MAKE) -s cross-ttp PACKAGES=$(HOSTARCH)
	scripts/test-packages.sh $(HOSTARCH)

.PHONY: test-flash
test-flash: build ## flash a board, good and bad programs, over real ssh, with cuts; Debian, root; 10 minutes
	$(BUILD) -ldflags '$(LDFLAGS) -X main.version=$(VERSION)-next' -o bin/telhub-next ./agent/cmd/telhub
	scripts/test-flash.sh bin/telhub bin/telhub-next

.PHONY: test-container
test-container: ## build the images, run them and the compose files for real, locked down; Debian, root; 15 minutes
	@# One version for both builds, which are compared: a commit may come in between.
	@v='$(VERSION)' b='$(BUILT)'; $(MAKE) -s build ttp VERSION="$$v" BUILT="$$b" && scripts/test-container.sh "$$v" "$$b"

.PHONY: test-terraform
test-terraform: build ttp ## test the hub's Terraform module, run what it renders under real systemd, with a real agent; Debian, root, terraform; 4 minutes, ONLY=static: 1
	scripts/test-terraform.sh bin/telhub bin/ttp

.PHONY: test-helm
test-helm: build ttp ## check the charts, and run the programs as their pods would: Debian, root, no cluster; 3 minutes
	scripts/test-helm.sh bin/telhub bin/ttp

.PHONY: test-workflows
test-workflows: ## check .github with actionlint and shellcheck, and that what it calls is there
	scripts/test-workflows.sh

.PHONY: security
security: ## gosec, govulncheck, gitleaks, shellcheck; GOVULNDB=file:///… where the database cannot be reached
	scripts/security.sh

.PHONY: bench-compare
bench-compare: ## compare the hot path's benchmarks with BASE (origin/main); fails when one is slower by far or allocates; 10 minutes
	scripts/bench-compare.sh '$(or $(BASE),origin/main)'

.PHONY: test-yocto
test-yocto: ## have bitbake parse meta-telhub, dry-run recipe, image, bundle, fetch and unpack; compile: yocto/README.md; 20 to 60 minutes
	scripts/test-yocto.sh

.PHONY: test-yocto-units
test-yocto-units: build ## boot the layer's units for a data partition under real systemd; Debian, root; 1 minute
	scripts/test-yocto-units.sh bin/telhub

.PHONY: test-yocto-boot
test-yocto-boot: ## have U-Boot choose between two systems by the layer's script, under QEMU; 5 minutes
	scripts/test-yocto-boot.sh

.PHONY: test-monitoring
test-monitoring: ## evaluate rules and dashboards in a real Prometheus that scrapes the real programs; Debian; 6 minutes
	scripts/test-monitoring.sh

.PHONY: test-outage
test-outage: ## end-to-end tests at full length: outages, lost replies, power cuts; 10 minutes
	TELHUB_E2E_FULL=1 $(GO) test -count=1 -timeout 40m -v ./agent/e2e

.PHONY: test-powercut
test-powercut: ## cut the power under the store at every barrier; root, loop devices and /dev/fuse; 5 minutes
	scripts/test-deps.sh
	$(GO) test -tags powercut -count=1 -timeout 30m -v ./buffer/store/powercut

.PHONY: model
model: ## search random histories for DURATION (10m): exactly once under any faults
	TELHUB_MODEL_FOR=$(or $(DURATION),10m) $(GO) test -count=1 -timeout 0 -run TestHistories -v ./uplink/model

.PHONY: chaos
chaos: ## break everything under load, audit each time; root; 95 minutes, QUICK=1: 10; RUN=regexp, DOC=file takes the table
	scripts/test-deps.sh
	TELHUB_CHAOS_QUICK=$(QUICK) TELHUB_CHAOS_DOC=$(abspath $(DOC)) $(GO) test -tags chaos -count=1 -timeout 3h -v -run '(?i)$(RUN)' ./agent/chaos

.PHONY: chaos-ttp
chaos-ttp: ## break ttp under load, a million tasks, audit each time; 20 to 40 minutes, QUICK=1: 2; RUN=regexp, DOC=file takes the table
	scripts/test-deps.sh
	TTP_CHAOS_QUICK=$(QUICK) TTP_CHAOS_DOC=$(abspath $(DOC)) $(GO) test -tags chaos -count=1 -timeout 3h -v -run '(?i)$(RUN)' ./processing/chaos

.PHONY: ttp
ttp: ## build bin/ttp, the task queue, for this machine
	@mkdir -p bin
	CGO_ENABLED=0 GOFLAGS=-buildvcs=false $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ttp ./processing/cmd/ttp

.PHONY: cross-ttp
cross-ttp: ## build dist/ttp-* for arm64 and amd64
	@mkdir -p dist
	@set -e; for t in $(filter arm64 amd64,$(PACKAGES)); do \
		GOOS=linux GOARCH=$$t CGO_ENABLED=0 GOFLAGS=-buildvcs=false $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/ttp-linux-$$t ./processing/cmd/ttp; \
	done

.PHONY: bench-ttp
bench-ttp: ttp ## measure ttp beside asynq and bare Redis, each run audited; an hour, ARGS=--quick: 2 minutes
	bin/ttp bench $(ARGS)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (60s) each
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: lint
lint: ## gofmt, vet, staticcheck
	@test -z "$$(git ls-files -z "*.go" | xargs -0 gofmt -l | tee /dev/stderr)"
	$(GO) vet ./...
	$(GO) vet -tags chaos ./agent/chaos ./processing/chaos
	$(GO) tool staticcheck ./...

.PHONY: bench
bench: build ## measure telhub beside redis-benchmark on a server of its own
	scripts/bench.sh $(ARGS)

.PHONY: soak
soak: ## 60 s each: allocations, collections, memory in an outage; start and size of the program
	TELHUB_SOAK=60s $(GO) test -count=1 -p 1 -timeout 15m -v -run 'Soak|Board|Binary|Start' ./agent ./agent/bench

.PHONY: drain
drain: ## drain 50 million samples (SAMPLES) beside live ones, redis-benchmark and a bare loop; lanes; start beside 1.1 GB; 15 minutes
	TELHUB_DRAIN=$(or $(SAMPLES),50000000) $(GO) test -count=1 -timeout 60m -v -run 'Drain|Backfill|Backlog|LargeSpool' ./agent/bench

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
