package usernetes

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// Names of warnings.
const (
	limitsWarning = "limits"
	proxyWarning  = "proxy"
)

// Warnings tells what does not keep a node from being made, but may trouble it
// later. Names are for --ignore-preflight, as those of checks.
func Warnings(f Facts, ignore []string) (all []Finding) {
	for _, group := range []struct {
		name   string
		faults []*host.Fault
	}{
		{limitsWarning, append(f.Limits.warnings(), f.Limits.exhausted()...)},
		{proxyWarning, f.Proxy.warnings()},
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

// ProxyFacts is what is known of the site's proxy.
type ProxyFacts struct {
	Proxy    Proxy
	Resolved map[string][]netip.Addr // of the proxies' names
	Silent   []silentProxy           // proxies that do not answer
	Exposed  []string                // files that show a password to everyone
}

// A silentProxy is one that could not be reached, and why.
type silentProxy struct {
	proxy ProxyURL
	err   error
}

// LogValue leaves the site's settings out of the log.
func (p ProxyFacts) LogValue() slog.Value {
	return slog.AnyValue([]ProxyURL{p.Proxy.HTTP, p.Proxy.HTTPS})
}

// proxyTimeout bounds how long a proxy is looked for.
const proxyTimeout = 3 * time.Second

// WithSite adds what the site's settings ask for.
func (f Facts) WithSite(ctx context.Context, site Site) Facts {
	f.WantedIDs = site.SubordinateIDs
	f.Proxy = ProxyFacts{Proxy: site.Proxy, Exposed: site.Exposed, Resolved: map[string][]netip.Addr{}}
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	urls := slices.DeleteFunc([]ProxyURL{site.Proxy.HTTP, site.Proxy.HTTPS}, func(p ProxyURL) bool { return p.url == nil })
	if len(urls) == 2 && urls[0].String() == urls[1].String() {
		urls = urls[:1]
	}
	var lock sync.Mutex
	var looks sync.WaitGroup
	for _, proxy := range urls {
		looks.Go(func() {
			addresses, err := proxy.look(ctx)
			lock.Lock()
			defer lock.Unlock()
			f.Proxy.Resolved[strings.ToLower(proxy.url.Hostname())] = addresses
			if err != nil {
				f.Proxy.Silent = append(f.Proxy.Silent, silentProxy{proxy, err})
			}
		})
	}
	looks.Wait()
	return f
}

// look resolves the name of a proxy and opens a connection to it.
func (p ProxyURL) look(ctx context.Context) ([]netip.Addr, error) {
	name := p.url.Hostname()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(name, strconv.Itoa(p.port())))
	if err != nil {
		return addresses, err
	}
	return addresses, conn.Close()
}

// port returns the proxy's port, or the usual one of its scheme.
// Source: golang.org/x/net/http/httpproxy; net/http's canonicalAddr.
func (p ProxyURL) port() int {
	if port, err := strconv.Atoi(p.url.Port()); err == nil {
		return port
	}
	return map[string]int{"http": 80, "https": 443, "socks5": 1080}[p.url.Scheme]
}

// checkProxy finds a proxy that the node can't reach for sure.
func checkProxy(f Facts, n Node) error {
	if fault := f.Proxy.Proxy.check(n, f.Proxy.Resolved); fault != nil {
		return fault
	}
	return nil
}

func (p ProxyFacts) warnings() (all []*host.Fault) {
	for _, silent := range p.Silent {
		all = append(all, fault("see that it runs, and correct HTTP_PROXY and HTTPS_PROXY in /etc/podsec-k8s",
			"the proxy %s does not answer: %w", silent.proxy, silent.err))
	}
	for _, file := range p.Exposed {
		all = append(all, fault(fmt.Sprintf("let only the node's user read it: chgrp %s %s; chmod 0640 %s", Admin, file, file),
			"every user of this machine can read the proxy's password in %s", file))
	}
	return all
}

// siteFindings is what status has to say of limits, ids and the proxy: what is
// wrong now, and what may trouble the node later.
func siteFindings(ctx context.Context, n Node) (faults, warnings []FaultLine) {
	limits := readLimits("/", uint32(os.Getuid()))
	for _, f := range limits.exhausted() {
		faults = append(faults, faultLine(f))
	}
	for _, f := range limits.warnings() {
		warnings = append(warnings, faultLine(f))
	}
	var lines []FaultLine
	if err := noteIDs.load(&lines); err != nil && !isMissing(err) {
		faults = append(faults, faultLine(fmt.Errorf("reading which pods lack ids: %w", err)))
	}
	faults = append(faults, lines...)
	site, err := LoadSite(SiteDir)
	if err != nil {
		return append(faults, faultLine(err)), warnings
	}
	for _, f := range proxyFindings(ctx, n, site) {
		faults = append(faults, faultLine(f))
	}
	for _, f := range (ProxyFacts{Exposed: site.Exposed}).warnings() {
		warnings = append(warnings, faultLine(f))
	}
	return faults, warnings
}

// proxyFindings tells of a proxy that the node can't use, and of nodes that
// the apiserver would ask through it.
func proxyFindings(ctx context.Context, n Node, site Site) []*host.Fault {
	if !site.Proxy.used() {
		return nil
	}
	if f := site.Proxy.check(n, nil); f != nil {
		return []*host.Fault{f}
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	api, err := ownAPI(n)
	if err != nil {
		return nil // clusterFaults tells
	}
	others, err := peers(ctx, api, n)
	if err != nil {
		return nil // the same
	}
	missed := site.Proxy.uncovered(n.directly(hostAddresses(), n.endpoints()...), others)
	if len(missed) == 0 {
		return nil
	}
	return []*host.Fault{fault("add their network to NO_PROXY in /etc/podsec-k8s on every node, then: systemctl stop kubelet; systemctl start kubelet",
		"nodes of the cluster are asked through the proxy: %v", missed)}
}
