package usernetes

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// valueForm is how a flag's text becomes a value of the configuration.
type valueForm int

const (
	formText   valueForm = iota
	formNumber           // a whole number
	formList             // words parted by commas
	formGates            // NAME=true,NAME=false
)

// A kubeadmFlag is a flag of kubeadm init that kubeadm doesn't take beside
// --config, and the field of its configuration that says the same.
type kubeadmFlag struct {
	name string
	form valueForm
	kind string
	path []string
}

// initFlags lists them. Source: kubeadm's cmd/init.go and its function
// ValidateMixedArguments.
func initFlags() []kubeadmFlag {
	return []kubeadmFlag{
		{"apiserver-advertise-address", formText, kindInit, []string{"localAPIEndpoint", "advertiseAddress"}},
		{"apiserver-bind-port", formNumber, kindInit, []string{"localAPIEndpoint", "bindPort"}},
		{"apiserver-cert-extra-sans", formList, kindCluster, []string{"apiServer", "certSANs"}},
		{"certificate-key", formText, kindInit, []string{"certificateKey"}},
		{"control-plane-endpoint", formText, kindCluster, []string{"controlPlaneEndpoint"}},
		{"feature-gates", formGates, kindCluster, []string{"featureGates"}},
		{"image-repository", formText, kindCluster, []string{"imageRepository"}},
		{"kubernetes-version", formText, kindCluster, []string{"kubernetesVersion"}},
		{"node-name", formText, kindInit, []string{"nodeRegistration", "name"}},
		{"patches", formText, kindInit, []string{"patches", "directory"}},
		{"pod-network-cidr", formText, kindCluster, []string{"networking", "podSubnet"}},
		{"skip-phases", formList, kindInit, []string{"skipPhases"}},
		{"service-cidr", formText, kindCluster, []string{"networking", "serviceSubnet"}},
		{"service-dns-domain", formText, kindCluster, []string{"networking", "dnsDomain"}},
	}
}

// joinFlags lists those of kubeadm join. Source: kubeadm's cmd/join.go.
func joinFlags() []kubeadmFlag {
	return []kubeadmFlag{
		{"apiserver-advertise-address", formText, kindJoin, []string{"controlPlane", "localAPIEndpoint", "advertiseAddress"}},
		{"apiserver-bind-port", formNumber, kindJoin, []string{"controlPlane", "localAPIEndpoint", "bindPort"}},
		{"node-name", formText, kindJoin, []string{"nodeRegistration", "name"}},
		{"skip-phases", formList, kindJoin, []string{"skipPhases"}},
		{"patches", formText, kindJoin, []string{"patches", "directory"}},
	}
}

// ownedFlags lists the flags of kubeadm that a rootless node must own, with
// the reason.
func ownedFlags() map[string]string {
	return map[string]string{
		"cert-dir":   "the node keeps its certificates in /etc/kubernetes/pki",
		"cri-socket": "CRI-O of the node listens at " + crioSocket,
		"rootfs":     "kubeadm runs in the node's own namespaces",
		"kubeconfig": "use --write-kubeconfig for where your own kubeconfig goes",
		"token":      "give tokens in a file: --config, InitConfiguration, bootstrapTokens",
		"config":     "it is given once, before the other flags of kubeadm",
		"dry-run":    "--dry-run belongs to podsec-k8s here",
	}
}

// A setting is a flag's value on its way into the configuration.
type setting struct {
	kind  string
	path  []string
	value any
}

// kubeadmArgs is what flags of kubeadm come to.
type kubeadmArgs struct {
	settings []setting // into the configuration
	pass     []string  // on to kubeadm as they are
}

// parseKubeadmArgs sorts flags of kubeadm by those that are known. Whether kubeadm knows what
// is passed on is for it to say.
func parseKubeadmArgs(known []kubeadmFlag, args []string) (kubeadmArgs, error) {
	var parsed kubeadmArgs
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !strings.HasPrefix(args[i], "--") {
			parsed.pass = append(parsed.pass, args[i])
			continue
		}
		if why, ok := ownedFlags()[name]; ok {
			return parsed, &host.Fault{
				Err:    fmt.Errorf("kubeadm's flag --%s can't be used for a rootless node: %s", name, why),
				Remedy: "leave out --" + name,
			}
		}
		flag, ok := findFlag(known, name)
		if !ok {
			parsed.pass = append(parsed.pass, args[i])
			continue
		}
		if !inline {
			if i++; i == len(args) {
				return parsed, flagFault(name, fmt.Errorf("it needs a value"))
			}
			value = args[i]
		}
		set, err := flag.parse(value)
		if err != nil {
			return parsed, flagFault(name, err)
		}
		parsed.settings = append(parsed.settings, setting{flag.kind, flag.path, set})
	}
	return parsed, nil
}

func flagFault(name string, err error) error {
	return &host.Fault{Err: fmt.Errorf("flag --%s: %w", name, err), Remedy: "see kubeadm init --help"}
}

func findFlag(known []kubeadmFlag, name string) (kubeadmFlag, bool) {
	for _, flag := range known {
		if flag.name == name {
			return flag, true
		}
	}
	return kubeadmFlag{}, false
}

func (f kubeadmFlag) parse(text string) (any, error) {
	switch f.form {
	case formNumber:
		return strconv.Atoi(text)
	case formList:
		var list []any
		for word := range strings.SplitSeq(text, ",") {
			list = append(list, word)
		}
		return list, nil
	case formGates:
		return parseGates(text)
	default:
		return text, nil
	}
}

func parseGates(text string) (any, error) {
	gates := document{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		on, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("%q is not NAME=true or NAME=false", pair)
		}
		gates[name] = on
	}
	return gates, nil
}

// apply puts the settings into a configuration. A list is added to what is
// there: a flag skips no less than our own configuration does.
func (a kubeadmArgs) apply(c kubeadmConfig) {
	for _, s := range a.settings {
		put(c[s.kind], mergeValue(lookup(c[s.kind], s.path...), s.value), s.path...)
	}
}

// unknownFlags tells which of the passed flags kubeadm's own help does not
// name.
func (a kubeadmArgs) unknownFlags(help string) []string {
	var unknown []string
	for _, arg := range a.pass {
		name, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(name, "-") && !knownFlag(help, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// knownFlag looks for a flag in a help text, as a word of its own.
func knownFlag(help, name string) bool {
	for word := range strings.FieldsSeq(help) {
		if strings.TrimRight(word, ",") == name {
			return true
		}
	}
	return false
}
