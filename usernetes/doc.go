// Package usernetes is what is done to a rootless Kubernetes node: it is made,
// joined to a cluster, reset, and its services are run. The rooms below it know
// what the node is made of; each knows only rooms below itself, see
// docs/design.md. All of it runs as the system user u7s-admin.
package usernetes
