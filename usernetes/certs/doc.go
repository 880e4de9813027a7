// Package certs reads the certificates of a node and its cluster, warns of those
// that end soon, and signs one for a kubelet that has none.
package certs
