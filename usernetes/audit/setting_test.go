package audit

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
)

const goodPolicy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"

// TestSettingOf: a word is a mode, or the path of a policy that kube-apiserver would
// take.
func TestSettingOf(t *testing.T) {
	for word, want := range map[string]Mode{"metadata": Metadata, "requests": Requests, "off": Off, "good": Own} {
		s, err := SettingOf(word, func(string) ([]byte, error) { return []byte(goodPolicy), nil })
		if err != nil || s.Mode != want || (len(s.Policy) > 0) != (want == Own) {
			t.Errorf("%s: %+v, %v", word, s, err)
		}
	}
	for text, says := range map[string]string{
		"":          "reading the audit policy",
		"a: [":      "yaml",
		"kind: Pod": "it is not a Policy",
		"apiVersion: audit.k8s.io/v1beta1\nkind: Policy":                                       "it is not a Policy",
		"apiVersion: audit.k8s.io/v1\nkind: Policy":                                            "it has no rules",
		"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}, {level: metadata}]": `rule 2 has the unknown level "metadata"`,
		goodPolicy + "#" + strings.Repeat("x", maxPolicy):                                      "it is larger than",
	} {
		_, err := SettingOf("policy.yaml", func(string) ([]byte, error) {
			if text == "" {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		})
		var f *host.Fault
		if !errors.As(err, &f) || f.Remedy.Empty() || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v, want %q", text, err, says)
		}
	}
}

// TestOwnPolicies: with another content a policy has another path, so the manifest of
// kube-apiserver is another.
func TestOwnPolicies(t *testing.T) {
	a, b := Setting{Mode: Own, Policy: []byte("a")}.PolicyPath(), Setting{Mode: Own, Policy: []byte("b")}.PolicyPath()
	if a == b || !IsOwnPolicy(a) || IsOwnPolicy(Setting{Mode: Metadata}.PolicyPath()) {
		t.Errorf("%s, %s", a, b)
	}
}

type rule struct {
	Level           string
	Verbs           []string
	Users           []string
	UserGroups      []string   `yaml:"userGroups"`
	NonResourceURLs []string   `yaml:"nonResourceURLs"`
	Resources       []resource `yaml:"resources"`
}

type resource struct {
	Group     string
	Resources []string
}

// TestPolicies: no rule of ours lets a body of a secret into the log, by whichever
// rule is the first to fit.
func TestPolicies(t *testing.T) {
	for _, mode := range []Mode{Metadata, Requests} {
		data, err := os.ReadFile("../../units/share/audit/" + string(mode) + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := checkPolicy(string(mode), data); err != nil {
			t.Error(err)
		}
		var policy struct {
			OmitStages []string `yaml:"omitStages"`
			Rules      []rule
		}
		if err := yaml.Unmarshal(data, &policy); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []struct{ group, name string }{{"", "secrets"}, {"", "serviceaccounts/token"}, {"", "configmaps"}, {"authentication.k8s.io", "tokenreviews"}} {
			for _, level := range levels(policy.Rules, secret.group, secret.name) {
				if level != "Metadata" && level != "None" {
					t.Errorf("%s: bodies of %s may be in the log", mode, secret.name)
				}
			}
		}
		for _, name := range []string{"secrets", "serviceaccounts/token"} {
			if got := levels(policy.Rules, "", name); len(got) != 1 || got[0] != "Metadata" {
				t.Errorf("%s: what is asked of %s is logged by %q", mode, name, got)
			}
		}
		bodies := levels(policy.Rules, "apps", "deployments")
		if got := strings.Contains(strings.Join(bodies, " "), "Request"); got != (mode == Requests) {
			t.Errorf("%s: deployments are logged by %q", mode, bodies)
		}
	}
}

// levels lists by which levels requests for a resource may be logged, up to the rule
// that fits all of them.
func levels(rules []rule, group, name string) (all []string) {
	for _, r := range rules {
		fits := len(r.Resources) == 0 && len(r.NonResourceURLs) == 0
		for _, of := range r.Resources {
			fits = fits || of.Group == group && strings.Contains(" "+strings.Join(of.Resources, " ")+" ", " "+name+" ")
		}
		if !fits {
			continue
		}
		all = append(all, r.Level)
		if len(r.Verbs)+len(r.Users)+len(r.UserGroups) == 0 {
			return all
		}
	}
	return all
}
