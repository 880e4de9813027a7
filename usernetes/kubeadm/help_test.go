package kubeadm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// helpOf reads what the help of a kubeadm says of its flags.
func helpOf(t *testing.T, minor, command string) Help {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "kubeadm-"+minor, command+".help"))
	if err != nil {
		t.Fatal(err)
	}
	return parseHelp(string(data))
}

func TestKubeadmHelpSort(t *testing.T) {
	for _, minor := range deps.Minors() {
		for _, c := range []struct {
			name, command, args string
			flags, words        string
			says                string // of a misuse
		}{
			{"nothing", "init", "", "", "", ""},
			{"inline and apart", "init", "--node-name=a --image-repository b", "--node-name=a --image-repository=b", "", ""},
			{"a value like a flag", "init", "--node-name --v", "--node-name=--v", "", ""},
			{"switches", "init", "--skip-token-print --skip-certificate-key-print=true", "--skip-token-print --skip-certificate-key-print=true", "", ""},
			{"a letter", "init", "-v 5 -v=4 -v3", "--v=5 --v=4 --v=3", "", ""},
			{"words among flags", "join", "a:1 --node-name b c", "--node-name=b", "a:1 c", ""},
			{"after the dashes", "join", "-- --node-name b", "", "--node-name b", ""},
			{"a dash alone", "join", "-", "", "-", ""},
			{"an unknown flag", "init", "--nope=1", "", "", "flag --nope"},
			{"an unknown letter", "init", "-n", "", "", "flag -n"},
			{"letters in one", "init", "-nope", "", "", "flag -nope"},
			{"too many dashes", "init", "---node-name=a", "", "", "---node-name"},
			{"no value", "init", "--node-name", "", "", "--node-name needs a value"},
			{"an empty value", "init", "--node-name=", "", "", "--node-name needs a value"},
			{"no number", "init", "-v x", "", "", `--v: "x" is not of the type Level`},
			{"no duration", "token-create", "--ttl 1", "", "", `--ttl: "1" is not of the type duration`},
			{"less than no time", "token-create", "--ttl -5h", "", "", `--ttl: "-5h" is not of the type duration`},
			{"less than no time for the first token", "init", "--token-ttl=-1s", "", "", `--token-ttl: "-1s" is not of the type duration`},
			{"no truth", "init", "--skip-token-print=x", "", "", "not true or false"},
			{"none of the forms", "token-list", "-o yml", "", "", `"yml" is not one of text, json`},
			{"a form with more", "token-list", "-o jsonpath={.a}", "=jsonpath={.a}", "", ""},
		} {
			t.Run(minor.Version+" "+c.name, func(t *testing.T) {
				flags, words, err := helpOf(t, minor.Version, c.command).Sort(strings.Fields(c.args))
				var m *node.Misuse
				if c.says != "" {
					if !errors.As(err, &m) || !strings.Contains(err.Error(), c.says) {
						t.Errorf("got %v, want a misuse that says %q", err, c.says)
					}
					return
				}
				if got := strings.Join(flags, " "); err != nil || !strings.HasSuffix(got, c.flags) || strings.Join(words, " ") != c.words {
					t.Errorf("flags %q, words %q, %v", flags, words, err)
				}
			})
		}
	}
}

func TestKubeadmPhases(t *testing.T) {
	for _, minor := range deps.Minors() {
		h := helpOf(t, minor.Version, "init")
		for _, phase := range []string{"certs", "certs/ca", "addon/coredns", "addon", "certs/all", "wait-control-plane"} {
			if err := h.CheckPhases([]string{"--skip-phases=preflight," + phase}); err != nil {
				t.Error(minor.Version, err)
			}
		}
		for _, phase := range []string{"", "ca", "coredns", "certs/coredns", "nope"} {
			if err := h.CheckPhases([]string{"--skip-phases=preflight," + phase}); err == nil {
				t.Errorf("%s: phase %q was taken", minor.Version, phase)
			}
		}
	}
}

// TestEveryFlagIsSettled: each flag of kubeadm is ours, is owned with a reason, is
// a setting, goes on to kubeadm, or is one that kubeadm refuses beside a
// configuration. A new flag of a new minor is to be looked at.
func TestEveryFlagIsSettled(t *testing.T) {
	refused := map[string][]string{
		"init": {"add-dir-header", "log-file-max-size", "one-output", "vmodule"},
		"join": {"add-dir-header", "log-file-max-size", "one-output", "vmodule", "discovery-file", "discovery-token", "discovery-token-unsafe-skip-ca-verification", "tls-bootstrap-token"},
	}
	ours := map[string][]string{
		"init": {"help", "config", "dry-run", "upload-certs"},
		"join": {"help", "config", "dry-run", "token", "control-plane", "certificate-key", "discovery-token-ca-cert-hash"},
	}
	for _, minor := range deps.Minors() {
		for command, known := range map[string][]Flag{"init": InitFlags(), "join": JoinFlags()} {
			for name := range helpOf(t, minor.Version, command).flags {
				if slices.Contains(ours[command], name) {
					continue
				}
				_, err := ParseArgs(known, []string{"--" + name + "=x"})
				beside := err != nil && strings.Contains(err.Error(), "together with the configuration")
				if beside != slices.Contains(refused[command], name) {
					t.Errorf("%s: kubeadm %s --%s: %v", minor.Version, command, name, err)
				}
			}
		}
	}
}
