package usernetes

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/certs"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// A renewal is what one run of it knows.
type renewal struct {
	token string // a bootstrap token, or ""
	known bool   // the cluster knows the kubelet by the certificate that it had
}

// phases is how the certificates of a node are made anew, step by step. Each may be
// done again.
func (r *renewal) phases(n node.Node) []Phase {
	begin := Phase{Name: "namespaces", Title: "Starting the namespaces (RootlessKit)", Run: beginNamespaces}
	kubelet := Phase{Name: "kubelet", Title: "Checking the kubelet's certificates", Run: r.renewKubelet}
	network := Phase{Name: "network", Title: "Checking the pod network (flannel, kube-proxy)", Run: r.restartNetwork}
	if n.APIPort == 0 {
		return []Phase{begin, kubelet, network}
	}
	renew := Phase{Name: "certificates", Title: "Renewing the certificates (kubeadm certs renew all)", Run: renewByKubeadm}
	plane := Phase{Name: "control-plane", Title: "Restarting the control plane", Run: restartControlPlane}
	if certs.HasAuthority() { // this etcd has to go on also where the others have to be renewed before it answers
		return []Phase{begin, renew, kubelet, plane, network}
	}
	return []Phase{begin, renew, plane, kubelet, network}
}

// beginNamespaces starts them, where nothing has yet.
func beginNamespaces(ctx context.Context, w *Work) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return w.Manager.Start(ctx, units.RootlessKit)
}

// RenewCertificates makes the certificates of this node anew, also where the cluster
// does not run any more because they have ended. A run that was cut is gone on with.
// token is a bootstrap token, for a kubelet whose certificate has ended and whose
// cluster's authority is elsewhere, or "".
func RenewCertificates(ctx context.Context, token string, progress Progress, out io.Writer) error {
	n, err := node.LoadNode()
	if node.IsMissing(err) {
		return node.NoNode()
	}
	if err != nil {
		return err
	}
	s, err := steps.LoadSteps()
	if err == nil {
		err = errors.Join(s.HalfReset(), steps.HalfMoved())
	}
	if err == nil && !s.Finished {
		err = s.Unfinished()
	}
	if err != nil {
		return err
	}
	if err := host.Remove(node.StatePath(node.TokenConf)); err != nil { // of a run that was cut
		return err
	}
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	w := &Work{Plan: Plan{Node: n}, Manager: manager, Out: out}
	if err := runPhases(ctx, (&renewal{token: token}).phases(n), w, progress, unrecorded{}, continueRemedy); err != nil {
		return err
	}
	if n.APIPort == 0 {
		return nil
	}
	return certs.EndRenewal()
}

// renewByKubeadm runs the unpatched kubeadm certs renew. It reads its configuration
// from the cluster; where that does not answer, it gets the one of this node.
func renewByKubeadm(ctx context.Context, w *Work) error {
	if err := certs.BeginRenewal(); err != nil {
		return err
	}
	p := namespace.Program{Name: "kubeadm", Args: []string{"certs", "renew", "all"}}
	var config []byte
	answers, err := readCluster(ctx)
	if err != nil {
		return err
	}
	if !answers {
		p.Args = append(p.Args, "--config=/dev/stdin")
		if config, err = ownConfig(w.Plan.Node); err != nil {
			return err
		}
	}
	return w.inNodeFrom(ctx, p, bytes.NewReader(config))
}

// readCluster reports whether kubeadm can read its configuration from the cluster, and
// keeps what it is for a renewal that finds no cluster: the lifetimes of certificates
// are there.
func readCluster(ctx context.Context) (answers bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return false, nil //nolint:nilerr // kubeadm can't ask either
	}
	config, err := kubeadm.ClusterConfig(ctx, api)
	if err != nil {
		return false, nil //nolint:nilerr // it is asked for what was kept then
	}
	return true, host.WriteFile(node.ClusterFile, config, 0o600)
}

// checkCertificates warns of certificates that end soon. On a control plane it keeps
// what a renewal needs when the cluster does not answer any more.
func checkCertificates(ctx context.Context, n node.Node) error {
	err := certs.Warn(ctx, n)
	if n.APIPort == 0 {
		return err
	}
	_, errKept := readCluster(ctx)
	return errors.Join(err, errKept)
}

// keptConfig is the configuration of the cluster as this control plane has read it
// last, with what is this node's own.
func keptConfig(n node.Node) (config []byte, kept bool) {
	data, err := host.ReadFile(node.ClusterFile)
	if err != nil {
		return nil, false
	}
	docs, err := document.Parse(data)
	if err != nil || len(docs) != 1 || docs[0]["kind"] != kubeadm.KindCluster {
		return nil, false
	}
	whole, err := nodeConfig(n, docs[0])
	if err == nil {
		config, err = whole.Bytes()
	}
	return config, err == nil
}

// ownConfig is the configuration that the cluster had last, or by which kubeadm made
// this control plane. One that has joined another has none of its own.
func ownConfig(n node.Node) ([]byte, error) {
	if config, kept := keptConfig(n); kept {
		return config, nil
	}
	config, err := host.ReadFile(node.InitFile)
	if !node.IsMissing(err) {
		return config, err
	}
	minor, err := deps.MinorOf(n.Kubernetes)
	if err != nil {
		return nil, err
	}
	return kubeadm.InitConfig(n, minor).Bytes()
}

// restartControlPlane restarts the services of the control plane one after the
// other, and waits for each until it answers. An apiserver whose etcd is away takes
// requests and does not answer them, so it is asked to restart before etcd is: by
// the order of their units systemd stops it first, and starts it when etcd runs.
// A load balancer sends its clients to others at once.
func restartControlPlane(ctx context.Context, w *Work) error {
	apiserver, etcd := units.Component("kube-apiserver"), units.Component("etcd")
	var all []string
	for _, s := range services.Of(w.Plan.Node) {
		if s.Manifest != "" {
			all = append(all, s.Unit)
		}
	}
	if slices.Contains(all, etcd) {
		if err := w.Manager.BeginAgain(ctx, apiserver); err != nil {
			return err
		}
	}
	for _, unit := range all {
		restart := w.Manager.Restart
		if unit == apiserver && slices.Contains(all, etcd) {
			restart = w.Manager.Start
		}
		if err := awaitPart(ctx, w, unit, restart); err != nil {
			return othersFault(w.Plan.Node, err)
		}
	}
	return nil
}

// awaitPart starts a service, and waits until it answers.
func awaitPart(ctx context.Context, w *Work, unit string, start func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, kubeadm.PartTimeout)
	defer cancel()
	if err := start(ctx, unit); err != nil {
		return err
	}
	return wait.Until(ctx, kubeadm.PartTimeout, func() error { return partAnswers(ctx, w, unit) })
}

// partAnswers says what is missing of a service, or nil when it runs and answers.
func partAnswers(ctx context.Context, w *Work, unit string) error {
	parts, err := status.LookAtParts(ctx, w.Manager, w.Plan.Node)
	if err != nil {
		return err
	}
	parts = slices.DeleteFunc(parts, func(p status.Part) bool { return p.Unit != unit })
	return status.MissingParts(parts, time.Now())
}

// othersFault tells of the other control planes, where there may be some: most of
// them have to be able to talk to each other before one is of use.
func othersFault(n node.Node, err error) error {
	if !n.EtcdPeers {
		return err
	}
	return host.WithRemedy(err,
		"if the certificates of the other control planes have expired too, run podsec-k8s certs renew on each of them, and then here again")
}

// renewKubelet makes anew what the kubelet does not make anew itself: the
// certificate that it shows, when that ends soon, and the one by which the cluster
// knows it, when that has ended.
func (r *renewal) renewKubelet(ctx context.Context, w *Work) error {
	client, found := certs.ByName(certs.KubeletClient)
	shown, has := certs.ByName(certs.KubeletSelfSigned)
	now := time.Now()
	r.known = found && client.Serves(now)
	old := has && shown.StateAt(now) != certs.Good
	if old {
		if err := certs.RemoveSelfSigned(); err != nil {
			return err
		}
	}
	switch {
	case r.known && !old:
		return nil
	case r.known:
	case certs.HasAuthority():
		if err := certs.SignKubelet(w.Plan.Node.Name, now); err != nil {
			return err
		}
	case r.token == "":
		return host.NewFault("get a token on a control plane: podsec-k8s token create; then here: podsec-k8s certs renew --token-file FILE",
			"the kubelet's certificate has expired, so the cluster does not know this node any more")
	default:
		return bootstrapKubelet(ctx, w, r.token)
	}
	return w.Manager.Restart(ctx, units.Kubelet)
}

// restartNetwork restarts what asks the cluster in the kubelet's name, and would show
// the old certificate for some minutes. What does not run is left to the guard.
func (r *renewal) restartNetwork(ctx context.Context, w *Work) error {
	if r.known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, s := range services.Network() {
		if err := w.Manager.TryRestart(ctx, s.Unit); err != nil {
			return err
		}
	}
	return nil
}

// bootstrapKubelet lets the kubelet get a certificate of its cluster by a token, as
// when it joined. The token goes when it has done its work.
func bootstrapKubelet(ctx context.Context, w *Work, token string) (err error) {
	data, err := host.ReadFile(node.StatePath(node.KubeletConf))
	if err != nil {
		return err
	}
	clusters, err := kubeapi.Clusters(data)
	if err != nil || len(clusters) != 1 {
		return host.NewFault("delete the node and join again: podsec-k8s reset", "the kubelet's kubeconfig cannot be read")
	}
	config, err := clusters[0].BootstrapKubeconfig(token)
	if err != nil {
		return err
	}
	path := node.StatePath(node.TokenConf)
	if err := host.WriteFile(path, config, 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Remove(path)) }()
	if err := w.Manager.Restart(ctx, units.Kubelet); err != nil {
		return err
	}
	return wait.Until(ctx, startTimeout, func() error {
		client, known := certs.ByName(certs.KubeletClient)
		if known && client.Serves(time.Now()) {
			return nil
		}
		return host.NewFault("use a token that is valid: on a control plane, podsec-k8s token list; and see: journalctl _SYSTEMD_USER_UNIT=u7s-kubelet.service",
			"the cluster has not given the kubelet a certificate")
	})
}
