package usernetes

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// asked is what is kept of a call and the configuration that it came to.
func (o Options) asked(config []byte) (Asked, error) {
	docs, err := parseDocuments(config)
	if err != nil {
		return Asked{}, err
	}
	kept, err := formatDocuments(withoutSecrets(docs))
	return Asked{o.NodeIP, o.Network, o.GivenArchives, o.Upload, string(kept)}, err
}

// withoutSecrets takes tokens and keys out of a kubeadm configuration, with what
// is of no use once they have done their work.
func withoutSecrets(docs []document) []document {
	for _, doc := range docs {
		switch doc["kind"] {
		case kindInit:
			delete(doc, "certificateKey")
			delete(doc, "bootstrapTokens")
		case kindJoin:
			delete(doc, "discovery")
			if plane, ok := doc["controlPlane"].(document); ok {
				delete(plane, "certificateKey")
			}
		}
	}
	return docs
}

// CheckMade tells whether a call asks this machine for what it is already, in
// whole or in part. A node is never made into another one in passing: what asks
// for that is a fault. j is nil for a new cluster.
func CheckMade(o Options, j *JoinRequest) error {
	s, err := loadSteps()
	if err != nil {
		return err
	}
	n, err := LoadNode()
	var damaged *damagedError
	if isMissing(err) || errors.As(err, &damaged) && !s.Finished { // then it is written anew
		return nil
	}
	if err != nil {
		return err
	}
	if err := checkRole(s.role(n), j); err != nil || !s.Finished {
		return err
	}
	asked, known := s.asked()
	return asked.check(o, j, n, known)
}

// checkRole compares what the machine is with what it is to become.
func checkRole(is role, j *JoinRequest) error {
	if j == nil {
		return checkRoleOfMaster(is)
	}
	if is == roleNone {
		return nil
	}
	same, err := j.ofThisCluster()
	switch {
	case err != nil:
		return err
	case is == roleFirst && same:
		return host.NewFault("run the command on the machine that is to join", "this machine made this very cluster, and is a control plane of it")
	case is == roleFirst:
		return host.NewFault("run the command on the machine that is to join; or give up the cluster of this machine first, with all of its data: podsec-k8s reset",
			"this machine is the control plane of a cluster of its own")
	case !same:
		return host.NewFault("take this machine out of its cluster first: podsec-k8s reset", "this machine is a node of another cluster")
	case is == roleWorker && j.ControlPlane:
		return host.NewFault("take it out of the cluster first: podsec-k8s reset", "this machine is a worker of that cluster, no control plane")
	case is == roleControl && !j.ControlPlane:
		return host.NewFault("take it out of the cluster first: podsec-k8s reset", "this machine is a control plane of that cluster, no worker")
	}
	return nil
}

func checkRoleOfMaster(is role) error {
	switch is {
	case roleWorker:
		return host.NewFault("run the command on another machine; or take this one out of its cluster first: podsec-k8s reset",
			"this machine is a worker of a cluster that it joined")
	case roleControl:
		return host.NewFault("run the command on another machine; or take this one out of its cluster first: podsec-k8s reset",
			"this machine is a control plane of a cluster that it joined")
	default:
		return nil
	}
}

// ofThisCluster tells whether the certificate authority of this node's cluster
// is one of those that the request allows.
func (j JoinRequest) ofThisCluster() (bool, error) {
	data, err := host.ReadFile(kept(caFile))
	if err != nil {
		return false, fmt.Errorf("reading the certificate authority of this node's cluster: %w", err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return false, fmt.Errorf("reading the certificate authority of this node's cluster: %w", err)
		}
		sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		if slices.ContainsFunc(j.CAHashes, func(hash string) bool { return strings.EqualFold(hash, "sha256:"+hex.EncodeToString(sum[:])) }) {
			return true, nil
		}
	}
	return false, nil
}

// check names what a call asks for that the node was not made with.
func (a Asked) check(o Options, j *JoinRequest, n Node, known bool) error {
	if o.NodeIP != "" && o.NodeIP != a.NodeIP && o.NodeIP != n.IP.String() {
		return madeOtherwise("node-ip")
	}
	if o.Network != "" && o.Network != a.Network && o.Network != n.mode() {
		return madeOtherwise("network")
	}
	if err := a.checkConfig(o, j); err != nil || !known {
		return err
	}
	for _, name := range o.GivenArchives {
		if !slices.Contains(a.Archives, name) {
			return host.NewFault("load them: podsec-k8s image load "+name, "this machine is a node already: no images are loaded on the way any more")
		}
	}
	if o.Upload && !a.Upload {
		return host.NewFault("print the command for the others: podsec-k8s token create --control-plane", "this machine is a node already: its certificates are shared by another command now")
	}
	return nil
}

func madeOtherwise(flag string) error {
	return host.NewFault("leave it as it is; or make it anew, which deletes its cluster here: podsec-k8s reset",
		"this machine is a node already, and was made with another --%s", flag)
}

// checkConfig lays what a call says of kubeadm's configuration over the one that
// the node was made by: nothing may change.
func (a Asked) checkConfig(o Options, j *JoinRequest) error {
	if a.Config == "" {
		return nil
	}
	known := initFlags()
	if j != nil {
		known = joinFlags()
	}
	args, err := parseKubeadmArgs(known, o.Flags)
	if err != nil {
		return err
	}
	for _, s := range args.settings {
		if same, err := a.holds(func(c kubeadmConfig) error { kubeadmArgs{settings: []setting{s}}.apply(c); return nil }); err != nil || !same {
			return errors.Join(err, madeOtherwise(s.flag))
		}
	}
	all := func(c kubeadmConfig) error {
		err := c.overlay(o.ConfigName, o.Config)
		args.apply(c) // a flag wins over the file, as it did then
		return err
	}
	if same, err := a.holds(all); err != nil || !same {
		return errors.Join(err, madeOtherwise("config"))
	}
	return nil
}

// holds tells whether a change leaves the configuration as it is.
func (a Asked) holds(change func(kubeadmConfig) error) (bool, error) {
	before, err := parseDocuments([]byte(a.Config))
	if err != nil {
		return false, err
	}
	docs, err := parseDocuments([]byte(a.Config))
	if err != nil {
		return false, err
	}
	after := kubeadmConfig{}
	for _, doc := range docs {
		kind, _ := doc["kind"].(string)
		after[kind] = doc
	}
	if err := change(after); err != nil {
		return false, err
	}
	data, err := after.bytes()
	if err != nil {
		return false, err
	}
	if docs, err = parseDocuments(data); err != nil {
		return false, err
	}
	return sameDocuments(withoutSecrets(before), withoutSecrets(docs)), nil
}

// sameDocuments compares documents by their kinds.
func sameDocuments(a, b []document) bool {
	byKind := func(docs []document) map[any]document {
		all := map[any]document{}
		for _, doc := range docs {
			all[doc["kind"]] = doc
		}
		return all
	}
	return reflect.DeepEqual(byKind(a), byKind(b))
}
