// Package membership knows whether a machine is still a node of its cluster, and
// records in the cluster which nodes were removed.
package membership
