package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

func renewCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "renew", Usage: p.help("renews the certificates of this node, also if they have expired"),
		Description: p.help("On a control plane, kubeadm renews all certificates; then etcd, the API server, the controller manager and the scheduler "+
			"restart one after the other, and root's kubeconfigs are written again. Pods keep running. Run it on each control plane, one "+
			"after the other. On a worker the kubelet renews its certificate itself; if it has expired, the node needs a token of a "+
			"control plane. A node that is stopped is started. After a fault, the same command continues.") +
			p.examples("podsec-k8s certs renew", "podsec-k8s certs renew --token-file token"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "token-file", Usage: p.help("`FILE` with a bootstrap token, for a worker whose certificate has expired; - for standard input")},
		},
		Action: func(c *cli.Context) error {
			if err := requireRoot(); err != nil {
				return err
			}
			token, err := renewToken(c, os.Stdin)
			if err != nil {
				return err
			}
			return interruptible(c, p, func() error { return renewCertificates(c.Context, p, token) })
		},
	}
}

// renewToken reads the token, if one is given.
func renewToken(c *cli.Context, stdin io.Reader) (token string, err error) {
	if !c.IsSet("token-file") {
		return "", nil
	}
	lines := bufio.NewReader(io.LimitReader(stdin, secretLimit))
	if err := readSecret(secret{"token", &token}, c.String("token-file"), lines); err != nil {
		return "", err
	}
	if !kubeadm.BootstrapToken.MatchString(token) {
		return "", misuse("the file of --token-file does not contain a token")
	}
	return token, nil
}

// A renewRequest is what root asks of u7s-admin. The token is secret.
type renewRequest struct{ Token string }

// renewTask makes the certificates of the node anew.
var renewTask = task[renewRequest]{
	name: "renew",
	handle: func(ctx context.Context, p *printer, r renewRequest) error {
		return usernetes.RenewCertificates(ctx, r.Token, p, newKubeadmFilter(os.Stdout))
	},
}

// renewCertificates is root's part of it. A guard that can't bring the node up stops
// it again and again: it rests meanwhile.
func renewCertificates(ctx context.Context, p *printer, token string) error {
	unlock, err := lockNode(ctx, p)
	if err != nil {
		return err
	}
	defer unlock()
	state, err := stateQuestion.ask(ctx, nil)
	if err != nil {
		return err
	}
	rests := false
	if state.Finished { // what was never finished, u7s-admin's part says
		if rests, err = restGuard(ctx); err != nil {
			return err
		}
	}
	failed := renewTask.runScoped(ctx, renewRequest{token})
	if rests {
		failed = errors.Join(failed, withGuard(context.WithoutCancel(ctx), (*host.Manager).Start))
	}
	if failed != nil {
		return failed
	}
	access, err := accessQuestion.ask(ctx, nothing{})
	if err != nil {
		return err
	}
	if !access.Master {
		p.say("The kubelet of a worker renews its certificate itself. To see until when it is valid: podsec-k8s certs status")
		return nil
	}
	if err := refreshKubeconfigs(p, access.Access); err != nil {
		return err
	}
	p.say("The certificates are renewed. To see until when they are valid: podsec-k8s certs status")
	return nil
}

// restGuard stops a guard that does not run well. rests reports that it has to be
// started again.
func restGuard(ctx context.Context) (rests bool, err error) {
	err = askSystem(ctx, func(m *host.Manager) error {
		s, err := m.State(ctx, units.Guard)
		rests = s.Active != "active"
		return err
	})
	if err != nil || !rests {
		return rests, err
	}
	return true, stopGuard(ctx)
}
