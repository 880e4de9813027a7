package preflight

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Names of warnings.
const (
	LimitsWarning  = "limits"
	ProxyWarning   = "proxy"
	StorageWarning = "ephemeral-storage"
)

// Warnings tells what does not keep a node from being made, but may trouble it
// later. Names are for --ignore-preflight, as those of checks.
func Warnings(f Facts, ignore []string) (all []Finding) {
	for _, group := range []struct {
		name   string
		faults []*host.Fault
	}{
		{LimitsWarning, append(f.Limits.Warnings(), f.Limits.Exhausted()...)},
		{ProxyWarning, f.Proxy.Warnings()},
		{StorageWarning, f.storageWarnings()},
	} {
		if slices.Contains(ignore, group.name) || slices.Contains(ignore, "all") {
			continue
		}
		for _, fault := range group.faults {
			all = append(all, Finding{Check: group.name, Fault: fault, Warning: true})
		}
	}
	return all
}

// storageWarnings tells of a file system that the kubelet can't measure.
func (f Facts) storageWarnings() []*host.Fault {
	if f.Unmeasured == nil {
		return nil
	}
	return []*host.Fault{f.Unmeasured}
}

// LogValue leaves the site's settings out of the log.
func (p ProxyFacts) LogValue() slog.Value {
	return slog.AnyValue([]node.ProxyURL{p.Proxy.HTTP, p.Proxy.HTTPS})
}

// proxyTimeout bounds how long a proxy is looked for.
const proxyTimeout = 3 * time.Second

// WithSite adds what the site's settings ask for.
func (f Facts) WithSite(ctx context.Context, site node.Site) Facts {
	f.WantedIDs = site.SubordinateIDs
	f.Proxy = ProxyFacts{Proxy: site.Proxy, Exposed: site.Exposed, Resolved: map[string][]netip.Addr{}}
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	urls := slices.DeleteFunc([]node.ProxyURL{site.Proxy.HTTP, site.Proxy.HTTPS}, func(p node.ProxyURL) bool { return !p.IsSet() })
	if len(urls) == 2 && urls[0].String() == urls[1].String() {
		urls = urls[:1]
	}
	var lock sync.Mutex
	var looks sync.WaitGroup
	for _, proxy := range urls {
		looks.Go(func() {
			addresses, err := look(ctx, proxy)
			lock.Lock()
			defer lock.Unlock()
			f.Proxy.Resolved[strings.ToLower(proxy.Hostname())] = addresses
			if err != nil {
				f.Proxy.Silent = append(f.Proxy.Silent, silentProxy{proxy, err})
			}
		})
	}
	looks.Wait()
	return f
}

// look resolves the name of a proxy and opens a connection to it.
func look(ctx context.Context, p node.ProxyURL) ([]netip.Addr, error) {
	name := p.Hostname()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(name, strconv.Itoa(p.Port())))
	if err != nil {
		return addresses, err
	}
	return addresses, conn.Close()
}

// checkProxy finds a proxy that the node can't reach for sure.
func checkProxy(f Facts, n node.Node) error {
	if fault := f.Proxy.Proxy.Check(n, f.Proxy.Resolved); fault != nil {
		return fault
	}
	return nil
}

// Warnings tells of proxies that do not answer, and of passwords that others can
// read.
func (p ProxyFacts) Warnings() (all []*host.Fault) {
	for _, silent := range p.Silent {
		all = append(all, host.NewFault("check that it is running, and correct HTTP_PROXY and HTTPS_PROXY in /etc/podsec-k8s",
			"the proxy %s does not answer: %w", silent.proxy, silent.err))
	}
	for _, file := range p.Exposed {
		all = append(all, host.WithRemedy(message.Errorf("every user of this machine can read the proxy's password in %s", file),
			"allow only the node's user to read it: chgrp %s %s; chmod 0640 %s", node.Admin, file, file))
	}
	return all
}
