package usernetes

import (
	"context"
	"strings"

	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// RunUnit is podsec-k8s unit NAME [ARGS…], which user units run: a service by its
// name, or what helps one. Most programs replace this process. args is a program
// and its arguments, a part of the control plane, or how many seconds to wait.
func RunUnit(ctx context.Context, name string, args []string) error {
	about := strings.Join(args, " ")
	switch name {
	case "enter":
		return namespace.Enter(ctx, args)
	case "namespace":
		return namespace.RunNamespace(ctx)
	case "cni":
		return writeCNI()
	case "stop":
		return namespace.StopProgram(ctx, about)
	case "stop-rest":
		return namespace.StopRest(ctx, about)
	case "wipe":
		return wipe()
	case "clear-policies":
		return netpolicy.Clear(ctx)
	case "log":
		return staticpod.LogComponent(about)
	}
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	switch name {
	case "answers":
		return status.PrintAnswers(ctx, n)
	case "certs":
		return checkCertificates(ctx, n)
	case "await-api":
		return awaitAPI(ctx, n)
	case "component":
		return staticpod.BecomeComponent(about, n)
	default:
		return services.Run(ctx, name, n)
	}
}
