package kubeadm

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A valueForm is how a flag's text becomes a value of the configuration.
type valueForm int

const (
	formText     valueForm = iota
	formAddress            // an IP address
	formPort               // from 1 to 65535
	formPrefix             // a network
	formName               // of a node or a domain
	formEndpoint           // a name or address, with a port or without
	formVersion            // of Kubernetes
	formKey                // of the shared certificates
	formList               // words parted by commas, added to those of the configuration
	formGates              // NAME=true,NAME=false
	formTokenTTL           // a duration, of the first token
)

// A Flag is a flag of kubeadm init that kubeadm doesn't take beside
// --config, and the field of its configuration that says the same.
type Flag struct {
	name string
	form valueForm
	kind string
	path []string
}

// InitFlags lists them. With --skip-phases kubeadm forgets the phases that the
// configuration skips. Source: kubeadm's cmd/init.go and its function
// ValidateMixedArguments.
func InitFlags() []Flag {
	return []Flag{
		{"apiserver-advertise-address", formAddress, KindInit, []string{"localAPIEndpoint", "advertiseAddress"}},
		{"apiserver-bind-port", formPort, KindInit, []string{"localAPIEndpoint", "bindPort"}},
		{"apiserver-cert-extra-sans", formList, KindCluster, []string{"apiServer", "certSANs"}},
		{"certificate-key", formKey, KindInit, []string{"certificateKey"}},
		{"control-plane-endpoint", formEndpoint, KindCluster, []string{"controlPlaneEndpoint"}},
		{"feature-gates", formGates, KindCluster, []string{"featureGates"}},
		{"image-repository", formText, KindCluster, []string{"imageRepository"}},
		{"kubernetes-version", formVersion, KindCluster, []string{"kubernetesVersion"}},
		{"node-name", formName, KindInit, []string{"nodeRegistration", "name"}},
		{"patches", formText, KindInit, []string{"patches", "directory"}},
		{"pod-network-cidr", formPrefix, KindCluster, []string{"networking", "podSubnet"}},
		{"service-cidr", formPrefix, KindCluster, []string{"networking", "serviceSubnet"}},
		{"service-dns-domain", formName, KindCluster, []string{"networking", "dnsDomain"}},
		{"skip-phases", formList, KindInit, []string{"skipPhases"}},
		{"token-ttl", formTokenTTL, KindInit, []string{"bootstrapTokens"}},
	}
}

// JoinFlags lists those of kubeadm join. Source: kubeadm's cmd/join.go.
func JoinFlags() []Flag {
	return []Flag{
		{"apiserver-advertise-address", formAddress, KindJoin, []string{"controlPlane", "localAPIEndpoint", "advertiseAddress"}},
		{"apiserver-bind-port", formPort, KindJoin, []string{"controlPlane", "localAPIEndpoint", "bindPort"}},
		{"node-name", formName, KindJoin, []string{"nodeRegistration", "name"}},
		{"patches", formText, KindJoin, []string{"patches", "directory"}},
		{"skip-phases", formList, KindJoin, []string{"skipPhases"}},
	}
}

// passedFlags lists the flags that kubeadm takes beside --config, and that say
// nothing of its configuration. Source: isAllowedFlag in kubeadm's
// apis/kubeadm/validation.
func passedFlags() []string {
	return []string{"ignore-preflight-errors", "skip-token-print", "skip-certificate-key-print", "skip-headers", "skip-log-headers", "log-file", "v"}
}

// ownedFlags lists the flags of kubeadm that a rootless node must own, with
// the reason.
func ownedFlags() map[string]message.Text {
	return map[string]message.Text{
		"cert-dir":   message.Of("the node has its certificates in /etc/kubernetes/pki"),
		"cri-socket": message.Of("CRI-O of the node listens on %s", node.CRIOSocket),
		"rootfs":     message.Of("kubeadm runs in the node's own namespaces"),
		"kubeconfig": message.Of("use --write-kubeconfig to choose the path of your own kubeconfig"),
		"token":      message.Of("specify tokens in a file: --config, InitConfiguration, bootstrapTokens"),
		"config":     message.Of("specify it once, before the other flags of kubeadm"),
		"dry-run":    message.Of("--dry-run is a flag of podsec-k8s here, not of kubeadm"),
	}
}

// A Setting is a flag's value on its way into the configuration.
type Setting struct {
	Flag  string // its name
	kind  string
	path  []string
	value any
	union bool // add the value, a list, to what is there
}

// Args is what flags of kubeadm come to.
type Args struct {
	Settings []Setting // into the configuration
	Pass     []string  // on to kubeadm as they are
}

// ParseArgs sorts flags of kubeadm, as Help.Sort returns them, by
// those that say something of its configuration. The rest has to be what kubeadm
// takes beside a configuration.
func ParseArgs(known []Flag, args []string) (Args, error) {
	var parsed Args
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		flag, ok := findFlag(known, name)
		why, owned := ownedFlags()[name]
		switch {
		case owned:
			return parsed, node.NewMisuse("remove it", "kubeadm's flag --%s cannot be used for a rootless node: %s", name, why)
		case !ok && slices.Contains(passedFlags(), name):
			parsed.Pass = append(parsed.Pass, arg)
			continue
		case !ok:
			return parsed, node.NewMisuse("set it in a kubeadm configuration: --config FILE",
				"kubeadm does not accept the flag --%s together with the configuration from podsec-k8s", name)
		}
		set, err := flag.parse(value)
		if err != nil {
			return parsed, node.NewMisuse("", "flag --%s: %w", name, err)
		}
		parsed.Settings = append(parsed.Settings, Setting{name, flag.kind, flag.path, set, flag.form == formList})
	}
	return parsed, nil
}

func findFlag(known []Flag, name string) (Flag, bool) {
	for _, flag := range known {
		if flag.name == name {
			return flag, true
		}
	}
	return Flag{}, false
}

func (f Flag) parse(text string) (any, error) {
	switch f.form {
	case formPort:
		return node.ParsePort(text)
	case formList:
		return anyList(strings.Split(text, ",")), nil
	case formGates:
		return parseGates(text)
	case formTokenTTL:
		return []any{document.Document{"ttl": text}}, nil
	default:
		return text, f.form.check(text)
	}
}

// versionForm is that of a version of Kubernetes.
// Source: kubeadm's util/version.go.
var versionForm = regexp.MustCompile(`^(v?[0-9]+\.[0-9]+\.[0-9]+([-+].*)?|(ci/|ci-cross/|release/)?(stable|latest)(-[0-9]+(\.[0-9]+)?)?)$`)

// check reports whether a text that goes into the configuration as it is has the
// form.
func (f valueForm) check(text string) error {
	switch f {
	case formAddress:
		_, err := netip.ParseAddr(text)
		return err
	case formPrefix:
		_, err := netip.ParsePrefix(text)
		return err
	case formName:
		if !node.IsName(strings.ToLower(text)) {
			return message.Errorf("%q is not a name of a machine or domain", text)
		}
	case formEndpoint:
		if host, port, err := net.SplitHostPort(text); err == nil {
			if _, err := node.ParsePort(port); err != nil {
				return err
			}
			text = host
		}
		return node.CheckHost(text)
	case formVersion:
		if !versionForm.MatchString(text) {
			return message.Errorf("%q is not a Kubernetes version", text)
		}
	case formKey:
		if !certificateKey.MatchString(strings.ToLower(text)) {
			return message.New("a key has 64 hexadecimal digits")
		}
	}
	return nil
}

func parseGates(text string) (any, error) {
	gates := document.Document{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		on, err := strconv.ParseBool(value)
		if err != nil {
			return nil, message.Errorf("%q is not NAME=true or NAME=false", pair)
		}
		gates[name] = on
	}
	return gates, nil
}

// Apply puts the settings into a configuration. A list is added to what is
// there: a flag skips no less than our own configuration does.
func (a Args) Apply(c Config) {
	for _, s := range a.Settings {
		value := s.value
		if s.union {
			value = document.MergeValue(document.Lookup(c[s.kind], s.path...), value)
		}
		document.Put(c[s.kind], value, s.path...)
	}
}

// Forms of what joins a cluster. Source: Kubernetes' documentation of bootstrap
// tokens, of kubeadm join, and of kubeadm init phase upload-certs.
var (
	BootstrapToken = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)
	TokenID        = regexp.MustCompile(`^[a-z0-9]{6}$`)            // a token's public part
	caHash         = regexp.MustCompile(`^sha256:[0-9a-fA-F]{64}$`) // of a certificate authority's key
	certificateKey = regexp.MustCompile(`^[0-9a-f]{64}$`)           // encrypts shared certificates
)
