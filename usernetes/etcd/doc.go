// Package etcd takes this node's member out of the cluster's etcd, where the
// others keep their quorum without it.
package etcd
