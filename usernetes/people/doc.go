// Package people gives persons their certificates and rights in a cluster, and
// takes the rights away.
package people
