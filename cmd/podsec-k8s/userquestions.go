package main

import (
	"context"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/people"
)

// askMaster asks for the access to the cluster, which a control plane has.
func askMaster(ctx context.Context) (usernetes.NodeAccess, error) {
	access, err := accessQuestion.ask(ctx, nothing{})
	if err == nil {
		err = checkReach(ctx, access)
	}
	if err == nil && !access.Master {
		err = node.NotMaster()
	}
	return access, err
}

// asCluster does something as the cluster's administrator, in the part of u7s-admin.
func asCluster[Answer any](do func(*kubeapi.Client) (Answer, error)) (a Answer, err error) {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return a, err
	}
	return do(api)
}

// A signedRequest is what the cluster has made of a request.
type signedRequest struct {
	Certificate []byte // PEM
}

// signQuestion has the cluster sign a request. Root checks the certificate by the
// key.
var signQuestion = question[people.Request, signedRequest]{
	name: "sign-user", timeout: 2 * time.Minute,
	handle: func(ctx context.Context, r people.Request) (s signedRequest, err error) {
		s.Certificate, err = asCluster(func(api *kubeapi.Client) ([]byte, error) { return people.Sign(ctx, api, r) })
		return s, err
	},
	check: func(signedRequest) error { return nil },
}

// userTimeout is how long a question about users may take.
const userTimeout = time.Minute

// A bindRequest gives a user a role, or takes it.
type bindRequest struct {
	Binding people.Binding
	Take    bool
}

// A bindAnswer reports whether the user had not the role.
type bindAnswer struct{ Fresh bool }

// bindQuestion gives a user a role, or takes it.
var bindQuestion = question[bindRequest, bindAnswer]{
	name: "bind-user", timeout: userTimeout,
	handle: func(ctx context.Context, r bindRequest) (a bindAnswer, err error) {
		a.Fresh, err = asCluster(func(api *kubeapi.Client) (bool, error) {
			if r.Take {
				return false, people.Unbind(ctx, api, r.Binding)
			}
			return people.Bind(ctx, api, r.Binding)
		})
		return a, err
	},
	check: func(bindAnswer) error { return nil },
}

// usersQuestion asks for the users that there are.
var usersQuestion = question[nothing, []people.Listed]{
	name: "list-users", timeout: userTimeout,
	handle: func(ctx context.Context, _ nothing) ([]people.Listed, error) {
		return asCluster(func(api *kubeapi.Client) ([]people.Listed, error) { return people.List(ctx, api) })
	},
	check: func(all []people.Listed) error {
		for _, l := range all {
			if err := l.Check(); err != nil {
				return message.Errorf("checking the list of users: %w", err)
			}
		}
		return nil
	},
}

// rightsQuestion asks what a user may do. What it answers is only shown.
var rightsQuestion = question[people.Try, people.Rights]{
	name: "user-rights", timeout: userTimeout,
	handle: func(ctx context.Context, t people.Try) (people.Rights, error) {
		return asCluster(func(api *kubeapi.Client) (people.Rights, error) { return people.Can(ctx, api, t) })
	},
	check: func(people.Rights) error { return nil },
}

// revokeQuestion revokes a user.
var revokeQuestion = question[string, people.Revocation]{
	name: "revoke-user", timeout: userTimeout,
	handle: func(ctx context.Context, name string) (people.Revocation, error) {
		return asCluster(func(api *kubeapi.Client) (people.Revocation, error) { return people.Revoke(ctx, api, name) })
	},
	check: people.Revocation.Check,
}
