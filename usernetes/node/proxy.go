package node

import (
	"log/slog"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// A Proxy is how the programs of a node reach what lies outside of its site.
// There is no ALL_PROXY: Go's net/http, which all of them use, does not read
// it. Source: golang.org/x/net/http/httpproxy.
type Proxy struct {
	HTTP  ProxyURL // for http URLs; the zero value means: none
	HTTPS ProxyURL // for https URLs
	No    []string // names, addresses and networks that are reached directly
}

// A ProxyURL is the URL of a proxy. It may hold a password, so it prints
// without its user.
type ProxyURL struct{ url *url.URL }

// IsSet reports whether there is a proxy.
func (p ProxyURL) IsSet() bool { return p.url != nil }

// Hostname returns the name or address of the proxy; there has to be one.
func (p ProxyURL) Hostname() string { return p.url.Hostname() }

// String returns the URL without user and password.
func (p ProxyURL) String() string {
	if p.url == nil {
		return ""
	}
	return p.url.Scheme + "://" + p.url.Host
}

// GoString keeps the password from %#v.
func (p ProxyURL) GoString() string { return strconv.Quote(p.String()) }

// LogValue keeps the password from the log.
func (p ProxyURL) LogValue() slog.Value { return slog.StringValue(p.String()) }

// secret returns the whole URL.
func (p ProxyURL) secret() string {
	if p.url == nil {
		return ""
	}
	return p.url.String()
}

func (p ProxyURL) hasPassword() bool {
	if p.url == nil {
		return false
	}
	_, has := p.url.User.Password()
	return has
}

// hostForm is the form of a name or an address.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)

// parseProxyURL reads the URL of a proxy, "" for none. Its errors do not quote
// the text, which may hold a password.
func parseProxyURL(text string) (ProxyURL, error) {
	if text == "" {
		return ProxyURL{}, nil
	}
	parsed, err := url.Parse(text)
	if err != nil || !hostForm.MatchString(parsed.Hostname()) {
		return ProxyURL{}, message.New("it is not the URL of a proxy, such as http://proxy.example:3128")
	}
	if !slices.Contains([]string{"http", "https", "socks5"}, parsed.Scheme) {
		return ProxyURL{}, message.Errorf("the scheme of a proxy must be http, https or socks5, not %s", parsed.Scheme)
	}
	if port := parsed.Port(); port != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return ProxyURL{}, message.Errorf("%s is not a port", port)
		}
	}
	return ProxyURL{parsed}, nil
}

// parseNoProxy reads a list of exceptions, separated by commas.
func parseNoProxy(text string) ([]string, error) {
	var all []string
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if strings.ContainsAny(entry, " \t;") {
			return nil, message.Errorf("%q is not one exception: separate exceptions with commas", entry)
		}
		if _, err := netip.ParsePrefix(entry); strings.Contains(entry, "/") && err != nil {
			return nil, message.Errorf("%q is not a network", entry)
		}
		if entry != "" {
			all = append(all, entry)
		}
	}
	return all, nil
}

// Names of the settings of a proxy, in the site's files and in the environment.
const (
	HTTPProxyVariable  = "HTTP_PROXY"
	HTTPSProxyVariable = "HTTPS_PROXY"
	NoProxyVariable    = "NO_PROXY"
)

// IsProxyVariable reports whether a variable of an environment is about a
// proxy. Source: kubeadm's util.GetProxyEnvVars.
func IsProxyVariable(name string) bool { return strings.HasSuffix(strings.ToLower(name), "_proxy") }

// set takes one setting; an empty value takes an earlier one away.
func (p *Proxy) set(key, value string) (err error) {
	switch key {
	case HTTPProxyVariable:
		p.HTTP, err = parseProxyURL(value)
	case HTTPSProxyVariable:
		p.HTTPS, err = parseProxyURL(value)
	case NoProxyVariable:
		p.No, err = parseNoProxy(value)
	}
	return err
}

// Used reports whether there is any proxy.
func (p Proxy) Used() bool { return p.HTTP.url != nil || p.HTTPS.url != nil }

// Over lays what a unit's own environment says of proxies over the site's.
// The names may be in upper or lower case; upper case wins, as it does in Go.
func (p Proxy) Over(own map[string]string) (Proxy, error) {
	for _, key := range []string{HTTPProxyVariable, HTTPSProxyVariable, NoProxyVariable} {
		value, ok := own[key]
		if !ok {
			if value, ok = own[strings.ToLower(key)]; !ok {
				continue
			}
		}
		if err := p.set(key, value); err != nil {
			return p, host.NewFault("correct the variable in the unit's drop-in: systemctl --global edit UNIT", "the variable %s of the unit: %w", key, err)
		}
	}
	return p, nil
}

// Check finds a proxy that the node's namespaces can't reach: they have a
// loopback interface of their own, and the node's address is theirs as well.
// resolved has the addresses of the proxies' names, as far as they are known.
func (p Proxy) Check(n Node, resolved map[string][]netip.Addr) *host.Fault {
	for _, u := range []ProxyURL{p.HTTP, p.HTTPS} {
		if u.url == nil {
			continue
		}
		name := strings.ToLower(u.url.Hostname())
		addresses := resolved[name]
		if literal, err := netip.ParseAddr(name); err == nil {
			addresses = []netip.Addr{literal}
		}
		local := name == "localhost" || strings.HasSuffix(name, ".localhost") || name == n.Name
		if local || slices.ContainsFunc(addresses, func(a netip.Addr) bool { return unreachable(a.Unmap(), n) }) {
			return host.NewFault("specify a proxy on another machine",
				"the proxy %s is on this machine's loopback or on its node's address, which inside the node's namespaces is another place", u)
		}
	}
	return nil
}

func unreachable(a netip.Addr, n Node) bool { return a.IsLoopback() || a.IsUnspecified() || a == n.IP }

// Variables returns the environment that a program needs to use the proxy, in
// upper and lower case; nothing when there is no proxy. direct is what the
// node itself reaches directly.
func (p Proxy) Variables(direct []string) []string {
	if !p.Used() {
		return nil
	}
	var all []string
	for _, pair := range []struct{ key, value string }{
		{HTTPProxyVariable, p.HTTP.secret()},
		{HTTPSProxyVariable, p.HTTPS.secret()},
		{NoProxyVariable, strings.Join(distinct(p.No, direct), ",")},
	} {
		if pair.value != "" {
			all = append(all, pair.key+"="+pair.value, strings.ToLower(pair.key)+"="+pair.value)
		}
	}
	return all
}

// distinct joins lists and leaves out what was there already, in any case.
func distinct(lists ...[]string) (all []string) {
	seen := map[string]bool{}
	for _, entry := range slices.Concat(lists...) {
		if key := strings.ToLower(entry); entry != "" && !seen[key] {
			seen[key] = true
			all = append(all, entry)
		}
	}
	return all
}

// clusterDomain is the domain of a cluster's services where nothing else was
// set. Source: kubeadm's reference, Networking.dnsDomain.
const clusterDomain = "cluster.local"

// Directly lists what a node reaches without a proxy: itself, the machines in
// its own network, pods, services, and the cluster's API. addresses are the
// machine's; endpoints are addresses or names at which the API is asked.
func (n Node) Directly(addresses []netip.Prefix, endpoints ...string) []string {
	all := []string{"localhost", "127.0.0.0/8", "::1", n.IP.String(), n.Name}
	for _, p := range addresses {
		if p.Addr() == n.IP && !p.IsSingleIP() {
			all = append(all, p.Masked().String())
		}
	}
	domain := n.DNSDomain
	if domain == "" {
		domain = clusterDomain
	}
	all = append(all, n.PodCIDR.String(), n.ServiceCIDR.String(), n.SlirpCIDR.String(), ".svc", "."+domain)
	return append(all, endpoints...)
}

// Uncovered lists the nodes that the exceptions of a proxy miss: the apiserver
// would ask their kubelets through the proxy.
func (p Proxy) Uncovered(direct []string, nodes []netip.Addr) (missed []netip.Addr) {
	if !p.Used() {
		return nil
	}
	exceptions := distinct(p.No, direct)
	for _, node := range nodes {
		if !slices.ContainsFunc(exceptions, func(e string) bool { return excepts(e, node) }) {
			missed = append(missed, node)
		}
	}
	return missed
}

// excepts reports whether an exception holds for an address.
func excepts(exception string, a netip.Addr) bool {
	if exception == "*" {
		return true
	}
	if p, err := netip.ParsePrefix(exception); err == nil {
		return p.Contains(a)
	}
	one, err := netip.ParseAddr(exception)
	return err == nil && one == a
}

// Port returns the proxy's port, or the usual one of its scheme.
// Source: golang.org/x/net/http/httpproxy; net/http's canonicalAddr.
func (p ProxyURL) Port() int {
	if port, err := strconv.Atoi(p.url.Port()); err == nil {
		return port
	}
	return map[string]int{"http": 80, "https": 443, "socks5": 1080}[p.url.Scheme]
}
