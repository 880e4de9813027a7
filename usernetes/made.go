package usernetes

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// asked is what is kept of a call and the configuration that it came to.
func (o Options) asked(config []byte) (steps.Asked, error) {
	docs, err := document.Parse(config)
	if err != nil {
		return steps.Asked{}, err
	}
	kept, err := document.Format(withoutSecrets(docs))
	return steps.Asked{NodeIP: o.NodeIP, Network: o.Network, Archives: o.GivenArchives, Upload: o.Upload, Audit: o.askedAudit(), Config: string(kept)}, err
}

// withoutSecrets takes tokens and keys out of a kubeadm configuration, with what
// is of no use once they have done their work.
func withoutSecrets(docs []document.Document) []document.Document {
	for _, doc := range docs {
		switch doc["kind"] {
		case kubeadm.KindInit:
			delete(doc, "certificateKey")
			delete(doc, "bootstrapTokens")
		case kubeadm.KindJoin:
			delete(doc, "discovery")
			if plane, ok := doc["controlPlane"].(document.Document); ok {
				delete(plane, "certificateKey")
			}
		}
	}
	return docs
}

// CheckMade reports whether a call asks this machine for what it is already, in
// whole or in part. A node is never made into another one in passing: what asks
// for that is a fault. j is nil for a new cluster.
func CheckMade(o Options, j *kubeadm.JoinRequest) error {
	s, err := steps.LoadSteps()
	if err != nil {
		return err
	}
	n, err := node.LoadNode()
	var damaged *node.DamagedError
	if node.IsMissing(err) || errors.As(err, &damaged) && !s.Finished { // then it is written anew
		return nil
	}
	if err != nil {
		return err
	}
	if err := checkRole(s.Role(n), j); err != nil || !s.Finished {
		return err
	}
	asked, known := s.AskedFor()
	return check(asked, o, j, n, known)
}

// checkRole compares what the machine is with what it is to become.
func checkRole(is steps.Role, j *kubeadm.JoinRequest) error {
	if j == nil {
		return checkRoleOfMaster(is)
	}
	if is == steps.RoleNone {
		return nil
	}
	same, err := ofThisCluster(*j)
	switch {
	case err != nil:
		return err
	case is == steps.RoleFirst && same:
		return host.NewFault("run the command on the machine that will join", "this machine created this cluster and is a control plane of it")
	case is == steps.RoleFirst:
		return host.NewFault("run the command on the machine that will join; or first delete the cluster of this machine with all its data: podsec-k8s reset",
			"this machine is the control plane of a cluster of its own")
	case !same:
		return host.NewFault("remove this machine from its cluster first: podsec-k8s reset", "this machine is a node of another cluster")
	case is == steps.RoleWorker && j.ControlPlane:
		return host.NewFault("remove it from the cluster first: podsec-k8s reset", "this machine is a worker of that cluster, not a control plane")
	case is == steps.RoleControl && !j.ControlPlane:
		return host.NewFault("remove it from the cluster first: podsec-k8s reset", "this machine is a control plane of that cluster, not a worker")
	}
	return nil
}

func checkRoleOfMaster(is steps.Role) error {
	switch is {
	case steps.RoleWorker:
		return host.NewFault("run the command on another machine; or remove this one from its cluster first: podsec-k8s reset",
			"this machine is a worker of a cluster that it joined")
	case steps.RoleControl:
		return host.NewFault("run the command on another machine; or remove this one from its cluster first: podsec-k8s reset",
			"this machine is a control plane of a cluster that it joined")
	default:
		return nil
	}
}

// ofThisCluster reports whether the certificate authority of this node's cluster
// is one of those that the request allows.
func ofThisCluster(j kubeadm.JoinRequest) (bool, error) {
	data, err := host.ReadFile(node.StatePath(node.CAFile))
	if err != nil {
		return false, message.Errorf("reading the certificate authority of this node's cluster: %w", err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return false, message.Errorf("reading the certificate authority of this node's cluster: %w", err)
		}
		sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		if slices.ContainsFunc(j.CAHashes, func(hash string) bool { return strings.EqualFold(hash, "sha256:"+hex.EncodeToString(sum[:])) }) {
			return true, nil
		}
	}
	return false, nil
}

// check names what a call asks for that the node was not made with.
func check(a steps.Asked, o Options, j *kubeadm.JoinRequest, n node.Node, known bool) error {
	if o.NodeIP != "" && o.NodeIP != a.NodeIP && o.NodeIP != n.IP.String() {
		return host.NewFault("give the node that address: podsec-k8s change-address", "this machine is already a node, created with another --%s", "node-ip")
	}
	if o.Network != "" && o.Network != a.Network && o.Network != n.Mode().Name {
		return madeOtherwise("network")
	}
	if err := checkConfig(a, o, j); err != nil || !known {
		return err
	}
	for _, name := range o.GivenArchives {
		if !slices.Contains(a.Archives, name) {
			return host.WithRemedy(message.Errorf("this machine is already a node: this command loads no more images"),
				"load them: podsec-k8s image load %s", name)
		}
	}
	if o.Audit.Mode != "" && o.askedAudit() != a.Audit {
		return host.NewFault("change it: podsec-k8s audit set MODE", "this machine is already a node, created with another --%s", "audit")
	}
	if o.Upload && !a.Upload {
		return host.NewFault("to print the command for more control planes: podsec-k8s token create --control-plane", "this machine is already a node: another command shares its certificates now")
	}
	return nil
}

func madeOtherwise(flag string) error {
	return host.NewFault("leave the node as it is; or create it again, which deletes its cluster here: podsec-k8s reset",
		"this machine is already a node, created with another --%s", flag)
}

// checkConfig lays what a call says of kubeadm's configuration over the one that
// the node was made by: nothing may change.
func checkConfig(a steps.Asked, o Options, j *kubeadm.JoinRequest) error {
	if a.Config == "" {
		return nil
	}
	known := kubeadm.InitFlags()
	if j != nil {
		known = kubeadm.JoinFlags()
	}
	args, err := kubeadm.ParseArgs(known, o.Flags)
	if err != nil {
		return err
	}
	for _, s := range args.Settings {
		if same, err := holds(a, func(c kubeadm.Config) error { kubeadm.Args{Settings: []kubeadm.Setting{s}}.Apply(c); return nil }); err != nil || !same {
			return errors.Join(err, madeOtherwise(s.Flag))
		}
	}
	all := func(c kubeadm.Config) error {
		err := c.Overlay(o.ConfigName, o.Config)
		args.Apply(c) // a flag wins over the file, as it did then
		return err
	}
	if same, err := holds(a, all); err != nil || !same {
		return errors.Join(err, madeOtherwise("config"))
	}
	return nil
}

// holds reports whether a change leaves the configuration as it is.
func holds(a steps.Asked, change func(kubeadm.Config) error) (bool, error) {
	before, err := document.Parse([]byte(a.Config))
	if err != nil {
		return false, err
	}
	docs, err := document.Parse([]byte(a.Config))
	if err != nil {
		return false, err
	}
	after := kubeadm.Config{}
	for _, doc := range docs {
		kind, _ := doc["kind"].(string)
		after[kind] = doc
	}
	if err := change(after); err != nil {
		return false, err
	}
	data, err := after.Bytes()
	if err != nil {
		return false, err
	}
	if docs, err = document.Parse(data); err != nil {
		return false, err
	}
	return sameDocuments(withoutSecrets(before), withoutSecrets(docs)), nil
}

// sameDocuments compares documents by their kinds.
func sameDocuments(a, b []document.Document) bool {
	byKind := func(docs []document.Document) map[any]document.Document {
		all := map[any]document.Document{}
		for _, doc := range docs {
			all[doc["kind"]] = doc
		}
		return all
	}
	return reflect.DeepEqual(byKind(a), byKind(b))
}
