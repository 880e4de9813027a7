// Package guard is what kubelet.service does: it starts the node, watches it,
// and stops it with the machine.
package guard
