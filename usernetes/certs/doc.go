// Package certs reads the certificates of a node and its cluster, and says which of
// them end soon.
package certs
