// Package audit is the audit log of kube-apiserver as data: its policies, the
// arguments that make it, and what a cluster's configuration says of it.
package audit
