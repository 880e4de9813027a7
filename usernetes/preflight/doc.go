// Package preflight gathers facts of a machine, and finds in them what keeps it
// from being a node.
package preflight
