// Package etcd takes this node's member, or another one's, out of the cluster's
// etcd, where the others keep their quorum without it.
package etcd
