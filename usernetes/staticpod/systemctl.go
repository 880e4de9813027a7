package staticpod

import (
	"context"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Exit statuses of systemctl. Source: systemctl(1), "Exit status".
const (
	statusOK         = 0
	statusFailed     = 1
	statusUsage      = 2
	statusNotRunning = 3
	statusNoSuchUnit = 4
)

// StandInSystemctl answers what kubeadm asks of systemctl, for the user's
// kubelet in place of a system one, and refuses anything else. It returns
// the exit status. kubeadm runs it inside the namespaces.
// Source: kubeadm's cmd/kubeadm/app/util/initsystem.
func StandInSystemctl(ctx context.Context, args []string) (int, error) {
	var words []string
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			words = append(words, arg)
		}
	}
	if len(words) == 1 && words[0] == "daemon-reload" {
		return statusOK, nil // the user's unit is a static file
	}
	if len(words) != 2 {
		return statusUsage, refusal(args)
	}
	if unit := strings.TrimSuffix(words[1], ".service"); unit != "kubelet" {
		return noSuchUnit(words[0], args)
	}
	return kubeletVerb(ctx, words[0], args)
}

// noSuchUnit lets kubeadm ask after units that a node does not have.
func noSuchUnit(verb string, args []string) (int, error) {
	if verb == "is-active" || verb == "is-enabled" || verb == "status" {
		return statusNoSuchUnit, nil
	}
	return statusUsage, refusal(args)
}

func kubeletVerb(ctx context.Context, verb string, args []string) (int, error) {
	switch verb {
	case "is-enabled":
		return statusOK, nil // the swapped kubelet.service starts it at boot
	case "start", "restart", "stop", "is-active", "status":
	default:
		return statusUsage, refusal(args)
	}
	manager, err := node.UserManager(ctx)
	if err != nil {
		return statusFailed, err
	}
	defer manager.Close()
	switch verb {
	case "start":
		err = manager.Begin(ctx, units.Kubelet)
	case "restart":
		err = manager.BeginAgain(ctx, units.Kubelet)
	case "stop":
		err = manager.Stop(ctx, units.Kubelet)
	default:
		return activeStatus(ctx, manager)
	}
	if err != nil {
		return statusFailed, err
	}
	return statusOK, nil
}

// activeStatus counts a kubelet as active that waits for its configuration:
// kubeadm is about to write it.
func activeStatus(ctx context.Context, manager *host.Manager) (int, error) {
	s, err := manager.State(ctx, units.Kubelet)
	switch {
	case err != nil:
		return statusFailed, err
	case s.Active == "failed":
		return statusNotRunning, nil
	default:
		return statusOK, nil
	}
}

func refusal(args []string) error {
	return host.NewFault("run the system's own /bin/systemctl outside the node",
		"systemctl %q is not available for the rootless node", args)
}
