package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Mode is what is written into the audit log.
type Mode string

// The modes.
const (
	Metadata Mode = "metadata" // who did what
	Requests Mode = "requests" // and the bodies of what is written
	Off      Mode = "off"      // nothing: there is no log
	Own      Mode = "file"     // by a policy of the site's
	Other    Mode = "other"    // by arguments that podsec-k8s did not set
)

// Default is the mode of a new cluster whose configuration says nothing of it.
const Default = Metadata

// Log is the audit log, in the node as on the host. The files that it was renamed to
// are beside it.
const Log = units.AuditDir + "/audit.log"

// policies is the package's folder of policies, and ownPolicies the node's own.
// It is the node's alone, whatever the host has there.
const (
	policies    = node.ShareDir + "/audit"
	ownPolicies = node.PolicyDir + "/audit-"
)

// A Setting is how an audit log is to be written.
type Setting struct {
	Mode   Mode          // "" where nobody has asked for one
	Policy []byte        // of the mode Own
	Log    node.AuditLog // how it is renamed
}

// SettingOf reads what a call asks for: a mode, or a policy that read reads.
func SettingOf(word string, read func(path string) ([]byte, error)) (Setting, error) {
	if slices.Contains([]Mode{Metadata, Requests, Off}, Mode(word)) {
		return Setting{Mode: Mode(word)}, nil
	}
	policy, err := read(word)
	if err != nil {
		return Setting{}, host.NewFault("specify metadata, requests, off or a policy file that exists", "reading the audit policy: %w", err)
	}
	return Setting{Mode: Own, Policy: policy}, checkPolicy(word, policy)
}

// maxPolicy is how many bytes a policy may have: it is kept in a ConfigMap, which
// has 1 MiB.
const maxPolicy = 512 << 10

// checkPolicy looks at what kube-apiserver would not start with.
// Source: the reference page of audit.k8s.io/v1; apiserver's pkg/apis/audit/validation.
func checkPolicy(name string, data []byte) error {
	wrong := func(format message.Format, args ...any) error {
		return host.NewFault("correct the file; the Kubernetes documentation, Auditing, describes it", "audit policy %q: %w", name, message.Errorf(format, args...))
	}
	var p struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Rules      []struct {
			Level string `yaml:"level"`
		} `yaml:"rules"`
	}
	switch err := yaml.Unmarshal(data, &p); {
	case len(data) > maxPolicy:
		return wrong("it is larger than %d bytes", maxPolicy)
	case err != nil:
		return wrong("%w", err)
	case p.APIVersion != "audit.k8s.io/v1" || p.Kind != "Policy":
		return wrong("it is not a Policy of audit.k8s.io/v1")
	case len(p.Rules) == 0:
		return wrong("it has no rules")
	}
	for i, rule := range p.Rules {
		if !slices.Contains([]string{"None", "Metadata", "Request", "RequestResponse"}, rule.Level) {
			return wrong("rule %d has the unknown level %q", i+1, rule.Level)
		}
	}
	return nil
}

// PolicyPath is where kube-apiserver reads the policy, in the node. That of the site
// is named by what is in it: with another one, kube-apiserver's manifest is another.
func (s Setting) PolicyPath() string {
	if s.Mode == Own {
		sum := sha256.Sum256(s.Policy)
		return ownPolicies + hex.EncodeToString(sum[:8]) + ".yaml"
	}
	return path.Join(policies, string(s.Mode)+".yaml")
}

// Names of the object that keeps a site's policy in the cluster, for control planes that
// join and for backups.
const (
	PolicyObject     = "podsec-k8s-audit"
	PolicyObjectPath = "/api/v1/namespaces/kube-system/configmaps/" + PolicyObject
	PolicyKey        = "policy.yaml"
)

// IsPolicyOf reports whether a site's policy is the one that a configuration names.
func IsPolicyOf(path string, policy []byte) bool {
	return Setting{Mode: Own, Policy: policy}.PolicyPath() == path
}

// IsOwnPolicy reports whether a path of the node is that of a site's policy, which
// podsec-k8s puts there.
func IsOwnPolicy(path string) bool { return strings.HasPrefix(path, ownPolicies) }
