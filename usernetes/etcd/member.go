package etcd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

const etcdPKI = node.PKIDir + "/etcd"

// etcdTimeout is how long this machine's etcd may take to answer, maybe just
// started again, and memberLimit bounds one answer, in bytes.
const (
	etcdTimeout = 30 * time.Second
	memberLimit = 1 << 20
)

// An etcdMember is a member of a cluster's etcd.
// Source: etcd's api/etcdserverpb/rpc.proto, over its JSON gateway.
type etcdMember struct {
	ID       string   `json:"ID"` // a number of 64 bits
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`

	ClientURLs []string `json:"clientURLs"` // none before it has run
}

// ownMember finds this node's among the members. alone reports that there is
// no other one.
func ownMember(members []etcdMember, n node.Node) (own etcdMember, found, alone bool) {
	at := slices.IndexFunc(members, func(m etcdMember) bool { return slices.Contains(m.PeerURLs, n.PeerURL()) })
	if at < 0 {
		return own, false, false
	}
	return members[at], true, len(members) == 1
}

// LeaveEtcd takes this node's member out of the cluster's etcd before its data
// go: a member that is only gone counts against the others' quorum, and of two
// the one that is left stops. kubeadm reset does it only for a node that the
// cluster knows already.
func LeaveEtcd(ctx context.Context, n node.Node) error {
	if !n.EtcdPeers || steps.FirstUnfinished() {
		return nil
	}
	urls, err := knownEtcdURLs(ctx, n)
	if err != nil || urls == nil {
		return err
	}
	client, err := newEtcdClient(urls)
	if err != nil {
		return err
	}
	// etcd changes nothing while a member has just come or gone, so it is asked
	// until the member is gone.
	err = wait.Until(ctx, etcdTimeout, func() error {
		members, err := client.members(ctx)
		if err != nil {
			return err
		}
		own, found, alone := ownMember(members, n)
		if !found || alone {
			return nil
		}
		if err := noteLeaving(members, own); err != nil {
			return wait.Final{Err: err}
		}
		return client.remove(ctx, own)
	})
	if err != nil {
		return host.NewFault("start etcd on this machine first: journalctl _SYSTEMD_USER_UNIT=u7s-etcd.service; or reset the node anyway, although the others may stop: podsec-k8s reset --force",
			"this machine's etcd is a member of the cluster's etcd and could not be removed from it: %w", err)
	}
	return nil
}

// noteLeaving notes where the other members are asked: this node's stops
// answering once they have let it go, and a run that goes on has to ask again.
func noteLeaving(members []etcdMember, own etcdMember) error {
	s, err := steps.LoadSteps()
	if err != nil {
		return err
	}
	s.Leaving = []string{}
	for _, m := range members {
		if m.ID != own.ID {
			s.Leaving = append(s.Leaving, m.ClientURLs...)
		}
	}
	return s.Save()
}

// knownEtcdURLs lists where etcd can be asked; nil means that this node is in
// none. kubeadm makes the member just before it writes the manifest: without the
// manifest the cluster is asked for the other members, where it can be.
func knownEtcdURLs(ctx context.Context, n node.Node) ([]string, error) {
	s, err := steps.LoadSteps()
	if err != nil {
		return nil, err
	}
	m, err := staticpod.ReadManifest(staticpod.Etcd) // kubeadm may have been cut while it wrote it
	switch {
	case err == nil:
		return append(etcdURLs(m, n), s.Leaving...), nil
	case !host.Exists(node.StatePath(etcdPKI + "/healthcheck-client.key")):
		return nil, nil // it is made before a member is, and goes after one
	case s.Leaving != nil || !host.Exists(node.StatePath(node.AdminConf)):
		return s.Leaving, nil
	}
	admin, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return nil, nil //nolint:nilerr // kubeadm was cut while it wrote it, long before there is a member
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	pods, err := listEtcdPods(ctx, admin)
	if err != nil {
		return nil, host.NewFault("check that the other control planes are running: podsec-k8s status", "getting the members of the cluster's etcd: %w", err)
	}
	var urls []string
	for _, p := range pods {
		if p.Spec.NodeName != n.Name && p.Status.PodIP != "" {
			urls = append(urls, "https://"+net.JoinHostPort(p.Status.PodIP, strconv.Itoa(node.EtcdPort)))
		}
	}
	return urls, nil
}

// etcdURLs lists where etcd can be asked: this node's, then those that it was
// to join by its manifest. Source: etcd's flag --initial-cluster, a list of
// NAME=URL; kubeadm's manifest.
func etcdURLs(m staticpod.Manifest, n node.Node) []string {
	urls := []string{"https://" + netip.AddrPortFrom(n.IP, node.EtcdPort).String()}
	argv, _ := m.Command()
	for _, arg := range argv {
		list, found := strings.CutPrefix(arg, "--initial-cluster=")
		if !found {
			continue
		}
		for pair := range strings.SplitSeq(list, ",") {
			_, peer, _ := strings.Cut(pair, "=")
			if u, err := url.Parse(peer); err == nil && u.Hostname() != "" && u.Hostname() != n.IP.String() {
				urls = append(urls, "https://"+net.JoinHostPort(u.Hostname(), strconv.Itoa(node.EtcdPort)))
			}
		}
	}
	return urls
}

// An etcdClient asks the cluster's etcd, by the certificate that kubeadm has
// made for looking after its health.
type etcdClient struct {
	http *http.Client
	urls []string // of members, tried in turn
}

func newEtcdClient(urls []string) (*etcdClient, error) {
	ca, err := host.ReadFile(node.StatePath(etcdPKI + "/ca.crt"))
	if err != nil {
		return nil, message.Errorf("querying etcd: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(node.StatePath(etcdPKI+"/healthcheck-client.crt"), node.StatePath(etcdPKI+"/healthcheck-client.key"))
	if err != nil {
		return nil, message.Errorf("querying etcd: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	settings := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return &etcdClient{
		&http.Client{Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}, Timeout: wait.ProbeTimeout},
		urls,
	}, nil
}

func (c *etcdClient) members(ctx context.Context) ([]etcdMember, error) {
	var answer struct{ Members []etcdMember }
	err := c.ask(ctx, "/v3/cluster/member/list", document.Document{}, &answer)
	if err == nil && len(answer.Members) == 0 {
		err = message.New("querying etcd: the answer lists no members")
	}
	return answer.Members, err
}

func (c *etcdClient) remove(ctx context.Context, m etcdMember) error {
	return c.ask(ctx, "/v3/cluster/member/remove", document.Document{"ID": m.ID}, &struct{}{})
}

// ask takes the first answer; the faults are those of all that gave none.
func (c *etcdClient) ask(ctx context.Context, path string, question, answer any) error {
	var faults []error
	for _, url := range c.urls {
		err := c.askOne(ctx, url+path, question, answer)
		if err == nil {
			return nil
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (c *etcdClient) askOne(ctx context.Context, url string, question, answer any) error {
	data, err := json.Marshal(question)
	if err != nil {
		return message.Errorf("querying etcd: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return message.Errorf("querying etcd: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return message.Errorf("querying etcd: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(response.Body, memberLimit))
	if err == nil && response.StatusCode != http.StatusOK {
		err = message.Errorf("%s: %s", response.Status, bytes.TrimSpace(text))
	}
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		return message.Errorf("querying etcd: %w", err)
	}
	return nil
}
