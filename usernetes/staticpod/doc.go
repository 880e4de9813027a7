// Package staticpod makes services and stand-in pods of kubeadm's static pod
// manifests. A stand-in is a static pod that only waits; its mirror pod shows the
// service in the cluster.
package staticpod
