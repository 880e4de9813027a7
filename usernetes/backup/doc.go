// Package backup is the file in which a cluster is kept: its form, what is put into
// it on a control plane, and what a new control plane takes out of it.
package backup
