# podsec-k8s: see README.md. Every target works on a fresh Debian 12 as root.
GENERATIONS := 1.26 1.34
PACKAGES := podsec-k8s podsec-k8s-network-policy
GEN ?= $(firstword $(GENERATIONS))
NODE ?= m1
MASTERS ?= 1
WORKERS ?= 2
CACHE ?= $(or $(PODSEC_K8S_CACHE),/var/cache/podsec-k8s-tests)
export GEN PODSEC_K8S_CACHE = $(CACHE)
exec: export LAB_COMMAND = $(value CMD)
conformance: export CONFORMANCE_FOCUS = $(value FOCUS)
export PATH := $(PATH):/usr/local/go/bin:$(CACHE)/bin
export GOFLAGS := -buildvcs=false
# Compilers collect less: a sixth of the time, for memory that nobody else needs.
export GOGC ?= 400

# Those beside the default one, as a pattern, and their labs: 1.34 has PODSEC_K8S_LAB-34.
OTHERS := $(filter-out $(firstword $(GENERATIONS)),$(GENERATIONS))
OTHER := ^($(subst $() ,|,$(subst .,[.],$(OTHERS))))$$
lab = $$PODSEC_K8S_LAB-$(1:1.%=%)

LINT := $(CACHE)/bin/golangci-lint-2.11.0
# Built, not run by go run: that loses the exit status of what it ran.
LAB_PROGRAM := $(CACHE)/bin/lab$(addprefix -,$(PODSEC_K8S_LAB))
LAB = go -C tests build -o $(LAB_PROGRAM) ./lab && cd tests && $(LAB_PROGRAM)
CONFORMANCE_PROGRAM := $(CACHE)/bin/conformance$(addprefix -,$(PODSEC_K8S_LAB))
DEBIAN := mmdebstrap systemd-container golang-1.19-go libseccomp-dev gcc libc6-dev pkg-config createrepo-c shellcheck rpm rpmlint cpio zsh fish gpg gpg-agent util-linux ca-certificates

.PHONY: help up cluster down node offer exec shell test unit finished lint scenarios restores test-upgrade conformance rpm spec bench cuts fuzz outdated tools

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
	@echo; echo 'GEN picks one of the Kubernetes generations $(GENERATIONS), the first by default, or a version that upgrades know; NODE=NAME the node.'

up: tools ## the main job: package, node m1, cluster, all shown; leaves the node up
	$(LAB) up

cluster: tools ## MASTERS=1 and WORKERS=2: m1, w1, w2, all shown Ready
	$(LAB) cluster $(MASTERS) $(WORKERS)

down: ## end all nodes; with NODE=x on the command line, that one
	$(LAB) down $(if $(filter command line,$(origin NODE)),$(NODE))
	$(if $(filter command line,$(origin NODE)),,$(foreach gen,$(OTHERS),PODSEC_K8S_LAB=$(call lab,$(gen)) $(LAB_PROGRAM) down;))

node: tools ## boot a bare node NODE=x with the repository configured
	$(LAB) node $(NODE)

offer: ## give NODE=x the packages of GEN as newer ones, to upgrade to
	$(LAB) offer $(NODE)

exec: ## run CMD='…' in NODE=x as root; its exit status is make's
	@$(LAB) exec $(NODE) "$$LAB_COMMAND"

shell: ## a shell in NODE=x
	@$(LAB) shell $(NODE)

test: unit finished lint scenarios ## everything: unit tests, the finished package, lint, scenarios in nodes of all generations

unit: ## fast tests, anywhere, and which part of each package they run
	@{ go test -cover ./...; echo status $$?; } | awk -f tests/coverage.awk
	go -C tests test ./cache ./conformance ./generation ./images/... ./messages ./node ./repository ./programs

finished: tools ## the package as rpm, rpmbuild, rpmlint and bash take it
	go -C tests test -count=1 ./finished

lint: tools $(LINT) ## formatting, vet, staticcheck and the project's own rules
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w .'; exit 1; }
	shellcheck -s sh scriptlets/*.sh .ci/run
	$(LINT) run ./...
	cd tests && $(LINT) run --config ../.golangci.yml ./...
	PODSEC_K8S_LINT=$(LINT) go -C tests test -count=1 ./arrows

# The scenarios wait half of their time: those of the generations run beside each
# other, each in a lab of its own: of all that go test lets begin, four run at a time. The logs of the others
# are shown at the end, for two logs in one can't be read. What they are made of is
# built by a command that gets what the scenarios leave of the processors: the
# kernel shares processors between sessions first, so it is nice as a session of
# its own.
# All ends with the shell that started it.
# Source: sched(7), "The autogroup feature"; setpriv(1), "--pdeathsig".
BESIDE = setpriv --pdeathsig TERM
IDLY = $(BESIDE) setsid nice -n 19 sh -c 'echo 19 2>/dev/null > /proc/self/autogroup; exec "$$@"' idly
SCENARIOS = go -C tests test -count=1 -timeout 75m -v -parallel 20
EACH = ^(TestMaster|TestWorker|TestJoinRefused|TestClosedSite|TestFiles|TestBrokenControlPlane|TestCuts|TestPeople|TestAudit|TestAuditJoins|TestConfig|TestCertificates|TestLeave|TestBackup|TestNetworkPolicy)$$

test scenarios cuts: DEBIAN += user-mode-linux
BESIDES = (PODSEC_K8S_LAB=$(call lab,$(1)); cd tests && $(IDLY) env GEN=$(1) $(LAB_PROGRAM) build && \
	cd .. && exec $(BESIDE) $(SCENARIOS) -run '$(EACH)/^$(subst .,[.],$(1))$$' ./scenarios) >$$logs/$(1) 2>&1 & beside="$$beside $$!"
scenarios: tools ## install, cluster, erase in booted nodes
	GEN=$(firstword $(GENERATIONS)) $(LAB) build
	@export PODSEC_K8S_LAB; logs=$$(mktemp -d); beside=; \
	$(foreach gen,$(OTHERS),$(call BESIDES,$(gen)); )\
	$(SCENARIOS) -skip '^TestUpgrade|^TestRestoreAll$$|/$(OTHER)' ./scenarios; failed=$$?; \
	for pid in $$beside; do wait $$pid || failed=1; done; cat $$logs/*; rm -r $$logs; exit $$failed

# They build versions of Kubernetes that no other target needs. The scenarios of one
# generation take the machine for themselves: two run at a time.
test-upgrade: tools ## upgrades of GEN's cluster, and how long each took; takes hours
	@{ go -C tests test -count=1 -timeout 4h -v -parallel 2 -run '^TestUpgrade/^$(subst .,[.],$(GEN))$$' ./scenarios; echo status $$?; } | awk -f tests/times.awk

restores: tools ## three control planes lost and made again from a backup, for GEN, and how long that took
	$(SCENARIOS) -run '^TestRestoreAll$$/^$(subst .,[.],$(GEN))$$' ./scenarios

# Builds the suite, which no other target needs.
conformance: tools ## Kubernetes' own conformance suite, on a master and a worker of GEN; NETWORK=veth, FOCUS=REGEXP, SAMPLE=1 for a few minutes of it, KEEP=1 leaves the nodes up
	go -C tests build -o $(CONFORMANCE_PROGRAM) ./conformance
	cd tests && $(CONFORMANCE_PROGRAM) $(if $(NETWORK),-network=$(NETWORK)) $(if $(FOCUS),-focus="$$CONFORMANCE_FOCUS") $(if $(SAMPLE),-sample) $(if $(KEEP),-keep)

rpm: ## build the packages into dist/; PACKAGER='Name <name@altlinux.org>' says by whom
	@for package in $(PACKAGES); do go run ./rpm --package $$package --kubernetes $(GEN) $(if $(PACKAGER),--packager '$(PACKAGER)') || exit 1; done

spec: ## write the specs for ALT's own build anew
	for package in $(PACKAGES); do go run ./rpm --package $$package --spec > dist.spec && mv dist.spec rpm/$$package.spec || exit 1; done

bench: tools ## figures: stages, start-up, rootless against rootful
	go test -run '^$$' -bench . ./rpm
	go -C tests test -count=1 -timeout 60m -run '^$$' -bench . -benchtime 1x ./scenarios

cuts: tools ## every moment of create-master, join and reset cut by every signal, GEN's; takes most of an hour
	$(SCENARIOS) -run '^TestCuts$$/^$(subst .,[.],$(GEN))$$' ./scenarios -every-cut

fuzz: ## every fuzz test for FUZZTIME (10s)
	@go list -f '{{.ImportPath}}' ./... | while read -r p; do \
		go test -list '^Fuzz' $$p | grep '^Fuzz' | while read -r f; do \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(or $(FUZZTIME),10s) $$p || exit 1; done || exit 1; done

# Each is asked for alone: one that the proxy does not have hides no other.
outdated: ## direct dependencies of both modules that are behind, and the Go that the newer ones ask for
	@for module in . tests; do \
		for path in $$(awk '/^\t/ && !/\/\/ indirect/ { print $$1 }' $$module/go.mod); do \
			go -C $$module list -m -u -f '{{with .Update}}{{$$.Path}} {{$$.Version}} {{.Version}}{{end}}' $$path | while read -r path have newest; do \
				echo "$$module: $$path $$have, newest $$newest, which asks for Go" \
					"$$(go -C $$module mod download -json $$path@$$newest | awk -F'\"' '$$2 == "GoMod" { print $$4 }' | xargs -r awk '$$1 == "go" { print $$2 }')"; \
			done; \
		done; \
	done

tools: ## install what the targets need, as far as it is missing
	@command -v go >/dev/null || { echo 'Go is missing: put Go 1.26 into /usr/local/go'; exit 1; }
	@dpkg -s $(DEBIAN) >/dev/null 2>&1 || { echo 'installing packages …'; apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $(DEBIAN) >/dev/null; }

$(LINT):
	@echo 'building golangci-lint …'; mkdir -p $(dir $@)
	@GOBIN=$(CACHE)/lint.part go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.11.0
	@mv $(CACHE)/lint.part/golangci-lint $@; rm -r $(CACHE)/lint.part
