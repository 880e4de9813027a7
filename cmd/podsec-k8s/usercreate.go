package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/people"
)

// defaultLifetime is how long a certificate lives, where the site allows that.
const defaultLifetime = 30 * 24 * time.Hour

// createUser is root's part of it. The key is made here, and nobody but the file is
// given it: u7s-admin sees the request alone.
func createUser(c *cli.Context, p *printer) error {
	name, groups := c.Args().First(), c.StringSlice("group")
	if err := checkPerson(name, groups); err != nil {
		return err
	}
	lifetime, err := lifetimeOf(c)
	if err != nil {
		return err
	}
	path, err := newKubeconfig(c.String("out"), name)
	if err != nil {
		return err
	}
	own, err := askMaster(c.Context)
	if err != nil {
		return err
	}
	access, until, err := certified(c.Context, own.Access, name, groups, lifetime)
	if err != nil {
		return err
	}
	data, err := access.UserKubeconfig(name)
	if err != nil {
		return message.Errorf("creating the kubeconfig: %w", err)
	}
	say := p.say
	if path == toStdout {
		say = p.aside
		_, err = p.out.Write(data)
	} else {
		err = host.WriteNewFile(path, data)
	}
	if err != nil {
		return err
	}
	say("The user %s has a certificate until %s.", name, day(until))
	if path != toStdout {
		say("The kubeconfig: %s\nIt contains the key. Give it to this person alone, and delete it here.", path)
	}
	return nil
}

func checkPerson(name string, groups []string) error {
	if err := people.CheckName(name); err != nil {
		return err
	}
	for _, group := range groups {
		if err := people.CheckGroup(group); err != nil {
			return err
		}
	}
	return nil
}

// lifetimeOf is how long the certificate is to live, which the site bounds.
func lifetimeOf(c *cli.Context) (time.Duration, error) {
	most, err := node.LoadUserLifetime(node.SiteDir)
	if err != nil {
		return 0, err
	}
	lifetime := c.Duration("expires")
	switch {
	case !c.IsSet("expires"):
		return min(lifetime, most), nil
	case lifetime > most:
		return 0, node.NewMisuse("choose a shorter time; USER_MAX_LIFETIME in /etc/podsec-k8s/*.conf sets the limit",
			"flag --%s: %w", "expires", message.Errorf("this site allows at most %s", most))
	case lifetime < node.MinUserLifetime:
		return 0, misuse("flag --%s: %w", "expires", message.Errorf("Kubernetes allows no less than %s", node.MinUserLifetime))
	}
	return lifetime, nil
}

// toStdout is the place of a kubeconfig that is to be printed.
const toStdout = "-"

// newKubeconfig is the place of a user's kubeconfig, where nothing may be yet.
func newKubeconfig(path, name string) (string, error) {
	if path == toStdout {
		return path, nil
	}
	if path == "" {
		path = name + ".kubeconfig"
	}
	path, err := newPlace(path)
	if err != nil {
		return "", message.Errorf("writing the kubeconfig: %w", err)
	}
	if exists(path) {
		return "", host.NewFault("delete it, or choose another place: --out FILE", "%s exists and is not overwritten", path)
	}
	return path, nil
}

// certified makes a key, has the cluster certify it, and looks whether it did just
// that.
func certified(ctx context.Context, access kubeapi.Access, name string, groups []string, lifetime time.Duration) (kubeapi.Access, time.Time, error) {
	fault := func(err error) (kubeapi.Access, time.Time, error) { return kubeapi.Access{}, time.Time{}, err }
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fault(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fault(err)
	}
	request, err := people.NewRequest(name, groups, lifetime, key)
	if err != nil {
		return fault(err)
	}
	signed, err := signQuestion.ask(ctx, request)
	if err != nil {
		return fault(err)
	}
	until, err := request.Check(signed.Certificate, access.CA, key, time.Now())
	if err != nil {
		return fault(message.Errorf("checking the certificate: %w", err))
	}
	access.Cert = signed.Certificate
	access.Key = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	return access, until, nil
}

// day is a time as people read it.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
