package people

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A role is a ClusterRole. Source: the Kubernetes API reference, ClusterRole v1.
type role struct {
	Metadata struct{ Name string }
	Rules    []struct {
		APIGroups       []string `yaml:"apiGroups"`
		Resources       []string `yaml:"resources"`
		ResourceNames   []string `yaml:"resourceNames"`
		NonResourceURLs []string `yaml:"nonResourceURLs"`
		Verbs           []string `yaml:"verbs"`
	}
}

func readRoles(t *testing.T) (all []role) {
	t.Helper()
	for text := range strings.SplitSeq(ReadyRoles, "\n---\n") {
		var r role
		d := yaml.NewDecoder(strings.NewReader(text))
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// table has a role as docs/roles.md does: a row for each API group, resource and
// what may be done to it.
func (r role) table() string {
	text := "| API group | resource | verbs |\n|---|---|---|\n"
	for _, rule := range r.Rules {
		for _, group := range append(rule.APIGroups, "")[:max(1, len(rule.APIGroups))] {
			for _, thing := range slices.Concat(rule.Resources, rule.NonResourceURLs) {
				if group == "" {
					group = "–"
				}
				verbs := strings.Join(rule.Verbs, ", ")
				if len(rule.ResourceNames) > 0 {
					verbs += "; only " + strings.Join(rule.ResourceNames, ", ")
				}
				text += fmt.Sprintf("| %s | %s | %s |\n", group, thing, verbs)
			}
		}
	}
	return text
}

// TestRolesAreDocumented: docs/roles.md has the table of each ready role, and of no
// other.
func TestRolesAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/roles.md")
	if err != nil {
		t.Fatal(err)
	}
	roles := readRoles(t)
	for _, r := range roles {
		_, section, found := strings.Cut(string(data), "\n## "+r.Metadata.Name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if want := r.table(); !found || !strings.HasSuffix(section, "\n\n"+want) {
			t.Errorf("docs/roles.md has not, at the end of the section %s:\n%s", r.Metadata.Name, want)
		}
	}
	if sections := strings.Count(string(data), "\n## podsec-k8s:"); sections != 4 || len(roles) != 4 {
		t.Errorf("%d sections, %d roles", sections, len(roles))
	}
}

// TestRolesHaveTheirBounds: nobody but the developer of a namespace sees secrets, the
// auditor changes nothing, and no role gives what it has not by escalate, impersonate
// or a wildcard.
func TestRolesHaveTheirBounds(t *testing.T) {
	for _, r := range readRoles(t) {
		for _, rule := range r.Rules {
			all := slices.Concat(rule.APIGroups, rule.Resources, rule.NonResourceURLs, rule.Verbs)
			for _, word := range []string{"*", "escalate", "impersonate", "approve", "nodes/proxy", "serviceaccounts/token"} {
				if slices.Contains(all, word) {
					t.Errorf("%s has %s", r.Metadata.Name, word)
				}
			}
			if slices.Contains(rule.Resources, "secrets") && r.Metadata.Name != "podsec-k8s:developer" {
				t.Errorf("%s sees secrets", r.Metadata.Name)
			}
			for _, verb := range rule.Verbs {
				if r.Metadata.Name == "podsec-k8s:auditor" && !slices.Contains([]string{"get", "list", "watch"}, verb) {
					t.Errorf("%s may %s", r.Metadata.Name, verb)
				}
			}
			if slices.Contains(rule.Verbs, "bind") && len(rule.ResourceNames) == 0 {
				t.Errorf("%s may bind any role", r.Metadata.Name)
			}
		}
	}
}
