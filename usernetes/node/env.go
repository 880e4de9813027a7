package node

import (
	"slices"
	"strings"
)

// VariableMap takes an environment apart.
func VariableMap(env []string) map[string]string {
	all := map[string]string{}
	for _, variable := range env {
		key, value, _ := strings.Cut(variable, "=")
		all[key] = value
	}
	return all
}

// MergeVariables lays environments over one another: of a name that comes
// twice the last value holds.
func MergeVariables(layers ...[]string) (env []string) {
	for _, variable := range slices.Concat(layers...) {
		key, _, _ := strings.Cut(variable, "=")
		at := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, key+"=") })
		if at >= 0 {
			env[at] = variable
		} else {
			env = append(env, variable)
		}
	}
	return env
}

// WithoutProxies leaves out the variables of a proxy. The site's settings, and
// a unit's own, take their place, also in what kubeadm once wrote down.
func WithoutProxies(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		key, _, _ := strings.Cut(variable, "=")
		return IsProxyVariable(key)
	})
}
