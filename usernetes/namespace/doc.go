// Package namespace makes RootlessKit's namespaces, keeps their network, and runs
// programs in them.
package namespace
