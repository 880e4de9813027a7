package usernetes

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// CheckCall tells what in a call can't be understood. It looks at the call
// alone, and at nothing of the machine: whether a value suits the machine is
// for preflight to say. j is nil for a new cluster. The error is a *Misuse.
func (o Options) CheckCall(j *JoinRequest) error {
	if o.Network != "" && !slices.Contains(Modes(), o.Network) {
		return misuse("give one of "+strings.Join(Modes(), ", "), "there is no network mode %q", o.Network)
	}
	if o.NodeIP != "" {
		if _, err := netip.ParseAddr(o.NodeIP); err != nil {
			return misuse("give an address such as 192.0.2.10", "the flag --node-ip: %w", err)
		}
	}
	for _, name := range o.Ignore {
		if !slices.Contains(namesToIgnore(), name) {
			return misuse("podsec-k8s-create-master(8) lists the checks", "there is no check %q to pass over", name)
		}
	}
	known := initFlags()
	if j != nil {
		known = joinFlags()
	}
	args, err := parseKubeadmArgs(known, o.Flags)
	if err != nil || j == nil {
		return err
	}
	return j.checkFlags(args)
}

// namesToIgnore lists what --ignore-preflight may be given.
func namesToIgnore() []string {
	names := append([]string{"all", limitsWarning, proxyWarning}, rootChecks()...)
	for _, check := range JoinChecks() {
		names = append(names, check.Name)
	}
	return names
}

// rootChecks lists those of root's own checks that can be passed over.
func rootChecks() []string { return []string{"firewall", "home", "rootful-node"} }

// checkFlags tells which flags are for a control plane alone.
func (j JoinRequest) checkFlags(args kubeadmArgs) error {
	for _, s := range args.settings {
		if s.path[0] == "controlPlane" && !j.ControlPlane {
			return misuse("leave it out, or add --control-plane", "the flag --%s is for a control plane", s.flag)
		}
	}
	return nil
}

// CheckUpload tells whether certificates are to be shared with control planes
// that could never join: kubeadm lets none in without an endpoint that stays.
func (o Options) CheckUpload() error {
	if !o.Upload {
		return nil
	}
	for _, flag := range o.Flags {
		if strings.HasPrefix(flag, "--control-plane-endpoint=") {
			return nil
		}
	}
	for _, file := range [][]byte{o.SiteConfig, o.Config} {
		docs, err := parseDocuments(file)
		if err != nil {
			return nil //nolint:nilerr // planning tells what is wrong with the file
		}
		for _, doc := range docs {
			if endpoint, _ := doc["controlPlaneEndpoint"].(string); endpoint != "" {
				return nil
			}
		}
	}
	return misuse("add --control-plane-endpoint NAME:PORT", "--upload-certs is for further control planes, and these need an endpoint that stays")
}

// CheckEndpoint tells whether the endpoint is one. The error is a *Misuse.
func (j JoinRequest) CheckEndpoint() error { return asMisuse(j.endpointFault()) }

// Check tells what a request to join lacks. The error is a *Misuse.
func (j JoinRequest) Check() error { return asMisuse(j.formFault()) }

func asMisuse(f *host.Fault) error {
	if f == nil {
		return nil
	}
	return &Misuse{*f}
}

func (j JoinRequest) endpointFault() *host.Fault {
	if checkEndpoint(j.Endpoint) != nil {
		return fault("give it as create-master printed it: podsec-k8s join ADDRESS:PORT …", "%q is no address and port of a cluster", j.Endpoint)
	}
	return nil
}

// formFault tells which part has not its form, or nil.
func (j JoinRequest) formFault() *host.Fault {
	if f := j.endpointFault(); f != nil {
		return f
	}
	if !bootstrapToken.MatchString(j.Token) {
		return fault("make a token on a master: podsec-k8s token create --print-join-command", "the token is not of the form abcdef.0123456789abcdef")
	}
	if len(j.CAHashes) == 0 {
		return fault("give the hash that create-master printed: --discovery-token-ca-cert-hash sha256:…",
			"without the hash of its certificate authority the cluster can't be told from another")
	}
	for _, hash := range j.CAHashes {
		if !caHash.MatchString(hash) {
			return fault("give the hash that create-master printed: --discovery-token-ca-cert-hash sha256:…",
				"%q is no hash of a certificate authority: sha256: and 64 hexadecimal digits", hash)
		}
	}
	if j.ControlPlane && !certificateKey.MatchString(j.CertificateKey) {
		return fault("make a command with one on a master: podsec-k8s token create --control-plane",
			"a control plane needs the key of the shared certificates, 64 hexadecimal digits")
	}
	return nil
}

// checkEndpoint tells whether a text is an address or name with a port.
func checkEndpoint(text string) error {
	name, port, err := net.SplitHostPort(text)
	if err != nil {
		return err
	}
	if _, err := parsePort(port); err != nil {
		return err
	}
	return checkHost(name)
}

// bootstrapToken is a token's form, tokenID that of its public part, and
// caHash that of the hash of a certificate authority's key. Source: Kubernetes'
// documentation of bootstrap tokens and of kubeadm join.
var (
	bootstrapToken = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)
	tokenID        = regexp.MustCompile(`^[a-z0-9]{6}$`)
	caHash         = regexp.MustCompile(`^sha256:[0-9a-fA-F]{64}$`)
)
