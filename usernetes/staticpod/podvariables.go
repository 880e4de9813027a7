package staticpod

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// NotForService is the remedy for a manifest that asks for what only a container
// can have.
const NotForService = "remove it from the kubeadm configuration or patch; podsec-k8s(8), CONTROL PLANE, lists what can be set"

// A Variable is one of a container's environment.
type Variable struct{ name, value string }

// ContainerEnv reads a container's environment, in order: a value may refer
// to the variables before it. fields are the values that valueFrom may name.
func ContainerEnv(container document.Document, fields map[string]string) (env []Variable, err error) {
	list, _ := container["env"].([]any)
	for _, item := range list {
		entry, _ := item.(document.Document)
		name, _ := entry["name"].(string)
		if name == "" || strings.Contains(name, "=") {
			return nil, host.NewFault(NotForService, "its env has an entry %v without a name", item)
		}
		value := fmt.Sprint(entry["value"])
		if entry["value"] == nil {
			value = ""
		}
		if from := entry["valueFrom"]; from != nil {
			if value, err = fieldValue(from, fields); err != nil {
				return nil, host.NewFault(NotForService, "its variable %s: %w", name, err)
			}
		}
		env = append(env, Variable{name, expand(value, env)})
	}
	return env, nil
}

// fieldValue reads valueFrom, which a static pod may have for its own fields
// alone. Source: the Kubernetes documentation, "Downward API".
func fieldValue(from any, fields map[string]string) (string, error) {
	source, _ := from.(document.Document)
	ref, _ := source["fieldRef"].(document.Document)
	field, _ := ref["fieldPath"].(string)
	value, ok := fields[field]
	if !ok || len(source) != 1 {
		return "", message.Errorf("valueFrom %v is not available in a service", from)
	}
	return value, nil
}

// FieldValues lists the fields of the pod that its variables may have.
func (m Manifest) FieldValues(n node.Node) map[string]string {
	metadata, _ := m.pod["metadata"].(document.Document)
	text := func(key string) string { value, _ := metadata[key].(string); return value }
	ip := n.IP.String()
	return map[string]string{
		"metadata.name": mirrorName(text("name"), n), "metadata.namespace": text("namespace"),
		"metadata.uid": standInUID(m), "spec.nodeName": n.Name, "spec.serviceAccountName": "",
		"status.hostIP": ip, "status.hostIPs": ip, "status.podIP": ip, "status.podIPs": ip,
	}
}

// expand replaces $(NAME) by the variable's value. $$ stands for $, and a
// name that is not known stays as it is.
// Source: the Kubernetes API reference, Container, "args".
func expand(text string, env []Variable) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, ")")
		switch {
		case strings.HasPrefix(rest, "$"):
			out.WriteString("$")
			text = rest[1:]
		case strings.HasPrefix(rest, "(") && closed:
			out.WriteString(variableValue(name[1:], env))
			text = after
		default:
			out.WriteString("$")
			text = rest
		}
	}
}

func variableValue(name string, env []Variable) string {
	for _, v := range slices.Backward(env) {
		if v.name == name {
			return v.value
		}
	}
	return "$(" + name + ")"
}
