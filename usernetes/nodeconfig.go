package usernetes

import (
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// nodeConfig is what kubeadm makes this node's files of: the cluster's configuration,
// and what is this node's own, with the patches that it was made with.
func nodeConfig(n node.Node, cluster document.Document) (kubeadm.Config, error) {
	own := document.Document{
		"apiVersion": cluster["apiVersion"], "kind": kubeadm.KindInit,
		"localAPIEndpoint": document.Document{"advertiseAddress": n.IP.String(), "bindPort": n.APIPort},
		"nodeRegistration": document.Document{"name": n.Name, "criSocket": "unix://" + node.CRIOSocket},
	}
	s, err := steps.LoadSteps()
	if err != nil {
		return nil, err
	}
	asked, _ := s.AskedFor()
	docs, err := document.Parse([]byte(asked.Config))
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if doc["kind"] != kubeadm.KindInit && doc["kind"] != kubeadm.KindJoin {
			continue
		}
		for _, field := range []string{"patches", "timeouts"} { // by the timeouts kubeadm makes the probes
			if doc[field] != nil {
				own[field] = doc[field]
			}
		}
	}
	return kubeadm.Config{kubeadm.KindInit: own, kubeadm.KindCluster: cluster}, nil
}
