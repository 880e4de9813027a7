package staticpod

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// A fieldRule says what a field of a component's pod may be: anything where
// values is nil, else one of them. A field without a rule is refused.
type fieldRule struct {
	name   string
	values []any
}

// podRules lists the fields of a pod's spec that hold for a service, or make
// no difference to one. Source: the Kubernetes API reference, PodSpec.
func podRules() []fieldRule {
	return []fieldRule{
		{"containers", nil},
		{"volumes", nil},
		{"securityContext", nil},
		{"hostNetwork", []any{true}},
		{"hostPID", nil},
		{"hostIPC", nil},
		{"hostUsers", []any{true}},
		{"dnsPolicy", []any{"Default", "ClusterFirst"}}, // with hostNetwork both are the node's own
		{"restartPolicy", []any{"Always"}},
		{"priority", nil},
		{"priorityClassName", nil},
		{"preemptionPolicy", nil},
		{"schedulerName", nil},
		{"nodeName", nil},
		{"nodeSelector", nil},
		{"affinity", nil},
		{"tolerations", nil},
		{"topologySpreadConstraints", nil},
		{"terminationGracePeriodSeconds", nil},
		{"enableServiceLinks", nil},
		{"automountServiceAccountToken", nil},
		{"imagePullSecrets", nil},
		{"os", nil},
		{"resources", nil},
		{"shareProcessNamespace", []any{false}},
	}
}

// containerRules lists those of its container. The image is not used: the
// program is the package's. Source: the Kubernetes API reference, Container.
func containerRules() []fieldRule {
	return []fieldRule{
		{"name", nil},
		{"image", nil},
		{"imagePullPolicy", nil},
		{"command", nil},
		{"args", nil},
		{"env", nil},
		{"workingDir", nil},
		{"volumeMounts", nil},
		{"ports", nil},
		{"resources", nil},
		{"resizePolicy", nil},
		{"securityContext", nil},
		{"livenessProbe", nil},
		{"readinessProbe", nil},
		{"startupProbe", nil},
		{"terminationMessagePath", nil},
		{"terminationMessagePolicy", nil},
		{"stdin", []any{false}},
		{"tty", []any{false}},
		{"envFrom", []any{[]any{}}},
	}
}

// securityRules lists those of securityContext, of pod and container: a
// service is the root of a user namespace, gains no privileges, and has no
// seccomp profile of its own. Kubeadm asks for RuntimeDefault everywhere.
func securityRules() []fieldRule {
	return []fieldRule{
		{"seccompProfile", []any{document.Document{"type": "RuntimeDefault"}, document.Document{"type": "Unconfined"}}},
		{"runAsUser", []any{0}},
		{"runAsGroup", []any{0}},
		{"runAsNonRoot", []any{false}},
		{"privileged", []any{false}},
		{"allowPrivilegeEscalation", []any{false}},
		{"readOnlyRootFilesystem", []any{false}},
		{"procMount", []any{"Default"}},
	}
}

// checkFields refuses what only a container can have.
func (m Manifest) checkFields() error {
	spec, _ := m.pod["spec"].(document.Document)
	if spec["hostNetwork"] != true {
		return host.NewFault(NotForService, "it is not in the node's network: hostNetwork is not true")
	}
	if refused := RefusedFields(m.pod); len(refused) > 0 {
		return host.NewFault(NotForService, "a service cannot have %s", strings.Join(refused, ", "))
	}
	return nil
}

// RefusedFields lists the fields of a component's pod, or of a part of one,
// that a service can't have.
func RefusedFields(pod document.Document) []string {
	spec, _ := pod["spec"].(document.Document)
	refused := brokenRules("spec", spec, podRules())
	refused = append(refused, brokenRules("spec.securityContext", Nested(spec, "securityContext"), securityRules())...)
	containers, _ := spec["containers"].([]any)
	for i, item := range containers {
		container, _ := item.(document.Document)
		path := fmt.Sprintf("spec.containers[%d]", i)
		refused = append(refused, brokenRules(path, container, containerRules())...)
		refused = append(refused, brokenRules(path+".securityContext", Nested(container, "securityContext"), securityRules())...)
		for _, key := range []string{"livenessProbe", "readinessProbe"} {
			if Nested(container, key)["exec"] != nil {
				refused = append(refused, path+"."+key+".exec")
			}
		}
	}
	return refused
}

// Nested returns the mapping below a key; it may be nil.
func Nested(doc document.Document, key string) document.Document {
	value, _ := doc[key].(document.Document)
	return value
}

// brokenRules lists the fields of a mapping that the rules don't let be, in
// order. A field that is null is not there.
func brokenRules(path string, doc document.Document, rules []fieldRule) (broken []string) {
	for key, value := range doc {
		if value == nil {
			continue
		}
		at := slices.IndexFunc(rules, func(r fieldRule) bool { return r.name == key })
		switch {
		case at < 0:
			broken = append(broken, path+"."+key)
		case rules[at].values != nil && !slices.ContainsFunc(rules[at].values, func(v any) bool { return reflect.DeepEqual(v, value) }):
			broken = append(broken, fmt.Sprintf("%s.%s: %v", path, key, value))
		}
	}
	slices.Sort(broken)
	return broken
}
