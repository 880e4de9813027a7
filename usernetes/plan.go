package usernetes

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// MasterOptions is what the administrator asks of create-master.
type MasterOptions struct {
	NodeIP     string   // "" means: site settings, else the default route's
	ConfigName string   // name of the --config file, for messages
	Config     []byte   // its content; may be empty
	SiteConfig []byte   // content of the site's kubeadm configuration; may be empty
	Flags      []string // flags of kubeadm init
	Archives   []string // names of the image archives, in the order of Files
	Ignore     []string // preflight checks to pass over
}

// A Plan is a node and the kubeadm configuration that makes it. It is only
// data.
type Plan struct {
	Node     Node
	Config   []byte   // for kubeadm --config
	Pass     []string // flags for kubeadm beside --config
	Archives []string // names of image archives
	Files    []*os.File
}

// PlanMaster decides what a new cluster is like. It does nothing else.
// What is wrong with the request is a *host.Fault.
func PlanMaster(site Site, f Facts, o MasterOptions) (Plan, error) {
	args, err := parseKubeadmArgs(o.Flags)
	if err != nil {
		return Plan{}, err
	}
	n, err := siteNode(site, f, o)
	if err != nil {
		return Plan{}, err
	}
	config, err := o.layer(n, args)
	if err != nil {
		return Plan{}, err
	}
	if n, err = n.settled(config); err != nil {
		return Plan{}, err
	}
	if config, err = o.layer(n, args); err != nil {
		return Plan{}, err
	}
	data, err := config.bytes()
	return Plan{Node: n, Config: data, Pass: args.pass, Archives: o.Archives}, err
}

// siteNode is the node by the site's settings alone.
func siteNode(site Site, f Facts, o MasterOptions) (Node, error) {
	n := Node{
		Name: strings.ToLower(f.Hostname), IP: f.DefaultIP, Kubernetes: f.Kubernetes, APIPort: apiPort,
		PodCIDR: site.PodCIDR, ServiceCIDR: site.ServiceCIDR, SlirpCIDR: site.SlirpCIDR,
		MTU: site.MTU, ImageRepository: site.ImageRepository,
	}
	if site.NodeIP.IsValid() {
		n.IP = site.NodeIP
	}
	if o.NodeIP != "" {
		ip, err := netip.ParseAddr(o.NodeIP)
		if err != nil {
			return n, fault("give an address such as 192.0.2.10", "flag --node-ip: %w", err)
		}
		n.IP = ip
	}
	return n, nil
}

// layer lays the site's configuration, the administrator's and the flags
// over ours.
func (o MasterOptions) layer(n Node, args kubeadmArgs) (kubeadmConfig, error) {
	minor, err := n.Minor()
	if err != nil {
		return nil, checkVersion(Facts{}, n)
	}
	config := initConfig(n, minor)
	for _, file := range []struct {
		name string
		data []byte
	}{{"the site's kubeadm.yaml", o.SiteConfig}, {o.ConfigName, o.Config}} {
		if err := config.overlay(file.name, file.data); err != nil {
			return nil, err
		}
	}
	args.apply(config)
	return config, config.checkOwned(initConfig(n, minor))
}

// settled takes over what the layers of the configuration say of the node.
func (n Node) settled(c kubeadmConfig) (Node, error) {
	var faults []string
	text := func(kind string, path ...string) string { return fmt.Sprint(lookup(c[kind], path...)) }
	prefix := func(kind string, path ...string) netip.Prefix {
		p, err := netip.ParsePrefix(text(kind, path...))
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
	n.Name = text(kindInit, "nodeRegistration", "name")
	n.ImageRepository = text(kindCluster, "imageRepository")
	n.PodCIDR = prefix(kindCluster, "networking", "podSubnet")
	n.ServiceCIDR = prefix(kindCluster, "networking", "serviceSubnet")
	if len(faults) > 0 {
		return n, fault("see kubeadm init --help for the form of each value", "the cluster's settings: %s", strings.Join(faults, "; "))
	}
	return n, nil
}

// sameAsBefore tells whether the plan is the one that the node's state holds.
func (p Plan) sameAsBefore() bool {
	before, err := os.ReadFile(initFile)
	return err == nil && bytes.Equal(before, p.Config)
}

// CheckFlags tells which flags kubeadm does not know. help is what kubeadm
// init --help prints.
func (p Plan) CheckFlags(help string) error {
	unknown := kubeadmArgs{pass: p.Pass}.unknownFlags(help)
	if len(unknown) == 0 {
		return nil
	}
	return fault("see podsec-k8s-create-master --help and kubeadm init --help",
		"neither podsec-k8s nor kubeadm knows %s", strings.Join(slices.Compact(unknown), ", "))
}

// asFault makes any error one with a remedy.
func asFault(err error) *host.Fault {
	if f, ok := err.(*host.Fault); ok { //nolint:errorlint // a wrapped fault keeps its own remedy below
		return f
	}
	return &host.Fault{Err: err}
}
