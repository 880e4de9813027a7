// Package netpolicy has NetworkPolicies enforced on a node, by kube-router, and takes
// its rules away again.
package netpolicy
