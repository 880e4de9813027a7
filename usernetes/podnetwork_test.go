package usernetes

import (
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// TestNodeRightsAreTheFewest: node identities are given one role, which only
// reads Nodes.
func TestNodeRightsAreTheFewest(t *testing.T) {
	docs, err := document.Parse([]byte(nodeRights))
	if err != nil || len(docs) != 1 || docs[0]["kind"] != "ClusterRoleBinding" || staticpod.Nested(docs[0], "roleRef")["name"] != "system:node-proxier" {
		t.Errorf("%v, %v", docs, err)
	}
}
