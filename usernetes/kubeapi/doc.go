// Package kubeapi asks a cluster's API, by a kubeconfig of the node.
package kubeapi
