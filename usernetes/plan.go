package usernetes

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// A Plan is a node and the kubeadm configuration that makes it. It is only
// data.
type Plan struct {
	Node     node.Node
	Config   []byte   // for kubeadm --config
	Pass     []string // flags for kubeadm beside --config
	Archives []images.Archive
	Images   []string            // that the node needs to begin with, by their full names
	Policy   []byte              // of the audit log, where it is the site's
	Joins    kubeadm.JoinRequest // what it joins by; secret
	DNS      bool                // kubeadm makes the cluster's CoreDNS
	Asked    steps.Asked         // what it comes from
	Restore  string              // digest of the backup that it is made of; "" for a new cluster
	Backup   *os.File            // that backup, which root has opened
}

// A base makes our own kubeadm configuration for a node.
type base func(node.Node, deps.Minor) kubeadm.Config

// PlanMaster decides what a new cluster is like. It does nothing else.
// What is wrong with the request is a *host.Fault.
func PlanMaster(site node.Site, f preflight.Facts, o Options) (Plan, error) {
	n, err := siteNode(site, f, o)
	if err != nil {
		return Plan{}, err
	}
	n.APIPort = node.APIPort
	p, err := o.plan(n, kubeadm.InitFlags(), o.initConfig(site), nodeFromInit)
	p.Policy = o.Audit.Policy
	return p, err
}

// PlanJoin decides what a further node of a cluster is like. It does nothing else.
// What is wrong with the request is a *host.Fault.
func PlanJoin(site node.Site, f preflight.Facts, o Options, j kubeadm.JoinRequest) (Plan, error) {
	if err := j.Check(); err != nil {
		return Plan{}, err
	}
	n, err := siteNode(site, f, o)
	if err != nil {
		return Plan{}, err
	}
	n.Endpoint = namespace.EndpointHost(j.Endpoint)
	settled := nodeFromJoin
	if j.ControlPlane {
		n.APIPort, n.EtcdPeers = node.APIPort, true
		settled = nodeFromControlPlaneJoin
	}
	ours := func(n node.Node, minor deps.Minor) kubeadm.Config { return kubeadm.JoinConfig(n, minor, j) }
	p, err := o.plan(n, kubeadm.JoinFlags(), ours, settled)
	p.Joins = j
	return p, err
}

// plan lays the layers over ours, takes over what they say of the node, and
// lays them over what is ours for that node.
func (o Options) plan(n node.Node, known []kubeadm.Flag, ours base, settled func(node.Node, kubeadm.Config) (node.Node, error)) (Plan, error) {
	args, err := kubeadm.ParseArgs(known, o.Flags)
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
	data, err := config.Bytes()
	if err != nil {
		return Plan{}, err
	}
	asked, err := o.asked(data)
	return Plan{Node: n, Config: data, Pass: args.Pass, DNS: images.MakesDNS(config), Asked: asked}, err
}

// siteNode is the node by the site's settings, with the network of the call among
// them, and the address of the call.
func siteNode(site node.Site, f preflight.Facts, o Options) (node.Node, error) {
	n := node.Node{
		Name: strings.ToLower(f.Hostname), IP: f.DefaultIP, Kubernetes: f.Kubernetes,
		PodCIDR: site.PodCIDR, ServiceCIDR: site.ServiceCIDR, SlirpCIDR: site.SlirpCIDR,
		MTU: site.MTU, ImageRepository: site.ImageRepository, ImageAuthFile: site.ImageAuthFile, Network: site.Network,
	}
	if !slices.Contains(node.ModeNames(), n.Network) {
		return n, host.WithRemedy(message.Errorf("there is no network mode %q", n.Network),
			"specify one of %s", strings.Join(node.ModeNames(), ", "))
	}
	if site.NodeIP.IsValid() {
		n.IP = site.NodeIP
	}
	if o.NodeIP != "" {
		ip, err := netip.ParseAddr(o.NodeIP)
		if err != nil {
			return n, host.NewFault("specify an address such as 192.0.2.10", "flag --node-ip: %w", err)
		}
		n.IP = ip
	}
	return n, nil
}

// layer lays the site's configuration, the administrator's and the flags
// over ours.
func (o Options) layer(n node.Node, args kubeadm.Args, ours base) (kubeadm.Config, error) {
	minor, err := n.Minor()
	if err != nil {
		return nil, preflight.CheckVersion(preflight.Facts{}, n)
	}
	config := ours(n, minor)
	for _, file := range []struct {
		name string
		data []byte
	}{{"the site's kubeadm.yaml", o.SiteConfig}, {o.ConfigName, o.Config}} {
		if err := config.Overlay(file.name, file.data); err != nil {
			return nil, err
		}
	}
	args.Apply(config)
	if fault := config.CheckProxies(); fault != nil {
		return nil, fault
	}
	return config, config.CheckOwned(ours(n, minor))
}

// nodeFromJoin takes over what a configuration for joining says of the
// node. Its cluster's networks are asked for once it has joined.
func nodeFromJoin(n node.Node, c kubeadm.Config) (node.Node, error) {
	if n.APIPort == 0 && document.Lookup(c[kubeadm.KindJoin], "controlPlane") != nil {
		return n, host.NewFault("add --control-plane and --certificate-key-file, or remove controlPlane from the configuration",
			"the configuration is for a control plane, but the command is for a worker")
	}
	n.Name = nodeName(c[kubeadm.KindJoin], n.Name)
	return n, nil
}

// nodeFromControlPlaneJoin takes over what a configuration for joining says of
// one more control plane.
func nodeFromControlPlaneJoin(n node.Node, c kubeadm.Config) (node.Node, error) {
	endpoint := []string{"controlPlane", "localAPIEndpoint"}
	ip, errIP := netip.ParseAddr(fmt.Sprint(document.Lookup(c[kubeadm.KindJoin], append(endpoint, "advertiseAddress")...)))
	port, errPort := strconv.Atoi(fmt.Sprint(document.Lookup(c[kubeadm.KindJoin], append(endpoint, "bindPort")...)))
	if err := errors.Join(errIP, errPort); err != nil && n.IP.IsValid() {
		return n, host.NewFault("for the form of each value, see kubeadm join --help", "the control plane's settings: %w", err)
	}
	n.IP, n.APIPort = ip, port
	return nodeFromJoin(n, c)
}

// nodeFromInit takes over what a configuration for init says of the node.
func nodeFromInit(n node.Node, c kubeadm.Config) (node.Node, error) {
	var faults []string
	text := func(kind string, path ...string) string { return fmt.Sprint(document.Lookup(c[kind], path...)) }
	prefix := func(kind string, path ...string) netip.Prefix {
		p, err := netip.ParsePrefix(text(kind, path...))
		if strings.Contains(text(kind, path...), ",") {
			err = message.Errorf("%s: a cluster has one network, of IPv4", text(kind, path...))
		}
		if err != nil {
			faults = append(faults, err.Error())
		}
		return p
	}
	ip, err := netip.ParseAddr(text(kubeadm.KindInit, "localAPIEndpoint", "advertiseAddress"))
	if err != nil && n.IP.IsValid() {
		faults = append(faults, err.Error())
	}
	port, err := strconv.Atoi(text(kubeadm.KindInit, "localAPIEndpoint", "bindPort"))
	if err != nil {
		faults = append(faults, err.Error())
	}
	n.IP, n.APIPort = ip, port
	n.DNSDomain, n.Endpoint = optional(c[kubeadm.KindCluster], "networking", "dnsDomain"), namespace.EndpointHost(optional(c[kubeadm.KindCluster], "controlPlaneEndpoint"))
	n.EtcdPeers = document.Lookup(c[kubeadm.KindCluster], "controlPlaneEndpoint") != nil && document.Lookup(c[kubeadm.KindCluster], "etcd", "external") == nil
	n.Name = nodeName(c[kubeadm.KindInit], n.Name)
	n.ImageRepository = text(kubeadm.KindCluster, "imageRepository")
	n.PodCIDR = prefix(kubeadm.KindCluster, "networking", "podSubnet")
	n.ServiceCIDR = prefix(kubeadm.KindCluster, "networking", "serviceSubnet")
	if len(faults) > 0 {
		return n, host.NewFault("for the form of each value, see kubeadm init --help", "the cluster's settings: %s", strings.Join(faults, "; "))
	}
	return n, nil
}

// nodeName returns what a configuration calls the node, as kubeadm writes it;
// without a name there it is the machine's.
// Source: kubeadm's util/config, SetNodeRegistrationDynamicDefaults.
func nodeName(doc document.Document, machine string) string {
	return cmp.Or(strings.ToLower(strings.TrimSpace(optional(doc, "nodeRegistration", "name"))), machine)
}

// optional returns the text at a place of a configuration, "" for none.
func optional(doc document.Document, path ...string) string {
	text, _ := document.Lookup(doc, path...).(string)
	return text
}

// sameAsBefore reports whether the plan is the one that kubeadm init was given
// last. An earlier version noted the configuration alone.
func (p Plan) sameAsBefore(s steps.Steps) bool {
	if s.Config != "" {
		return s.Config == p.digest()
	}
	before, err := host.ReadFile(node.InitFile)
	return err == nil && bytes.Equal(before, p.Config)
}

func (p Plan) digest() string {
	sum := sha256.Sum256(append(slices.Clip(p.Config), p.Restore...))
	return hex.EncodeToString(sum[:])
}
