// Package kubeadm is kubeadm's configuration, flags and join tickets, as data.
package kubeadm
