package usernetes

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
)

// A Plan is a node and the kubeadm configuration that makes it. It is only
// data.
type Plan struct {
	Node     Node
	Config   []byte   // for kubeadm --config
	Pass     []string // flags for kubeadm beside --config
	Archives []Archive
	Images   []string // that the node needs to begin with, by their full names
	DNS      bool     // kubeadm makes the cluster's CoreDNS
	Asked    Asked    // what it comes from
}

// A base makes our own kubeadm configuration for a node.
type base func(Node, deps.Minor) kubeadmConfig

// PlanMaster decides what a new cluster is like. It does nothing else.
// What is wrong with the request is a *host.Fault.
func PlanMaster(site Site, f Facts, o Options) (Plan, error) {
	n, err := siteNode(site, f, o)
	if err != nil {
		return Plan{}, err
	}
	n.APIPort = apiPort
	return o.plan(n, initFlags(), initConfig, settledMaster)
}

// PlanJoin decides what a further node of a cluster is like. It does nothing else.
// What is wrong with the request is a *host.Fault.
func PlanJoin(site Site, f Facts, o Options, j JoinRequest) (Plan, error) {
	if err := j.Check(); err != nil {
		return Plan{}, err
	}
	n, err := siteNode(site, f, o)
	if err != nil {
		return Plan{}, err
	}
	n.Endpoint = endpointHost(j.Endpoint)
	settled := settledWorker
	if j.ControlPlane {
		n.APIPort, n.EtcdPeers = apiPort, true
		settled = settledControlPlane
	}
	ours := func(n Node, minor deps.Minor) kubeadmConfig { return joinConfig(n, minor, j) }
	return o.plan(n, joinFlags(), ours, settled)
}

// plan lays the layers over ours, takes over what they say of the node, and
// lays them over what is ours for that node.
func (o Options) plan(n Node, known []kubeadmFlag, ours base, settled func(Node, kubeadmConfig) (Node, error)) (Plan, error) {
	args, err := parseKubeadmArgs(known, o.Flags)
	if err != nil {
		return Plan{}, err
	}
	config, err := o.layer(n, args, ours)
	if err != nil {
		return Plan{}, err
	}
	if n, err = settled(n, config); err != nil {
		return Plan{}, err
	}
	if config, err = o.layer(n, args, ours); err != nil {
		return Plan{}, err
	}
	data, err := config.bytes()
	if err != nil {
		return Plan{}, err
	}
	asked, err := o.asked(data)
	return Plan{Node: n, Config: data, Pass: args.pass, DNS: makesDNS(config), Asked: asked}, err
}

// siteNode is the node by the site's settings alone.
func siteNode(site Site, f Facts, o Options) (Node, error) {
	n := Node{
		Name: strings.ToLower(f.Hostname), IP: f.DefaultIP, Kubernetes: f.Kubernetes,
		PodCIDR: site.PodCIDR, ServiceCIDR: site.ServiceCIDR, SlirpCIDR: site.SlirpCIDR,
		MTU: site.MTU, ImageRepository: site.ImageRepository, ImageAuthFile: site.ImageAuthFile, Network: cmp.Or(o.Network, site.Network),
	}
	if !slices.Contains(Modes(), n.Network) {
		return n, host.NewFault("give one of "+strings.Join(Modes(), ", "), "there is no network mode %q", n.Network)
	}
	if site.NodeIP.IsValid() {
		n.IP = site.NodeIP
	}
	if o.NodeIP != "" {
		ip, err := netip.ParseAddr(o.NodeIP)
		if err != nil {
			return n, host.NewFault("give an address such as 192.0.2.10", "flag --node-ip: %w", err)
		}
		n.IP = ip
	}
	return n, nil
}

// layer lays the site's configuration, the administrator's and the flags
// over ours.
func (o Options) layer(n Node, args kubeadmArgs, ours base) (kubeadmConfig, error) {
	minor, err := n.Minor()
	if err != nil {
		return nil, checkVersion(Facts{}, n)
	}
	config := ours(n, minor)
	for _, file := range []struct {
		name string
		data []byte
	}{{"the site's kubeadm.yaml", o.SiteConfig}, {o.ConfigName, o.Config}} {
		if err := config.overlay(file.name, file.data); err != nil {
			return nil, err
		}
	}
	args.apply(config)
	if fault := config.checkProxies(); fault != nil {
		return nil, fault
	}
	return config, config.checkOwned(ours(n, minor))
}

// settledWorker takes over what a configuration for joining says of the
// node. Its cluster's networks are asked for once it has joined.
func settledWorker(n Node, c kubeadmConfig) (Node, error) {
	if n.APIPort == 0 && lookup(c[kindJoin], "controlPlane") != nil {
		return n, host.NewFault("give --control-plane and --certificate-key-file, or leave controlPlane out of the configuration",
			"the configuration asks for a control plane, and the command for a worker")
	}
	n.Name = nodeName(c[kindJoin], n.Name)
	return n, nil
}

// settledControlPlane takes over what a configuration for joining says of
// one more control plane.
func settledControlPlane(n Node, c kubeadmConfig) (Node, error) {
	endpoint := []string{"controlPlane", "localAPIEndpoint"}
	ip, errIP := netip.ParseAddr(fmt.Sprint(lookup(c[kindJoin], append(endpoint, "advertiseAddress")...)))
	port, errPort := strconv.Atoi(fmt.Sprint(lookup(c[kindJoin], append(endpoint, "bindPort")...)))
	if err := errors.Join(errIP, errPort); err != nil && n.IP.IsValid() {
		return n, host.NewFault("see kubeadm join --help for the form of each value", "the control plane's settings: %w", err)
	}
	n.IP, n.APIPort = ip, port
	return settledWorker(n, c)
}

// settledMaster takes over what a configuration for init says of the node.
func settledMaster(n Node, c kubeadmConfig) (Node, error) {
	var faults []string
	text := func(kind string, path ...string) string { return fmt.Sprint(lookup(c[kind], path...)) }
	prefix := func(kind string, path ...string) netip.Prefix {
		p, err := netip.ParsePrefix(text(kind, path...))
		if strings.Contains(text(kind, path...), ",") {
			err = fmt.Errorf("%s: a cluster has one network, of IPv4", text(kind, path...))
		}
		if err != nil {
			faults = append(faults, err.Error())
		}
		return p
	}
	ip, err := netip.ParseAddr(text(kindInit, "localAPIEndpoint", "advertiseAddress"))
	if err != nil && n.IP.IsValid() {
		faults = append(faults, err.Error())
	}
	port, err := strconv.Atoi(text(kindInit, "localAPIEndpoint", "bindPort"))
	if err != nil {
		faults = append(faults, err.Error())
	}
	n.IP, n.APIPort = ip, port
	n.DNSDomain, n.Endpoint = optional(c[kindCluster], "networking", "dnsDomain"), endpointHost(optional(c[kindCluster], "controlPlaneEndpoint"))
	n.EtcdPeers = lookup(c[kindCluster], "controlPlaneEndpoint") != nil && lookup(c[kindCluster], "etcd", "external") == nil
	n.Name = nodeName(c[kindInit], n.Name)
	n.ImageRepository = text(kindCluster, "imageRepository")
	n.PodCIDR = prefix(kindCluster, "networking", "podSubnet")
	n.ServiceCIDR = prefix(kindCluster, "networking", "serviceSubnet")
	if len(faults) > 0 {
		return n, host.NewFault("see kubeadm init --help for the form of each value", "the cluster's settings: %s", strings.Join(faults, "; "))
	}
	return n, nil
}

// nodeName returns what a configuration calls the node, as kubeadm writes it;
// without a name there it is the machine's.
// Source: kubeadm's util/config, SetNodeRegistrationDynamicDefaults.
func nodeName(doc document, machine string) string {
	return cmp.Or(strings.ToLower(strings.TrimSpace(optional(doc, "nodeRegistration", "name"))), machine)
}

// optional returns the text at a place of a configuration, "" for none.
func optional(doc document, path ...string) string {
	text, _ := lookup(doc, path...).(string)
	return text
}

// sameAsBefore reports whether the plan is the one that kubeadm init was given
// last. An earlier version noted the configuration alone.
func (p Plan) sameAsBefore(s steps) bool {
	if s.Config != "" {
		return s.Config == p.digest()
	}
	before, err := host.ReadFile(initFile)
	return err == nil && bytes.Equal(before, p.Config)
}

func (p Plan) digest() string {
	sum := sha256.Sum256(p.Config)
	return hex.EncodeToString(sum[:])
}
