// Package ports publishes what Services and Pods ask for on the machine's
// addresses.
package ports
