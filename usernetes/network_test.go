package usernetes

import "testing"

// TestNodeRightsAreTheFewest: node identities are given one role, which only
// reads Nodes.
func TestNodeRightsAreTheFewest(t *testing.T) {
	docs, err := parseDocuments([]byte(nodeRights))
	if err != nil || len(docs) != 1 || docs[0]["kind"] != "ClusterRoleBinding" || nested(docs[0], "roleRef")["name"] != "system:node-proxier" {
		t.Errorf("%v, %v", docs, err)
	}
}
