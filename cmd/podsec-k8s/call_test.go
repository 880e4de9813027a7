package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

// TestWrongValues: values that can't be meant are found in the call itself, by
// the kubeadm of any minor.
func TestWrongValues(t *testing.T) {
	const hash = " --discovery-token-ca-cert-hash sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	calls := []struct{ args, names string }{
		{"create-master --network foo", `--network: "foo" is not one of slirp4netns, pasta, veth`},
		{"create-master --node-ip foo", "--node-ip"},
		{"create-master --ignore-preflight foo", "foo"},
		{"create-master --cri-socket=/x", "--cri-socket"},
		{"create-master --skip-phases=foo", "foo"},
		{"create-master --skip-phases certs/foo", "certs/foo"},
		{"create-master --apiserver-bind-port x", "--apiserver-bind-port"},
		{"create-master --apiserver-bind-port 70000", "--apiserver-bind-port"},
		{"create-master --apiserver-advertise-address x", "--apiserver-advertise-address"},
		{"create-master --pod-network-cidr 10.0.0.0", "--pod-network-cidr"},
		{"create-master --kubernetes-version nonsense", "--kubernetes-version"},
		{"create-master --node-name A_B", "--node-name"},
		{"create-master --certificate-key 00", "--certificate-key"},
		{"create-master --feature-gates A", "--feature-gates"},
		{"create-master --control-plane-endpoint https://x", "--control-plane-endpoint"},
		{"create-master --token-ttl x", "--token-ttl"},
		{"create-master -v x", "--v"},
		{"create-master -nope", "-nope"},
		{"create-master --node-pi 192.0.2.1", "there is no flag --node-pi: did you mean --node-ip?"},
		{"create-master --pod-network-cird 10.0.0.0/16", "did you mean --pod-network-cidr?"},
		{"exec --hepl", "there is no flag --hepl: did you mean --help?"},
		{"create-master --dry-run maybe", "maybe"},
		{"create-master --dry-run=maybe", `flag --dry-run: "maybe" is not true or false`},
		{"create-master -- --node-ip", `"--node-ip"`},
		{"create-master --node-name=", "--node-name"},
		{"join 192.0.2.1:6443", "--token-file is missing"},
		{"join 192.0.2.1:6443 --token-file -", "--discovery-token-ca-cert-hash is missing"},
		{"join 192.0.2.1:6443 --token-file - --control-plane" + hash, "--certificate-key-file is missing"},
		{"join 192.0.2.1:6443 --token-file - --certificate-key-file -" + hash, "is for a control plane"},
		{"join 192.0.2.1:6443 --token-file - --token a" + hash, "use one of them"},
		{"join 192.0.2.1:6443 --token-file - --apiserver-bind-port 7443" + hash, "--apiserver-bind-port"},
		{"join 192.0.2.1:6443 --token-file - --discovery-token x" + hash, "--discovery-token"},
		{"join 192.0.2.1 --token-file -" + hash, "not an address and port"},
		{"join 192.0.2.1:0 --token-file -" + hash, "not an address and port"},
		{"join https://192.0.2.1:6443 --token-file -" + hash, "not an address and port"},
		{"join 192.0.2.1:6443 192.0.2.2:6443 --token-file -" + hash, `"192.0.2.2:6443"`},
		{"join", "ENDPOINT is missing"},
		{"join 192.0.2.1:6443 --network foo", `--network: "foo" is not one of slirp4netns, pasta, veth`},
		{"join 192.0.2.1:6443 --node-ip foo", "--node-ip"},
		{"join 192.0.2.1:6443 --ignore-preflight foo", "foo"},
		{"join 192.0.2.1:6443 --dry-run=maybe", `flag --dry-run: "maybe" is not true or false`},
		{"token create nonsense", "nonsense"},
		{"token create -o nonsense", `--output: "nonsense" is not one of text, json, yaml`},
		{"token create --dry-run -o json", "--output cannot be used with a dry run"},
		{"token create --print-join-command=maybe", `flag --print-join-command: "maybe" is not true or false`},
		{"token create a b", `unexpected argument "b"`},
		{"token create --nope", "there is no flag --nope"},
		{"token delete", "TOKEN is missing"},
		{"image list -o xml", `--output: "xml" is not one of text, json, yaml`},
		{"version --output xml", `--output: "xml" is not one of text, json, yaml`},
		{"completion csh", `"csh"`},
		{"help frob", `"frob"`},
		{"token create --ttl nonsense", "--ttl"},
		{"token delete nonsense", "nonsense"},
		{"token list -o nonsense", "nonsense"},
		{"status -o xml", `"xml" is not one of text, json, yaml`},
		{"host status -o xml", `"xml"`},
		{"host apply -o xml", `"xml"`},
		{"deps verify -o xml /srv", `"xml"`},
		{"deps verify --timeout soon /srv", `flag --timeout: "soon" is no duration`},
		{"deps list --kubernetes 1.2", `"1.2"`},
		{"scriptlet post many", `"many"`},
		{"reset --yes w2", `"w2"`},
		{"exec --nope true", "--nope"},
	}
	for _, minor := range deps.Minors() {
		fakeKubeadm(t, minor)
		for _, c := range calls {
			t.Run(minor.Version+" "+c.args, func(t *testing.T) { expectMisuse(t, wrongCall{strings.Fields(c.args), c.names, ""}) })
		}
	}
}

// TestReadSecrets: a line of standard input for each secret that is to come from
// there, the token's first.
func TestReadSecrets(t *testing.T) {
	const token, key = "abcdef.0123456789abcdef", "0a0a"
	for _, c := range []struct {
		name, args, stdin, token, key string
		fails                         bool
	}{
		{"both", "--token-file - --certificate-key-file -", token + "\n" + key + "\n", token, key, false},
		{"both, as pasted", "--certificate-key-file - --token-file -", "\n  " + token + "\r\n\n  " + key, token, key, false},
		{"the token", "--token-file -", token, token, "", false},
		{"the key", "--token " + token + " --certificate-key-file -", key + "\n", token, key, false},
		{"neither", "--token " + token + " --certificate-key " + key, "", token, key, false},
		{"a line too few", "--token-file - --certificate-key-file -", token + "\n", "", "", true},
		{"nothing", "--token-file -", "\n\n", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var j kubeadm.JoinRequest
			a := &cli.App{Commands: []*cli.Command{{
				Name: "join", Flags: joinFlags(&printer{}),
				Action: func(ctx *cli.Context) error { return readSecrets(ctx, &j, strings.NewReader(c.stdin)) },
			}}, Writer: &bytes.Buffer{}, ErrWriter: &bytes.Buffer{}}
			err := a.RunContext(t.Context(), append([]string{"x", "join"}, strings.Fields(c.args)...))
			if (err != nil) != c.fails || (!c.fails && (j.Token != c.token || j.CertificateKey != c.key)) {
				t.Errorf("%+v, %v", j, err)
			}
		})
	}
}
