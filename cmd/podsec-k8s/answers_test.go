package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/people"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// answersOf has each answer, full and empty.
func answersOf(t *testing.T) map[string]any {
	t.Helper()
	report, err := deps.Verify(t.Context(), []deps.Pin{{Name: "etcd", Why: "keeps the cluster"}}, stockedFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	return map[string]any{
		"status": answerOf(status.Status{
			State: status.StateRunning, Name: "m1", Kubernetes: "1.26",
			Units:  []status.UnitStatus{{Unit: "u7s-etcd.service", State: "active", Since: noon}},
			Faults: []node.Problem{{Fault: message.Of("a & b < c"), Remedy: message.Of("x: y")}},
		}),
		"status of nothing": answerOf(status.Status{}),
		"host":              changesOf([]host.Change{host.Link{Path: "/a", Target: "/b"}}),
		"host of nothing":   changesOf(nil),
		"deps list":         pinsAnswer{typed{"PinList", apiVersion}, "1.26", []deps.Pin{{Name: "etcd"}}},
		"deps verify":       reportAnswer{typed{"PinReport", apiVersion}, "1.26", report},
		"images":            imagesOf([]string{"registry.example/pause:3.9"}),
		"no images":         imagesOf(nil),
		"token":             tokenOf(usernetes.Token{Token: "abcdef.0123456789abcdef"}),
		"join":              joinOf(kubeadm.JoinTicket{Endpoint: "192.0.2.1:6443", Token: "abcdef.0123456789abcdef", CAHashes: []string{"sha256:00"}}),
		"tokens":            tokensOf([]kubeadm.ListedToken{{Token: "abcdef.0123456789abcdef"}, {Expires: noon}}),
		"no tokens":         tokensOf(nil),
		"version":           versionOf(),
		"users": usersOf([]people.Listed{
			{Name: "anna", User: people.User{Certificates: []people.Certificate{{Groups: []string{"dev"}, Until: noon}}}, Bindings: []people.Binding{{User: "anna", Kind: "Role", Role: "own", Namespace: "shop"}}},
			{Name: "boris", User: people.User{Revoked: noon}},
		}, noon),
		"no users":       usersOf(nil, noon),
		"review":         rightsOf(people.Try{User: "anna", Verb: "get", Resource: "pods"}, people.Rights{}),
		"rights":         rightsOf(people.Try{User: "anna"}, people.Rights{Rules: []people.Rule{{Resources: []string{"pods"}}}}),
		"rights of none": rightsOf(people.Try{User: "anna"}, people.Rights{}),
	}
}

var (
	camelCase = regexp.MustCompile(`^[a-z]+([A-Z]+[a-z]+)*$`)
	begins    = regexp.MustCompile(`^kind: [A-Z][A-Za-z]+\napiVersion: podsec-k8s/v1\n`)
)

// TestAnswers: an answer in JSON is one line, begins with its kind and version,
// has names as the API of Kubernetes has them, lists that are never null, and
// times of RFC 3339. In YAML it has the same.
func TestAnswers(t *testing.T) {
	for name, data := range answersOf(t) {
		t.Run(name, func(t *testing.T) {
			asJSON, err := encodeJSON(data)
			if err != nil {
				t.Fatal(err)
			}
			asYAML, err := encodeYAML(data)
			if err != nil {
				t.Fatal(err)
			}
			var inJSON, inYAML any
			if err := json.Unmarshal(asJSON, &inJSON); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(asYAML, &inYAML); err != nil {
				t.Fatal(err)
			}
			checkForm(t, "", inJSON)
			if !begins.Match(asYAML) || bytes.Count(asJSON, []byte("\n")) != 1 {
				t.Errorf("%s\n%s", asJSON, asYAML)
			}
			if a, b := fmt.Sprintf("%#v", inJSON), fmt.Sprintf("%#v", inYAML); !reflect.DeepEqual(inJSON, inYAML) {
				t.Errorf("JSON has\n%s\nYAML has\n%s", a, b)
			}
			if strings.Contains(string(asYAML), "{") && !strings.Contains(string(asYAML), "{}") {
				t.Errorf("it is JSON in YAML: %s", asYAML)
			}
		})
	}
}

// checkForm looks at every name and value.
func checkForm(t *testing.T, at string, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		t.Errorf("%s is null", at)
	case map[string]any:
		for name, below := range v {
			if !camelCase.MatchString(name) {
				t.Errorf("the name %q below %q", name, at)
			}
			checkForm(t, at+"."+name, below)
		}
	case []any:
		for _, one := range v {
			checkForm(t, at+"[]", one)
		}
	case string:
		if strings.HasSuffix(at, ".since") || strings.HasSuffix(at, ".expires") {
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				t.Errorf("%s: %v", at, err)
			}
		}
	}
}

// TestAnswerInYAML shows one as it is printed.
func TestAnswerInYAML(t *testing.T) {
	got, err := encodeYAML(tokensOf([]kubeadm.ListedToken{{Token: "abcdef.0123456789abcdef", Description: "1.26", Usages: []string{"signing"}}}))
	const want = `kind: TokenList
apiVersion: podsec-k8s/v1
tokens:
  - token: abcdef.0123456789abcdef
    description: "1.26"
    usages:
      - signing
    groups: []
`
	if err != nil || string(got) != want {
		t.Errorf("got\n%s%v, want\n%s", got, err, want)
	}
}
