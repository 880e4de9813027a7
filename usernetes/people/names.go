package people

import (
	"regexp"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// plainName is the form of a user's and of a group's name: small letters of ASCII,
// digits, dots and hyphens. It has no colon, as every name of system: and of kubeadm:
// does, and no letter that only looks like another one.
var plainName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// maxPlainName is how many bytes one has at most: it is the value of a label, too.
// Source: the Kubernetes documentation, "Labels and Selectors".
const maxPlainName = 63

// ownPrefixes begin the names of the cluster's own certificates.
func ownPrefixes() []string { return []string{"kubernetes-", "kube-"} }

// CheckName reports whether a person may have a name. The error is a *Misuse.
func CheckName(name string) error {
	if !isPlain(name) {
		return badName("the user name %q is not allowed", name)
	}
	if slices.ContainsFunc(ownPrefixes(), func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return node.NewMisuse("choose another name", "user names that begin with %s belong to the cluster itself", strings.Join(ownPrefixes(), ", "))
	}
	return nil
}

// CheckGroup reports whether persons may be in a group. The error is a *Misuse.
func CheckGroup(name string) error {
	if !isPlain(name) {
		return badName("the group name %q is not allowed", name)
	}
	return nil
}

func isPlain(name string) bool { return len(name) <= maxPlainName && plainName.MatchString(name) }

func badName(format message.Format, name string) error {
	return node.NewMisuse("use at most 63 lower-case letters a-z, digits, dots and hyphens; names with a colon, such as system:masters, belong to Kubernetes",
		format, host.Printable(name))
}

// CheckNamespace reports whether a text can be a namespace's name. The error is a
// *Misuse. Source: RFC 1123, section 2.1.
func CheckNamespace(name string) error {
	if !node.IsName(name) || strings.Contains(name, ".") {
		return node.NewMisuse("", "%q is not the name of a namespace", host.Printable(name))
	}
	return nil
}

// roleName is what a Role's and a ClusterRole's name may have here. Kubernetes takes
// more, which nobody uses.
var roleName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.:]*[A-Za-z0-9])?$`)

// CheckRole reports whether a text can be a role's name. The error is a *Misuse.
func CheckRole(name string) error {
	if len(name) > node.MaxName || !roleName.MatchString(name) {
		return node.NewMisuse("", "%q is not the name of a role", host.Printable(name))
	}
	return nil
}
